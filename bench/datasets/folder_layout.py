"""Splits and classes of any folder of images, from the names of its sub-folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.core.errors import DataError
from bench.datasets.layouts import SPLITS, Layout, shuffle
from bench.datasets.source import val_count

TEST_LIMIT = 10_000


def lay_out(root: Path, names: Sequence[str]) -> Layout:
    """Assign images to splits and classes.

    Sub-folders ``train`` and ``test`` are the splits if both exist, as is ``val``; if there is no ``val``, it is
    taken from ``train``. Without these folders a seeded shuffle assigns a tenth to ``test`` (at most 10,000), a tenth
    of the rest to ``val`` (at most 5,000), and the others to ``train``. Every split is in a seeded random order, so
    that its first images are a fair sample. The next level of folders is the class, if every image is in one.

    Raises:
        DataError: an image is outside of the split folders, or there are too few for three splits.
    """
    by_folder = (root / "train").is_dir() and (root / "test").is_dir()
    splits = _by_folder(root, names) if by_folder else _by_shuffle(names)
    empty = [split for split in SPLITS if not splits[split]]
    if empty:
        raise DataError(f"folder {root}: {len(names)} images leave none for '{empty[0]}'; add images")
    level = int(by_folder)
    inner = [name.split("/")[level:] for name in names]
    classes = sorted({parts[0] for parts in inner}) if all(len(parts) > 1 for parts in inner) else []
    return Layout(splits, tuple(classes), lambda name: name.split("/")[level])


def _by_folder(root: Path, names: Sequence[str]) -> dict[str, list[str]]:
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    for name in names:
        first, _, rest = name.partition("/")
        if not rest or first not in splits:
            raise DataError(
                f"folder {root}: has train/ and test/, but '{name}' lies outside of train/, val/ and test/"
            )
        splits[first].append(name)
    splits = {split: shuffle(found) for split, found in splits.items()}
    if not (root / "val").is_dir():
        splits["train"], splits["val"] = _cut(splits["train"], val_count(len(splits["train"])))
    return splits


def _by_shuffle(names: Sequence[str]) -> dict[str, list[str]]:
    rest, test = _cut(shuffle(names), max(1, min(TEST_LIMIT, len(names) // 10)))
    train, val = _cut(rest, val_count(len(rest)))
    return {"train": train, "val": val, "test": test}


def _cut(names: list[str], count: int) -> tuple[list[str], list[str]]:
    return names[count:], names[:count]
