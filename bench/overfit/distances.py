"""Exact nearest neighbours among many images, computed in blocks so that memory does not grow with their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import ContractError

Rows = NDArray[Any]
"""Flat images or features ``[n, d]``: uint8 pixels, which are scaled to [-1, 1], or floats, which are not."""
Floats = NDArray[np.float64]
Index = NDArray[np.int64]

BLOCK_VALUES = 2**22
"""Values held in memory at a time: 16 MB of float32."""


@dataclass(frozen=True)
class Nearest:
    """The nearest row of a pool for each query: Euclidean ``distance`` ``[n]`` and row number ``index`` ``[n]``."""

    distance: Floats
    index: Index


def flat(images: NDArray[Any]) -> Rows:
    """Return images ``[n, ...]`` as rows ``[n, d]``; a view where possible."""
    rows: Rows = images.reshape(len(images), -1)
    return rows


def as_floats(rows: Rows) -> NDArray[np.float32]:
    """Return rows as float32; uint8 pixels are scaled to [-1, 1]."""
    return rows.astype(np.float32) / 127.5 - 1 if rows.dtype == np.uint8 else rows.astype(np.float32)


def nearest(queries: Rows, pool: Rows, skip: Index | None = None) -> Nearest:
    """Find the nearest row of ``pool`` for every query; of several equally near rows, the first.

    Candidates are found in float32 from inner products; the returned distance is computed from the difference, so
    that the distance of a copy is 0.

    Args:
        queries: ``[n, d]``.
        pool: ``[m, d]``.
        skip: for each query, the row of the pool that is left out (the query itself), ``[n]``.

    Raises:
        ContractError: the widths d differ, or the pool is empty.
    """
    if queries.shape[1] != pool.shape[1] or len(pool) < 1 + (skip is not None):
        raise ContractError(f"no neighbours of rows {queries.shape} among {pool.shape}: expected [n, d] and [m, d]")
    width = max(1, pool.shape[1])
    distance, index = np.empty(len(queries)), np.empty(len(queries), np.int64)
    step = max(1, min(1024, BLOCK_VALUES // width))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        rows = as_floats(queries[part])
        index[part] = _nearest(rows, pool, None if skip is None else skip[part])
        found = as_floats(pool[index[part]])
        distance[part] = np.sqrt((rows.astype(np.float64) - found).__pow__(2).sum(1))
    return Nearest(distance, index)


def _nearest(rows: NDArray[np.float32], pool: Rows, skip: Index | None) -> Index:
    best = np.full(len(rows), np.inf, np.float32)
    index = np.zeros(len(rows), np.int64)
    step = max(1, BLOCK_VALUES // max(pool.shape[1], len(rows)))
    for start in range(0, len(pool), step):
        block = as_floats(pool[start : start + step])
        # |q - p|^2 without the term |q|^2, which is the same for all p
        gaps = (block * block).sum(1) - 2 * (rows @ block.T)
        if skip is not None:
            there = np.flatnonzero((skip >= start) & (skip < start + len(block)))
            gaps[there, skip[there] - start] = np.inf
        place = gaps.argmin(1)
        found = gaps[np.arange(len(rows)), place]
        better = found < best
        best[better], index[better] = found[better], start + place[better]
    return index
