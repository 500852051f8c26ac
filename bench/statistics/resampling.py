"""Resampling over images: the bootstrap and the jackknife."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics.intervals import LEVEL, Floats, Interval, over_seeds, percentile_interval, t_quantile

RESAMPLES = 2000
SEED = 0
CHUNK = 1 << 21
"""Numbers that are held in memory at once."""


def bootstrap_means(values: ArrayLike, resamples: int = RESAMPLES, seed: int = SEED) -> Floats:
    """Return means of bootstrap samples over the last axis (Efron 1979).

    Args:
        values: ``[..., N]``; all leading entries are resampled together, so that differences stay paired.
            Values that are not finite are left out of every mean.
        resamples: number of bootstrap samples R.
        seed: seed of the resampling; the counts, R·N bytes, are kept for the next call.

    Returns:
        ``[R, ...]``.
    """
    array = np.asarray(values, np.float64)
    flat = array.reshape(-1, array.shape[-1])
    there = np.isfinite(flat)
    filled = np.where(there, flat, 0.0)
    counts = resample_counts(flat.shape[1], resamples, seed)
    means = np.empty((resamples, flat.shape[0]))
    step = max(1, CHUNK // flat.shape[1])
    for start in range(0, resamples, step):
        weights = counts[start : start + step].astype(np.float64)
        drawn = float(flat.shape[1]) if there.all() else weights @ there.T
        with np.errstate(invalid="ignore", divide="ignore"):
            means[start : start + step] = (weights @ filled.T) / drawn
    return means.reshape(resamples, *array.shape[:-1])


@lru_cache(maxsize=2)
def resample_counts(n: int, resamples: int, seed: int) -> NDArray[np.uint8]:
    """Return the number of times that each of n images is drawn in each resample, ``[R, n]``.

    A count is Poisson(1) for large n and never reaches 255.
    """
    rng = np.random.default_rng(seed)
    counts = np.empty((resamples, n), np.uint8)
    step = max(1, CHUNK // n)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
        counts[start : start + rows] = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
    counts.flags.writeable = False
    return counts


def mean_interval(
    values: ArrayLike, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Return the percentile bootstrap interval of a mean over images.

    Args:
        values: ``[N]``, or ``[S, N]`` for S seeds: averaged over seeds image by image, then resampled over images.
        level: confidence level.
        resamples: number of bootstrap samples.
        seed: seed of the resampling.

    Returns:
        The interval, or None for fewer than two finite images.
    """
    averaged = over_seeds(values)
    if np.isfinite(averaged).sum() < 2:
        return None
    return percentile_interval(bootstrap_means(averaged, resamples, seed), level)


def partition(count: int, parts: int, seed: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Divide row numbers ``0 … count-1`` into ``parts`` random disjoint groups whose sizes differ by at most one."""
    order = np.random.RandomState(seed).permutation(count).astype(np.int64)
    return [np.sort(order[start::parts]) for start in range(parts)]


def jackknife_error(replicates: ArrayLike) -> Floats:
    """Return the standard error of replicates ``[K, ...]`` (Kott 2001, "The delete-a-group jackknife").

    sqrt((K - 1) / K · Σ (θ_k - mean θ)²). Unlike the bootstrap it draws no image twice, which would bias a distance
    between two sets.
    """
    values = np.asarray(replicates, np.float64)
    count = len(values)
    spread = np.square(values - values.mean(0)).sum(0)
    return np.asarray(np.sqrt((count - 1) / count * spread), np.float64)


def jackknife_interval(estimate: float, replicates: ArrayLike, level: float = LEVEL) -> Interval:
    """Return Student's t interval around an estimate on all images, from delete-a-group replicates ``[K]``."""
    values = np.asarray(replicates, np.float64)
    half = t_quantile(level, len(values) - 1) * float(jackknife_error(values))
    return Interval(estimate - half, estimate + half, level)
