"""Which images a folder holds, and which split and class each belongs to; works on names, opens nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.datasets.source import shuffled, val_count
from bench.errors import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
TEST_LIMIT = 10_000
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Layout:
    """How the images of a folder are used.

    Attributes:
        names: split -> file names relative to the folder, in the order of the split.
        classes: class names, sorted; empty if the images have no classes.
        folder_splits: whether the first part of a name is its split.
    """

    names: Mapping[str, tuple[str, ...]]
    classes: tuple[str, ...]
    folder_splits: bool

    def class_of(self, name: str) -> str:
        """Class name of an image."""
        return name.split("/")[int(self.folder_splits)]


def list_images(root: Path) -> list[str]:
    """Names of all image files under ``root``, relative with ``/``, sorted; hidden files and folders are left out.

    Raises:
        DataError: no such folder, or no image in it.
    """
    if not root.is_dir():
        raise DataError(f"folder {root}: no such folder")
    names = []
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place) / name for name in files if not name.startswith("."))
        names += [path.relative_to(root).as_posix() for path in paths if path.suffix.lower() in SUFFIXES]
    if not names:
        raise DataError(f"folder {root}: no image in it (looked for {', '.join(sorted(SUFFIXES))})")
    return sorted(names)


def lay_out(root: Path, names: Sequence[str]) -> Layout:
    """Assign images to splits and classes.

    Sub-folders ``train`` and ``test`` are the splits when both exist, and ``val`` too if it is there; otherwise
    ``val`` is carved from ``train``. Without them a seeded shuffle gives a tenth to ``test`` (at most 10,000), a
    tenth of the rest to ``val`` (at most 5,000), and the others to ``train``. Every split is in a seeded random
    order, so that its first images are a fair sample. The next folder level is the class, if every image lies in one.

    Raises:
        DataError: images outside of the split folders, or too few for three splits.
    """
    by_folder = (root / "train").is_dir() and (root / "test").is_dir()
    splits = _by_folder(root, names) if by_folder else _by_shuffle(names)
    empty = [split for split in SPLITS if not splits[split]]
    if empty:
        raise DataError(f"folder {root}: {len(names)} images leave none for '{empty[0]}'; add images")
    inner = [name.split("/")[int(by_folder) :] for name in names]
    classes = sorted({parts[0] for parts in inner}) if all(len(parts) > 1 for parts in inner) else []
    return Layout({split: tuple(splits[split]) for split in SPLITS}, tuple(classes), by_folder)


def _by_folder(root: Path, names: Sequence[str]) -> dict[str, list[str]]:
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    for name in names:
        first, _, rest = name.partition("/")
        if not rest or first not in splits:
            raise DataError(
                f"folder {root}: has train/ and test/, but '{name}' lies outside of train/, val/ and test/"
            )
        splits[first].append(name)
    splits = {split: _shuffle(found) for split, found in splits.items()}
    if not (root / "val").is_dir():
        splits["train"], splits["val"] = _cut(splits["train"], val_count(len(splits["train"])))
    return splits


def _by_shuffle(names: Sequence[str]) -> dict[str, list[str]]:
    rest, test = _cut(_shuffle(names), max(1, min(TEST_LIMIT, len(names) // 10)))
    train, val = _cut(rest, val_count(len(rest)))
    return {"train": train, "val": val, "test": test}


def _cut(names: list[str], count: int) -> tuple[list[str], list[str]]:
    return names[count:], names[:count]


def _shuffle(names: Sequence[str]) -> list[str]:
    return [names[i] for i in shuffled(len(names))]
