"""Pure statistics of per-image and per-seed values: intervals, tests, effect sizes. Arrays in, numbers out.

Intervals over images say how the mean would move with other images of the same kind, for the networks at hand.
They say nothing of other training seeds: that is what the standard deviation over seeds is for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 2000
SEED = 0
MOST_ORDERED = 8
"""Items whose orders are all tried: 40,320."""
EXACT_SIGN_FLIPS = 14
"""Up to so many differences every one of the 2^n sign patterns is counted."""

_CHUNK = 1 << 21


@dataclass(frozen=True)
class Interval:
    """An interval of confidence ``level`` around an estimate, in the unit of the values."""

    low: float
    high: float
    level: float = LEVEL

    def contains(self, value: float) -> bool:
        """Whether ``value`` lies inside or on the border."""
        return self.low <= value <= self.high


def mean_and_sd(values: ArrayLike) -> tuple[float, float | None]:
    """Mean and standard deviation (``ddof=1``) over seeds; the latter is None for a single value."""
    array = np.asarray(values, np.float64)
    with np.errstate(invalid="ignore"):
        return float(array.mean()), float(array.std(ddof=1)) if array.size > 1 else None


def over_seeds(values: ArrayLike) -> Floats:
    """Average ``[S, N]`` over seeds to ``[N]``; an image that is not finite in any one seed becomes NaN."""
    array = np.atleast_2d(np.asarray(values, np.float64))
    averaged: Floats = np.where(np.isfinite(array).all(0), array, np.nan).mean(0)
    return averaged


def bootstrap_means(values: ArrayLike, resamples: int = RESAMPLES, seed: int = SEED) -> Floats:
    """Means of bootstrap samples over the last axis (Efron 1979).

    Args:
        values: ``[..., N]``; all leading entries are resampled together, so that differences stay paired.
            Values that are not finite are left out of every mean.
        resamples: number of bootstrap samples R.
        seed: equal seeds give equal resamples; memory is R·N bytes, kept for the next call.

    Returns:
        ``[R, ...]``.
    """
    array = np.asarray(values, np.float64)
    flat = array.reshape(-1, array.shape[-1])
    there = np.isfinite(flat)
    filled = np.where(there, flat, 0.0)
    counts = resample_counts(flat.shape[1], resamples, seed)
    means = np.empty((resamples, flat.shape[0]))
    step = max(1, _CHUNK // flat.shape[1])
    for start in range(0, resamples, step):
        weights = counts[start : start + step].astype(np.float64)
        drawn = float(flat.shape[1]) if there.all() else weights @ there.T
        with np.errstate(invalid="ignore", divide="ignore"):
            means[start : start + step] = (weights @ filled.T) / drawn
    return means.reshape(resamples, *array.shape[:-1])


@lru_cache(maxsize=2)
def resample_counts(n: int, resamples: int, seed: int) -> NDArray[np.uint8]:
    """How often each of n images is drawn in each resample, ``[R, n]``.

    A count is Poisson(1) for large n, so that 255 is out of reach.
    """
    rng = np.random.default_rng(seed)
    counts = np.empty((resamples, n), np.uint8)
    step = max(1, _CHUNK // n)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
        counts[start : start + rows] = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
    counts.flags.writeable = False
    return counts


def percentile_interval(replicates: ArrayLike, level: float = LEVEL) -> Interval | None:
    """The central part of bootstrap replicates ``[R]``; None if none of them is a number."""
    array = np.asarray(replicates, np.float64)
    array = array[~np.isnan(array)]
    if not array.size:
        return None
    low, high = np.quantile(array, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)


def percentile_intervals(replicates: Floats, level: float = LEVEL) -> list[Interval]:
    """The interval of each column of replicates ``[R, K]``; those with none are left out."""
    found = (percentile_interval(column, level) for column in replicates.T)
    return [each for each in found if each is not None]


def mean_interval(
    values: ArrayLike, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Percentile bootstrap interval of a mean over images.

    Args:
        values: ``[N]``, or ``[S, N]`` for S seeds: averaged over seeds image by image, then resampled over images.
        level: confidence level.
        resamples: number of bootstrap samples.
        seed: of the resampling.

    Returns:
        None when it cannot be decided: fewer than two finite images.
    """
    averaged = over_seeds(values)
    if np.isfinite(averaged).sum() < 2:
        return None
    return percentile_interval(bootstrap_means(averaged, resamples, seed), level)


