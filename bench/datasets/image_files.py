"""Base of datasets of image files, decoded once into a memory-mapped cache whose key is their content."""

from __future__ import annotations

import dataclasses
import inspect
import json
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import DataError
from bench.core.files import digest, write_json
from bench.core.fingerprints import CodeReader
from bench.core.paths import data_folder
from bench.core.types import Dataset, Images
from bench.datasets.content import content_hashes
from bench.datasets.decoding import Decoder, make_once, write_pixels
from bench.datasets.layouts import SPLITS, Layout
from bench.datasets.source import SPLIT_SEED, VAL_LIMIT, GuardedSource, to_images
from bench.datasets.source import Split as Arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMED_AT_MOST = 5


@dataclass
class ImageFiles(GuardedSource):
    """Base of a dataset of image files; subclasses define the files, their layout, and the decoder of one file.

    Only ``read`` loads torch.
    """

    @property
    @abstractmethod
    def root(self) -> Path:
        """The folder that holds the files.

        Raises:
            DataError: the data are missing.
        """

    @abstractmethod
    def list_inputs(self) -> Sequence[str]:
        """Return the names of all files that determine the content, relative to ``root``, in a fixed order.

        Raises:
            DataError: the data are missing.
        """

    @abstractmethod
    def layout(self) -> Layout:
        """Return splits, classes and attributes; may read lists of the dataset, but opens no image.

        Raises:
            DataError: files contradict each other, or there are too few.
        """

    @abstractmethod
    def decoder(self) -> Decoder:
        """Return the decoder of one file."""

    @property
    def title(self) -> str:
        """Name of the loaded dataset."""
        return self.registered_name

    @property
    def who(self) -> str:
        """Name and folder of the dataset, as errors state them."""
        return f"{self.registered_name} {self.root}"

    def rules(self) -> dict[str, Any]:
        """Return everything else that determines the content, JSON-able: all options by default."""
        return {option.name: getattr(self, option.name) for option in dataclasses.fields(self)}

    def skips_bad(self) -> bool:
        """Return True if an unusable file is skipped with a warning; otherwise it is an error."""
        return False

    def identity(self) -> str:
        """Return a hash of the files' names and content, the rules, the reading code, and Pillow's version."""
        from PIL import __version__ as pillow

        names = self.list_inputs()
        files = list(zip(names, content_hashes(self.root, names, self.who), strict=True))
        code = CodeReader().file(Path(inspect.getfile(type(self))).resolve()).fingerprint
        rules = [self.rules(), repr(self.decoder()), code, SPLIT_SEED, VAL_LIMIT, f"Pillow {pillow}"]
        return f"{self.registered_name}-{digest([files, rules])}"

    def read(self) -> Dataset:
        """Read images ``[N, C, H, W]``, memory-mapped from the cache, which is created if necessary.

        Raises:
            DataError: there are too few images, one is unusable, or the cache is damaged.
            StoreError: the cache cannot be written.
        """
        cache = self.cache()
        facts = _read_facts(cache)
        for text in self.remarks(facts, cache):
            warnings.warn(f"{self.who}: {text}", stacklevel=3)
        train, val, test = (_open_split(cache, split, facts) for split in SPLITS)
        return Dataset(self.title, train, val, tuple(facts["classes"]), test=test)

    def remarks(self, facts: Mapping[str, Any], cache: Path) -> list[str]:
        """Return warnings about the content of a cache; ``facts`` is the file that ``_fill`` writes."""
        return [_summary(facts["skipped"], cache)] if facts["skipped"] else []

    def cache(self) -> Path:
        """Return the folder of decoded images, created if necessary; without torch. Raises the errors of ``read``."""
        identity = self.identity()
        cache = data_folder() / f"{self.registered_name}-cache" / identity
        make_once(cache, partial(self._fill, identity))
        return cache

    def _fill(self, identity: str, cache: Path) -> None:
        layout = self.layout()
        skipped: dict[str, str] = {}
        for split in SPLITS:
            skipped |= self._decode_split(cache, layout, split)
        if self.identity() != identity:
            raise DataError(f"{self.who}: changed while it was read; try again")
        facts = {
            "attributes": layout.attribute_names,
            "classes": layout.classes,
            "found": dict(layout.found),
            "path": str(self.root),
            "skipped": skipped,
        }
        write_json(cache / "facts.json", facts)

    def _decode_split(self, cache: Path, layout: Layout, split: str) -> dict[str, str]:
        import numpy as np

        root, names = self.root, layout.names[split]
        skipped: dict[str, str] = {}

        def refuse(index: int, reason: str) -> None:
            if not self.skips_bad():
                hint = " it, or set on_bad = 'skip'" if _has_option(self, "on_bad") else " the file"
                raise DataError(f"{self.who}: cannot use '{names[index]}': {reason}; mend{hint}")
            skipped[names[index]] = reason

        kept = write_pixels(cache / f"{split}.npy", self.decoder(), [root / name for name in names], refuse)
        if not kept:
            raise DataError(f"{self.who}: no usable image for '{split}': {_summary(skipped)}")
        if layout.classes:
            numbers = {name: number for number, name in enumerate(layout.classes)}
            labels = np.array([numbers[layout.class_of(names[i])] for i in kept], np.int64)
            np.save(cache / f"{split}-labels.npy", labels)
        if layout.attribute_names:
            np.save(cache / f"{split}-attributes.npy", layout.attributes[split][kept])
        return skipped


def _has_option(source: ImageFiles, name: str) -> bool:
    return any(option.name == name for option in dataclasses.fields(source))


def _open_split(cache: Path, split: str, facts: Mapping[str, Any]) -> Images:
    labels = _map(cache / f"{split}-labels.npy") if facts["classes"] else None
    attributes = _map(cache / f"{split}-attributes.npy") if facts["attributes"] else None
    return to_images(Arrays(_map(cache / f"{split}.npy"), labels, attributes), facts["attributes"])


def _map(path: Path) -> NDArray[Any]:
    import numpy as np

    try:
        # Copy-on-write: torch requires writable memory; writes do not reach the file.
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


def _summary(skipped: Mapping[str, str], cache: Path | None = None) -> str:
    named: Sequence[str] = [f"'{name}' ({reason})" for name, reason in list(skipped.items())[:NAMED_AT_MOST]]
    more = len(skipped) - len(named)
    rest = f" and {more} more" if more else ""
    place = f"; all are listed in {cache / 'facts.json'}" if more and cache else ""
    return f"{len(skipped)} images skipped: {', '.join(named)}{rest}{place}"
