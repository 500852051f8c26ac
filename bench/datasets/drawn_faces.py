"""Cartoon faces drawn from known attributes; no download."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import DataError
from bench.core.files import digest
from bench.core.fingerprints import CodeReader
from bench.core.paths import data_folder
from bench.core.registry import dataset
from bench.core.types import Dataset, Images
from bench.datasets.decoding import make_once
from bench.datasets.source import GuardedSource, Split, to_images

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDES = (64, 128)
SPLITS = ("train", "val", "test")
"""Splits in the order of their streams of random numbers."""
CHUNK = 256
"""Faces that are drawn at a time before they are written."""


@dataset("drawn-faces")
@dataclass
class DrawnFaces(GuardedSource):
    """Cartoon faces with 15 known attributes, drawn from a seed, no download; a stand-in for CelebA.

    Attributes have their names and roughly their dependences of CelebA (see ``faces.people.CHAIN``), but the pictures
    are drawings: results on them do not apply to photographs. Pose, light, background, build, hair, clothes and
    colours vary independently. Pictures of 64 pixels are the 2 x 2 means of those of 128. A larger set begins with
    the images of a smaller one. The pictures are drawn once, into a cache.

    Attributes:
        side: side of the pictures, 64 or 128 pixels.
        train: number of training images.
        val: number of validation images; each split is drawn independently.
        test: number of test images.
        seed: seed of all draws; each split has its own stream.

    Example:
        >>> from bench.datasets.catalogue import open_dataset
        >>> data = open_dataset("drawn-faces", {"train": 4, "val": 1, "test": 2}).load()
        >>> tuple(data.train.data.shape), tuple(data.test.attributes.shape)
        ((4, 3, 64, 64), (2, 15))
        >>> data.test.attribute_names[:3]
        ('Bald', 'Bangs', 'Black_Hair')
    """

    side: int = 64
    train: int = 20_000
    val: int = 2_000
    test: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise ValueError(f"side = {self.side}: expected 64 or 128 pixels")
        for split in SPLITS:
            if getattr(self, split) < 1:
                raise ValueError(f"{split} = {getattr(self, split)}: expected 1 or more images")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed = {self.seed}: expected 0 to {2**32 - 1}")

    def identity(self) -> str:
        """Return a hash of the options and of the drawing code."""
        return f"drawn-faces-{digest([asdict(self), CodeReader().module(__name__).fingerprint])}"

    def availability(self) -> tuple[bool, str]:
        """Return True: the pictures are drawn when needed."""
        return True, "drawn when needed"

    def get(self) -> str:
        """Draw the pictures unless the cache holds them; return their folder.

        Raises:
            StoreError: the cache cannot be written.
        """
        return str(self.cache())

    def read(self) -> Dataset:
        """Read images ``[N, 3, side, side]``, memory-mapped from the cache, which is created if necessary.

        Raises:
            DataError: the cache is damaged.
            StoreError: the cache cannot be written.
        """
        cache = self.cache()
        train, val, test = (self._open(cache, split) for split in SPLITS)
        return Dataset("drawn-faces", train, val, test=test)

    def cache(self) -> Path:
        """Return the folder of drawn pictures, created if necessary; without torch.

        Raises:
            StoreError: the folder cannot be written.
        """
        cache = data_folder() / "drawn-faces" / self.identity()
        make_once(cache, self._fill)
        return cache

    def _fill(self, cache: Path) -> None:
        for split in SPLITS:
            self._draw_split(cache, split)

    def _draw_split(self, cache: Path, split: str) -> None:
        import numpy as np

        from bench.datasets.faces.drawing import draw
        from bench.datasets.faces.people import COLUMNS, gather

        count = getattr(self, split)
        # RandomState's streams are frozen; row i belongs to face i, for any number of faces.
        stream = np.random.RandomState([self.seed, SPLITS.index(split)])
        people = gather(stream.random_sample((count, COLUMNS)))
        np.save(cache / f"{split}-attributes.npy", people.attributes)
        pictures = np.lib.format.open_memmap(cache / f"{split}.npy", "w+", np.uint8, (count, 3, self.side, self.side))
        for start in range(0, count, CHUNK):
            part = slice(start, start + CHUNK)
            pictures[part] = draw(people.take(part), self.side)
        pictures.flush()

    def _open(self, cache: Path, split: str) -> Images:
        from bench.datasets.faces.people import ATTRIBUTES

        pictures, attributes = _map(cache / f"{split}.npy"), _map(cache / f"{split}-attributes.npy")
        shape = (getattr(self, split), 3, self.side, self.side)
        if pictures.shape != shape:
            raise _damaged(cache, f"{split}.npy holds {pictures.shape}, expected {shape}")
        return to_images(Split(pictures, attributes=attributes), ATTRIBUTES)


def _map(path: Path) -> NDArray[Any]:
    import numpy as np

    try:
        # Copy-on-write: torch requires writable memory; writes do not reach the file.
        array: NDArray[Any] = np.load(path, mmap_mode="c")
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path.parent, str(error)) from error
    return array


def _damaged(cache: Path, reason: str) -> DataError:
    return DataError(f"{cache}: damaged cache of drawn faces ({reason}); delete this folder and try again")
