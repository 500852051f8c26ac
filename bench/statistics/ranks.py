"""Orders of methods, GANs and metrics: ranks with ties, sets of possible ranks, and agreement of two orders."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bench.statistics.intervals import Floats

MOST_ORDERED = 8
"""Largest number of items for which all orders are tried: 40,320."""


def competition_ranks(values: ArrayLike, *, higher_is_better: bool) -> list[int]:
    """Return ranks of values ``[K]``, 1 for the best; equal values share the lower rank (1, 1, 3), NaN is last."""
    oriented = np.asarray(values, np.float64) * (-1.0 if higher_is_better else 1.0)
    return [int(better) + 1 for better in np.searchsorted(np.sort(oriented), oriented, side="left")]


def tie_groups(order: Sequence[Any], tied: Callable[[Any, Any], bool]) -> list[int]:
    """Return competition ranks of items that are ordered from the best.

    The first item leads a group; every following one that is ``tied(leader, item)`` shares the leader's rank; the
    first that is not tied leads the next group, at 1 + the number of items before it (1, 1, 3 ...).
    """
    ranks: list[int] = []
    leader = 0
    for position, item in enumerate(order):
        if position and not tied(order[leader], item):
            leader = position
        ranks.append(leader + 1)
    return ranks


@dataclass(frozen=True)
class RankSet:
    """The ranks that an item may have, ``low`` to ``high``, 1 for the best."""

    low: int
    high: int

    @property
    def text(self) -> str:
        """``2`` or ``1–3``."""
        return str(self.low) if self.low == self.high else f"{self.low}–{self.high}"


def rank_sets(better: ArrayLike) -> list[RankSet]:
    """Return the set of possible ranks of each of M items, from the pairs that are told apart.

    A rank is at least 1 + the number of items that are better, and at most M - the number of those that are worse. If
    all pairs are right at once with some confidence, so are all sets (Mogstad, Romano, Shaikh and Wilhelm 2024,
    "Inference for Ranks with Applications to Mobility across Neighbourhoods and Academic Achievement across
    Countries", section 3).

    Args:
        better: bool ``[M, M]``; entry (i, j) is True if item i is better than item j.

    Example:
        >>> [ranks.text for ranks in rank_sets([[0, 0, 1], [0, 0, 1], [0, 0, 0]])]
        ['1–2', '1–2', '3']
    """
    array = np.atleast_2d(np.asarray(better, bool))
    count = array.shape[1]
    return [RankSet(1 + int(a), count - int(b)) for a, b in zip(array.sum(0), array.sum(1), strict=True)]


def spearman(rows: ArrayLike, others: ArrayLike) -> Floats:
    """Return Spearman's rank correlation along the last axis of ``[..., K]`` arrays; NaN where one is constant."""
    from scipy.stats import rankdata

    x, y = (np.asarray(rankdata(np.asarray(v, np.float64), axis=-1)) for v in (rows, others))
    x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x * y).sum(-1) / np.sqrt((x**2).sum(-1) * (y**2).sum(-1)))


def share_of_orders(rows: ArrayLike, others: ArrayLike) -> float | None:
    """Compute the exact one-sided permutation test of Spearman's correlation of two ``[K]`` arrays.

    Returns:
        The share of all orders of ``others`` whose correlation with ``rows`` is at least theirs; None for more than
        eight items, or if one side is constant.
    """
    x, y = np.asarray(rows, np.float64), np.asarray(others, np.float64)
    observed = float(spearman(x, y))
    if len(x) > MOST_ORDERED or not np.isfinite(observed):
        return None
    orders = np.array(list(itertools.permutations(range(len(y)))))
    return float((spearman(x, y[orders]) >= observed - 1e-9).mean())
