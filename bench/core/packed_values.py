"""Lossless compression of per-image values: errors of 8-bit pixels as the integers from which they follow.

The mean squared error of two images of ``n`` values is ``S / n`` squared levels with an integer ``S``, the
absolute error ``A / n`` levels, and PSNR a function of ``S / n``. Stored are ``S``, ``A`` and the difference, in
units of the last place, between each value and the one computed from them: 0 for almost every row. All values are
restored bit for bit; values that are not errors of pixels only need more space.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
LEVELS = 255
UNIT = 2 / LEVELS
"""Width of a level in units of [-1, 1], in which ``mse`` and ``mae`` are given."""
SQUARES, ABSOLUTES = "sum of squared levels", "sum of absolute levels"
SUMS = {"mse": SQUARES, "psnr": SQUARES, "mae": ABSOLUTES}
"""Column of values -> column of the sums from which it follows; ``mse`` first, whose sums ``psnr`` shares."""


def encode(table: pd.DataFrame, pixels: int) -> pd.DataFrame:
    """Return per-image values of one record with sums and differences in place of ``mse``, ``psnr`` and ``mae``.

    Args:
        table: one row per image.
        pixels: number of values of one image, C·H·W; 0 if unknown, which leaves the table unchanged.
    """
    coded = table.copy()
    if not pixels:
        return coded
    for name in [each for each in SUMS if each in table and table[each].dtype == np.float64]:
        values = table[name].to_numpy(np.float64)
        if SUMS[name] not in coded:
            coded[SUMS[name]] = _sums(name, values, pixels)
        expected = _expected(name, coded[SUMS[name]].to_numpy(), pixels)
        coded[name] = values.view(np.int64) - expected.view(np.int64)
    return coded


def decode(coded: pd.DataFrame, columns: Sequence[str], pixels: int) -> pd.DataFrame:
    """Return the table that was passed to ``encode``, with its columns in their order."""
    table = coded[list(columns)].copy()
    for name in [each for each in SUMS if each in table and table[each].dtype == np.int64]:
        expected = _expected(name, coded[SUMS[name]].to_numpy(), pixels)
        table[name] = (coded[name].to_numpy(np.int64) + expected.view(np.int64)).view(np.float64)
    return table


def values_checksum(table: pd.DataFrame) -> str:
    """Return the SHA-256 (hex) of per-image values: the same for a table from Parquet and from packed files.

    Args:
        table: columns "track", "index" and one for each metric, in any order of columns and rows.
    """
    return columns_checksum({str(name): table[name].to_numpy() for name in table.columns})


def columns_checksum(columns: Mapping[str, NDArray[Any]]) -> str:
    """Return ``values_checksum`` of a table that is given by its columns."""
    tracks = [str(track) for track in columns["track"]]
    order = np.lexsort((columns["index"], np.array(tracks, dtype=str)))
    found = hashlib.sha256()
    for name in sorted(columns):
        if name == "track":
            content = "\n".join(tracks[row] for row in order).encode()
        else:
            content = np.asarray(columns[name], np.float64)[order].tobytes()
        found.update(f"{name}:{len(order)}\n".encode() + content)
    return found.hexdigest()


def _sums(name: str, values: Floats, pixels: int) -> Floats:
    """Return the nearest integer sum of each value, -1 where there is none."""
    with np.errstate(all="ignore"):
        mean = {"mse": values / UNIT**2, "mae": values / UNIT, "psnr": LEVELS**2 / 10 ** (values / 10)}[name]
        sums = np.rint(mean * pixels)
    return np.where(np.isfinite(sums) & (sums >= 0), sums, -1.0)


def _expected(name: str, sums: Floats, pixels: int) -> Floats:
    """Return the value of each sum, by operations with the same bits on every machine; 0 for -1."""
    mean = np.maximum(sums, 0.0) / pixels
    if name == "psnr":
        zero = mean == 0
        values = np.where(zero, np.inf, 10.0 * _log10(LEVELS**2 / np.where(zero, 1.0, mean)))
    else:
        values = mean * (UNIT**2 if name == "mse" else UNIT)
    return np.where(sums < 0, 0.0, values)


def _log10(x: Floats) -> Floats:
    """Return log10 of positive numbers by +, -, · and / alone, accurate to a few units in the last place.

    ``numpy.log10`` may differ in its last bit from one machine to another. Formula: with x = m·2^e and
    t = (m - √½) / (m + √½), ln m = ln √½ + 2·(t + t³/3 + t⁵/5 + ...); |t| < 0.172, so that 12 terms are enough.
    """
    mantissa, exponent = np.frexp(x)
    root = 0.5**0.5
    t = (mantissa - root) / (mantissa + root)
    square, series = t * t, np.zeros_like(t)
    for odd in range(23, 0, -2):
        series = series * square + 1.0 / odd
    logarithm: Floats = (exponent - 0.5) * 0.3010299956639812 + 2.0 * t * series * 0.4342944819032518
    return logarithm