def paired_interval(
    a: ArrayLike, b: ArrayLike, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Percentile bootstrap interval of mean(a - b) over the same images.

    Args:
        a: ``[N]`` or ``[S, N]``.
        b: the same shape, the same images (and seeds) in the same order.
        level: confidence level.
        resamples: number of bootstrap samples.
        seed: of the resampling.

    Returns:
        None when it cannot be decided: fewer than two images are finite on both sides.
    """
    return mean_interval(differences(a, b), level, resamples, seed)


def differences(a: ArrayLike, b: ArrayLike) -> Floats:
    """Seed-averaged a - b for each image, ``[N]``; NaN where either side is not finite.

    Raises:
        ValueError: different shapes, so that nothing is paired.
    """
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if left.shape != right.shape:
        raise ValueError(f"paired values need equal shapes, got {left.shape} and {right.shape}")
    finite = np.isfinite(left) & np.isfinite(right)
    return over_seeds(np.where(finite, left, np.nan) - np.where(finite, right, np.nan))


def t_interval(values: ArrayLike, level: float = LEVEL) -> Interval | None:
    """Student's t interval of a mean over seeds, ``[S]``.

    Returns:
        None when it cannot be decided: fewer than two values, or one that is not finite.
    """
    from scipy.stats import t

    array = np.asarray(values, np.float64)
    if array.size < 2 or not np.isfinite(array).all():
        return None
    half = float(t.ppf((1 + level) / 2, array.size - 1)) * float(array.std(ddof=1)) / math.sqrt(array.size)
    return Interval(float(array.mean()) - half, float(array.mean()) + half, level)


def wilcoxon_p(difference: ArrayLike) -> float:
    """Two-sided p of Wilcoxon's signed-rank test (1945) that differences ``[N]`` are symmetric about 0.

    Differences of 0 are dropped (Wilcoxon's own treatment). Without any other difference nothing speaks against
    symmetry: 1.
    """
    from scipy.stats import wilcoxon

    array = _finite(difference)
    if not np.any(array):
        return 1.0
    return float(wilcoxon(array, zero_method="wilcox").pvalue)


def sign_flip_p(difference: ArrayLike, flips: int = 5000, seed: int = SEED) -> float:
    """Two-sided p of the sign-flip permutation test that the mean of differences ``[N]`` is 0 (Fisher 1935).

    Exact for up to ``EXACT_SIGN_FLIPS`` differences, else Monte Carlo with the observed pattern counted in, so
    that p is at least 1 / (flips + 1). With n differences p cannot be below 2 / 2^n: five images never reach .05.
    """
    array = _finite(difference)
    array = array[array != 0]
    if not array.size:
        return 1.0
    observed = abs(array.sum()) * (1 - 1e-12)
    if array.size <= EXACT_SIGN_FLIPS:
        signs = 1.0 - 2.0 * ((np.arange(2**array.size)[:, None] >> np.arange(array.size)) & 1)
        return float((np.abs(signs @ array) >= observed).mean())
    rng = np.random.default_rng(seed)
    step, extreme = max(1, _CHUNK // array.size), 0
    for start in range(0, flips, step):
        rows = min(step, flips - start)
        signs = 1.0 - 2.0 * rng.integers(2, size=(rows, array.size))
        extreme += int((np.abs(signs @ array) >= observed).sum())
    return (extreme + 1) / (flips + 1)


def effect_size(difference: ArrayLike) -> float | None:
    """Cohen's d_z: mean over standard deviation (``ddof=1``) of paired differences ``[N]``.

    None when it cannot be decided: fewer than two finite values, or all of them equal.
    """
    array = _finite(difference)
    if array.size < 2:
        return None
    spread = float(array.std(ddof=1))
    return float(array.mean()) / spread if spread > 0 else None


def win_rate(a: ArrayLike, b: ArrayLike) -> float | None:
    """Share of images with a above b, ties counted half (infinite values compare; NaN is left out).

    None without any image.
    """
    left, right = np.ravel(np.asarray(a, np.float64)), np.ravel(np.asarray(b, np.float64))
    known = ~(np.isnan(left) | np.isnan(right))
    if not known.any():
        return None
    left, right = left[known], right[known]
    return float((left > right).mean() + 0.5 * (left == right).mean())


def spearman(rows: ArrayLike, others: ArrayLike) -> Floats:
    """Spearman's rank correlation along the last axis of two ``[..., K]`` arrays; NaN where one side is constant."""
    from scipy.stats import rankdata

    x, y = (np.asarray(rankdata(np.asarray(v, np.float64), axis=-1)) for v in (rows, others))
    x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x * y).sum(-1) / np.sqrt((x**2).sum(-1) * (y**2).sum(-1)))


def share_of_orders(rows: ArrayLike, others: ArrayLike) -> float | None:
    """Exact one-sided permutation test of Spearman's correlation of two ``[K]`` arrays.

    Returns:
        The share of all orders of ``others`` whose correlation with ``rows`` is at least theirs; None for more than
        eight items, or where one side is constant.
    """
    x, y = np.asarray(rows, np.float64), np.asarray(others, np.float64)
    observed = float(spearman(x, y))
    if len(x) > MOST_ORDERED or not np.isfinite(observed):
        return None
    orders = np.array(list(itertools.permutations(range(len(y)))))
    return float((spearman(x, y[orders]) >= observed - 1e-9).mean())


def tie_groups(order: Sequence[Any], tied: Callable[[Any, Any], bool]) -> list[int]:
    """Competition ranks of items given best first.

    The first item leads a group; every following one that is ``tied(leader, item)`` shares the leader's rank; the
    first that is not leads the next group, at 1 + the number of items before it (1, 1, 3 ...).
    """
    ranks: list[int] = []
    leader = 0
    for position, item in enumerate(order):
        if position and not tied(order[leader], item):
            leader = position
        ranks.append(leader + 1)
    return ranks


def _finite(values: ArrayLike) -> Floats:
    array = np.ravel(np.asarray(values, np.float64))
    return array[np.isfinite(array)]
