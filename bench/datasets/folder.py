"""Any folder of images as a dataset: decoded once, then memory-mapped."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.contracts import Dataset, Images
from bench.datasets.decoding import Decoder, make_once, write_pixels
from bench.datasets.folder_layout import SPLITS, TEST_LIMIT, Layout, lay_out, list_images
from bench.datasets.source import SPLIT_SEED, VAL_LIMIT, Source, to_images
from bench.datasets.source import Split as Arrays
from bench.errors import DataError
from bench.files import digest, write_json
from bench.registry import dataset
from bench.settings import data_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMED_AT_MOST = 5


@dataset("folder")
@dataclass
class Folder(Source):
    """Any folder of images (folder:PATH), decoded once into a memory-mapped cache.

    See ``folder_layout.lay_out`` for splits and classes, ``decoding.Decoder`` for pixels.

    Attributes:
        path: the folder; sub-folders are searched.
        size: side of the square images, in pixels.
        crop: "centre": central square, resized to ``size``. "none": pixels as they are; every file must be
            ``size`` x ``size``.
        channels: 1 or 3.
        on_bad: what to do with a file that is damaged or does not fit: "fail", or "skip" it with a warning.
    """

    path: str
    size: int = 64
    crop: Literal["centre", "none"] = "centre"
    channels: Literal[1, 3] = 3
    on_bad: Literal["fail", "skip"] = "fail"

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("the path is empty; write folder:PATH")
        if self.size < 1:
            raise ValueError(f"size = {self.size}: expected 1 or more pixels")

    def identity(self) -> str:
        """Hash of names, sizes and modification times of the images, the options, and the decoding library."""
        from PIL import __version__ as pillow

        files = [(name, *self._stamp(name)) for name in list_images(self.root)]
        options = [self.size, self.crop, self.channels, self.on_bad]
        return f"folder-{digest([files, options, SPLIT_SEED, VAL_LIMIT, TEST_LIMIT, f'Pillow {pillow}'])}"

    def availability(self) -> tuple[bool, str]:
        """Whether the folder is there and holds an image."""
        try:
            list_images(self.root)
        except DataError as error:
            return False, str(error)
        return True, str(self.root)

    def get(self) -> str:
        """The folder itself.

        Raises:
            DataError: it is not there, or holds no image.
        """
        list_images(self.root)
        return str(self.root)

    def read(self) -> Dataset:
        """Images ``[N, C, size, size]``, memory-mapped from the cache, which is made if need be.

        Raises:
            DataError: too few images, one that cannot be used, or a damaged cache.
            StoreError: the cache cannot be written.
        """
        cache = self.cache()
        facts = _read_facts(cache)
        if facts["skipped"]:
            warnings.warn(f"folder {self.root}: {_summary(facts['skipped'], cache)}", stacklevel=3)
        train, val, test = (_open_split(cache, split) for split in SPLITS)
        return Dataset(f"folder:{self.root.name}", train, val, tuple(facts["classes"]), test=test)

    def cache(self) -> Path:
        """The folder of decoded images, made if need be; without torch. Raises what ``read`` raises."""
        identity = self.identity()
        cache = data_folder() / "folder-cache" / identity
        make_once(cache, partial(self._fill, identity))
        return cache

    @property
    def root(self) -> Path:
        """The folder as an absolute path."""
        return Path(self.path).expanduser().absolute()

    def _stamp(self, name: str) -> tuple[int, int]:
        try:
            stat = (self.root / name).stat()
        except OSError as error:
            raise DataError(f"folder {self.root}: cannot read '{name}': {error.strerror or error}") from error
        return stat.st_size, stat.st_mtime_ns

    def _fill(self, identity: str, cache: Path) -> None:
        layout = lay_out(self.root, list_images(self.root))
        skipped: dict[str, str] = {}
        for split in SPLITS:
            skipped |= self._decode_split(cache, layout, split)
        if self.identity() != identity:
            raise DataError(f"folder {self.root}: changed while it was read; try again")
        write_json(cache / "facts.json", {"classes": layout.classes, "skipped": skipped, "path": str(self.root)})

    def _decode_split(self, cache: Path, layout: Layout, split: str) -> dict[str, str]:
        import numpy as np

        names = layout.names[split]
        skipped: dict[str, str] = {}

        def refuse(index: int, reason: str) -> None:
            if self.on_bad == "fail":
                raise DataError(
                    f"folder {self.root}: cannot use '{names[index]}': {reason}; mend it, or set on_bad = 'skip'"
                )
            skipped[names[index]] = reason

        decoder = Decoder(self.size, self.crop, self.channels)
        kept = write_pixels(cache / f"{split}.npy", decoder, [self.root / name for name in names], refuse)
        if not kept:
            raise DataError(f"folder {self.root}: no usable image for '{split}': {_summary(skipped)}")
        if layout.classes:
            numbers = {name: number for number, name in enumerate(layout.classes)}
            labels = np.array([numbers[layout.class_of(names[i])] for i in kept], np.int64)
            np.save(cache / f"{split}-labels.npy", labels)
        return skipped


def _open_split(cache: Path, split: str) -> Images:
    labels = cache / f"{split}-labels.npy"
    return to_images(Arrays(_map(cache / f"{split}.npy"), _map(labels) if labels.is_file() else None))


def _map(path: Path) -> NDArray[Any]:
    import numpy as np

    try:
        # Copy-on-write: torch wants writable memory, and nothing that is written reaches the file.
        array: NDArray[Any] = np.load(path, mmap_mode="c")
    except (OSError, ValueError) as error:
        raise _damaged(path.parent, error) from error
    return array


def _read_facts(cache: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((cache / "facts.json").read_text())
    except (OSError, ValueError) as error:
        raise _damaged(cache, error) from error
    return facts


def _damaged(cache: Path, error: Exception) -> DataError:
    return DataError(f"{cache}: damaged cache of decoded images ({error}); delete this folder and try again")


def _summary(skipped: dict[str, str], cache: Path | None = None) -> str:
    named: Sequence[str] = [f"'{name}' ({reason})" for name, reason in list(skipped.items())[:NAMED_AT_MOST]]
    more = len(skipped) - len(named)
    rest = f" and {more} more" if more else ""
    place = f"; all are listed in {cache / 'facts.json'}" if more and cache else ""
    return f"{len(skipped)} images skipped: {', '.join(named)}{rest}{place}"
