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

    Args:
        root: the folder, with its sub-folders.
        who: the dataset, as errors name it.
        suffixes: suffixes of image files, lower case, with their dot.

    Raises:
        DataError: the folder does not exist, or holds no such file.
    """
    if not root.is_dir():
        raise DataError(f"{who}: no such folder")
    names = []
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inner = Path(place).relative_to(root).as_posix()
        prefix = "" if inner == "." else f"{inner}/"
        names += [f"{prefix}{name}" for name in files if not name.startswith(".") and _suffix(name) in suffixes]
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


def _suffix(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if stem and dot else ""
