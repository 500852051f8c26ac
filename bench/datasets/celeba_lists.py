"""Strict readers of the two lists of CelebA: attributes and official splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import DataError
from bench.datasets.layouts import SPLITS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ATTRIBUTES = 40
SPLIT_NUMBERS = dict(zip("012", SPLITS, strict=True))


@dataclass(frozen=True)
class AttributeList:
    """Attributes of all images.

    Attributes:
        rows: file name -> row of ``values``.
        values: bool ``[N, 40]``.
        names: names of the 40 columns, in the order of the file.
    """

    rows: Mapping[str, int]
    values: NDArray[np.bool_]
    names: tuple[str, ...]

    def columns(self, names: tuple[str, ...]) -> NDArray[np.bool_]:
        """Return the named columns, ``[N, len(names)]``.

        Raises:
            DataError: the file has no such column.
        """
        absent = [name for name in names if name not in self.names]
        if absent:
            raise DataError(f"celeba: the attribute list has no attribute '{absent[0]}'")
        return self.values[:, [self.names.index(name) for name in names]]


def read_attributes(path: Path) -> AttributeList:
    """Read ``list_attr_celeba.txt``: a count, 40 names, then one line ``file -1 1 ...`` per image.

    Raises:
        DataError: a line has another form, an image is listed twice, or the number of lines is not the count.
    """
    import numpy as np

    lines = _lines(path)
    _, first = next(lines, (1, []))
    if len(first) != 1 or not first[0].isdecimal():
        raise DataError(f"{path}, line 1: expected the number of images, got '{_shown(first)}'")
    _, names = next(lines, (2, []))
    if len(names) != ATTRIBUTES:
        raise DataError(f"{path}, line 2: expected {ATTRIBUTES} attribute names, got {len(names)}")
    rows: dict[str, int] = {}
    values = bytearray()
    for number, (name, *marks) in lines:
        where = f"{path}, line {number}"
        if len(marks) != ATTRIBUTES:
            raise DataError(f"{where}: '{name}' has {len(marks)} values where {ATTRIBUTES} attributes are named")
        if marks.count("1") + marks.count("-1") != ATTRIBUTES:
            wrong = next(mark for mark in marks if mark not in {"1", "-1"})
            raise DataError(f"{where}: value '{wrong}' of '{name}' should be 1 or -1")
        if name in rows:
            raise DataError(f"{where}: '{name}' is listed twice")
        rows[name] = len(rows)
        values += bytes(mark == "1" for mark in marks)
    if len(rows) != int(first[0]):
        raise DataError(f"{path}: line 1 announces {first[0]} images, {len(rows)} follow")
    return AttributeList(rows, np.frombuffer(values, np.bool_).reshape(-1, ATTRIBUTES), tuple(names))


def read_partition(path: Path) -> dict[str, str]:
    """Read ``list_eval_partition.txt``: file name -> "train", "val" or "test".

    Raises:
        DataError: a line is not ``file 0|1|2``, or an image is listed twice.
    """
    splits: dict[str, str] = {}
    for number, words in _lines(path):
        if len(words) != 2 or words[1] not in SPLIT_NUMBERS:
            wanted = "a file name and 0 (train), 1 (val) or 2 (test)"
            raise DataError(f"{path}, line {number}: expected {wanted}, got '{_shown(words)}'")
        if words[0] in splits:
            raise DataError(f"{path}, line {number}: '{words[0]}' is listed twice")
        splits[words[0]] = SPLIT_NUMBERS[words[1]]
    return splits


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="ascii") as handle:
            yield from ((number, words) for number, line in enumerate(handle, 1) if (words := line.split()))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error


def _shown(words: list[str]) -> str:
    return " ".join(words)[:60]
