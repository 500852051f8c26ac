"""Image files of a dataset and their splits and classes, from names alone; opens no image."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import DataError
from bench.datasets.source import shuffled, val_count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Layout:
    """Splits, classes and attributes of the image files of a dataset.

    Attributes:
        names: split -> file names relative to the dataset's folder, in the order of the split.
        classes: class names in the order of the labels; empty if the images have no classes.
        class_of: function from a file name to its class name; called only if there are classes.
        attributes: split -> bool ``[N, A]``, rows in the order of ``names``; empty if the images have none.
        attribute_names: names of the A columns.
        found: part of the dataset -> number of images found, to be compared with the complete set.
    """

    names: Mapping[str, Sequence[str]]
    classes: tuple[str, ...] = ()
    class_of: Callable[[str], str] = str
    attributes: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    attribute_names: tuple[str, ...] = ()
    found: Mapping[str, int] = field(default_factory=dict)


def list_files(root: Path, who: str, suffixes: AbstractSet[str] = SUFFIXES) -> list[str]:
    """Return the sorted names of image files under ``root``, relative with ``/``, without hidden files and folders.

    Links to files and folders are followed.

    Args:
        root: the folder, with its sub-folders.
        who: the dataset, as errors name it.
        suffixes: suffixes of image files, lower case, with their dot.

    Raises:
        DataError: the folder does not exist, or holds no such file; a folder cannot be read, a link leads nowhere or
            to a folder around it, or an image is not a regular file. The message names the first.
    """
    if not root.is_dir():
        raise DataError(f"{who}: no such folder")
    names = []
    waiting: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset())]
    while waiting:
        folder, around = waiting.pop()
        entries, around = _scanned(root, folder, around, who)
        for entry in entries:
            name = f"{folder}{entry.name}"
            if _leads_to_folder(entry, f"{root}/{name}", who):
                waiting.append((f"{name}/", around))
            elif _suffix(entry.name) in suffixes:
                if not entry.is_file():
                    raise DataError(f"{who}: '{root}/{name}' is not a regular file")
                names.append(name)
    if not names:
        raise DataError(f"{who}: no image in it (expected {', '.join(sorted(suffixes))})")
    return sorted(names)


def shuffle(names: Sequence[str]) -> list[str]:
    """Return the names in the seeded order that all datasets use."""
    return [names[i] for i in shuffled(len(names))]


def carve(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Divide training images into ``train`` and ``val`` by the rule of ``source.carve_val``, in their order."""
    order = shuffled(len(names))
    held = val_count(len(names))
    return [names[i] for i in sorted(order[held:])], [names[i] for i in sorted(order[:held])]


def hold_out(names: Sequence[str], count: int, who: str) -> dict[str, list[str]]:
    """Split a dataset without official splits: the last ``count`` images of a seeded shuffle are ``test``.

    The others are ``train``, from which ``val`` is taken. Every split stays in the shuffled order, so that its
    first images are a fair sample.

    Raises:
        DataError: there are too few images for ``count`` and two other splits.
    """
    demand_room(len(names), count, who)
    order = shuffle(names)
    train, val = carve(order[:-count])
    return {"train": train, "val": val, "test": order[-count:]}


def demand_room(found: int, count: int, who: str) -> None:
    """Check that holding out ``count`` of ``found`` images leaves at least one each for ``train`` and ``val``.

    Raises:
        DataError: it does not.
    """
    if found < count + 2:
        raise DataError(
            f"{who}: {found} images, too few to hold out test_images = {count} and leave 2 for train and val; "
            "complete the folder, or set a smaller test_images for a reduced copy"
        )


def _scanned(
    root: Path, folder: str, around: frozenset[tuple[int, int]], who: str
) -> tuple[list[os.DirEntry[str]], frozenset[tuple[int, int]]]:
    """Return the entries of a folder that are not hidden, and device and inode of it and of the folders around it."""
    place = f"{root}/{folder}".rstrip("/") or "/"
    try:
        stat = os.stat(place)  # noqa: PTH116 - as os.scandir, it takes text
        with os.scandir(place) as found:
            entries = [entry for entry in found if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{who}: cannot read folder '{place}': {error.strerror or error}") from error
    if (stat.st_dev, stat.st_ino) in around:
        raise DataError(f"{who}: '{place}' links to a folder that contains it; remove this link")
    return entries, around | {(stat.st_dev, stat.st_ino)}


def _leads_to_folder(entry: os.DirEntry[str], path: str, who: str) -> bool:
    """Return True for a folder or a link to one; an entry whose target cannot be reached is an error."""
    try:
        if entry.is_dir():
            return True
        if entry.is_symlink():
            os.stat(path)  # noqa: PTH116 - raises if the target does not exist
    except OSError as error:
        raise DataError(f"{who}: cannot read '{path}': {error.strerror or error}") from error
    return False


def _suffix(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if stem and dot else ""
