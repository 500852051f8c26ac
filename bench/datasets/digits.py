"""The handwritten digits of scikit-learn: available without a download, for trials and tests."""

from __future__ import annotations

import gzip
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.core.errors import DataError
from bench.core.files import digest, sha256
from bench.core.registry import dataset
from bench.core.types import Dataset
from bench.datasets.source import SPLIT_SEED, GuardedSource, Split, shuffled, to_dataset

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 28
SIDES = (8, 128)
LEVELS = 16
TEST_COUNT = 360
TINT_SEED = 1
DARKEST = 0.25
"""Smallest factor of a channel in a tint."""


@dataset("digits")
@dataclass
class Digits(GuardedSource):
    """Scikit-learn's 1,797 handwritten digits, 8 x 8, enlarged to 28 x 28; part of scikit-learn, no download.

    A seeded shuffle gives 360 test images; of the other 1,437, 143 are ``val``. Grey levels 0..16 are scaled to
    0..255; then pictures are enlarged bilinearly (half-pixel centres).

    Attributes:
        side: side of the pictures in pixels.
        channels: 1 for grey; 3 gives each picture a tint of its own, drawn from a fixed seed.

    Example:
        >>> from bench.datasets.catalogue import open_dataset
        >>> data = open_dataset("digits").load()
        >>> len(data.train), len(data.val), len(data.test), data.shape
        (1294, 143, 360, (1, 28, 28))
        >>> data.test.data.min().item(), data.test.data.max().item()
        (0, 255)
    """

    side: int = SIDE
    channels: Literal[1, 3] = 1

    def __post_init__(self) -> None:
        if not SIDES[0] <= self.side <= SIDES[1]:
            raise ValueError(f"side = {self.side} should be {SIDES[0]} to {SIDES[1]} pixels")

    def identity(self) -> str:
        """Return a hash of scikit-learn's file, the size, the split and, in colour, the tints."""
        tints = [TINT_SEED, DARKEST] if self.channels == 3 else []
        return f"digits-{digest([sha256(_file()), self.side, SPLIT_SEED, TEST_COUNT, *tints])}"

    def availability(self) -> tuple[bool, str]:
        """Return True if scikit-learn is installed, with the location of its file."""
        try:
            return True, str(_file())
        except DataError as error:
            return False, str(error)

    def get(self) -> str:
        """Return the location of scikit-learn's file."""
        return str(_file())

    def read(self) -> Dataset:
        """Read images ``[N, channels, side, side]`` uint8 and their digits."""
        import numpy as np

        with gzip.open(_file(), "rt") as file:  # importing scikit-learn for it takes seconds
            table = np.loadtxt(file, delimiter=",")
        images, labels = enlarge(table[:, :-1].reshape(-1, 8, 8), self.side), table[:, -1].astype("int64")
        if self.channels == 3:
            images = tinted(images)
        order = shuffled(len(images))
        test, train = order[:TEST_COUNT], order[TEST_COUNT:]
        classes = tuple(map(str, range(10)))
        return to_dataset("digits", classes, Split(images[train], labels[train]), Split(images[test], labels[test]))


def enlarge(images: NDArray[Any], side: int = SIDE) -> NDArray[np.uint8]:
    """Convert levels 0..16 ``[N, 8, 8]`` to uint8 pictures ``[N, 1, side, side]``."""
    import numpy as np
    from PIL import Image

    levels = np.rint(images * (255 / LEVELS)).astype(np.uint8)
    # Pillow resizes in fixed-point arithmetic: the same bytes on every machine.
    large = [Image.fromarray(level).resize((side, side), Image.Resampling.BILINEAR) for level in levels]
    return np.stack([np.asarray(image) for image in large])[:, None]


def tinted(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Multiply each grey picture ``[N, 1, H, W]`` by a colour of its own: ``[N, 3, H, W]``."""
    import numpy as np

    # RandomState's streams are frozen: the same colours for every numpy version.
    colours = np.random.RandomState(TINT_SEED).uniform(DARKEST, 1.0, (len(images), 3, 1, 1))
    return np.stack([np.rint(i * c).astype(np.uint8) for i, c in zip(images, colours, strict=True)])


def _file() -> Path:
    spec = importlib.util.find_spec("sklearn")
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise DataError(f"digits: {path or 'scikit-learn'} is missing; install scikit-learn")
    return path
