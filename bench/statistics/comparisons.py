"""Comparisons of two methods on the same images: paired differences, correction for their number, effect sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from bench.statistics.intervals import LEVEL, Floats, Interval, over_seeds
from bench.statistics.resampling import RESAMPLES, SEED, mean_interval


def differences(a: ArrayLike, b: ArrayLike) -> Floats:
    """Return a - b for each image, averaged over seeds, ``[N]``; NaN where either side is not finite.

    Raises:
        ValueError: the shapes differ, so that the values are not paired.
    """
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if left.shape != right.shape:
        raise ValueError(f"paired values need equal shapes, got {left.shape} and {right.shape}")
    finite = np.isfinite(left) & np.isfinite(right)
    return over_seeds(np.where(finite, left, np.nan) - np.where(finite, right, np.nan))


def paired_interval(
    a: ArrayLike, b: ArrayLike, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Return the percentile bootstrap interval of mean(a - b) over the same images.

    Args:
        a: ``[N]`` or ``[S, N]``.
        b: the same shape, the same images (and seeds) in the same order.
        level: confidence level.
        resamples: number of bootstrap samples.
        seed: seed of the resampling.

    Returns:
        The interval, or None if fewer than two images are finite on both sides.
    """
    return mean_interval(differences(a, b), level, resamples, seed)


def holm(p: Sequence[float]) -> list[float]:
    """Return p values ``[K]`` adjusted for their number (Holm 1979, "A simple sequentially rejective procedure").

    A test is rejected at a level if its adjusted p is at most the level; then the chance that any of the K is
    rejected wrongly is at most the level, however they depend on each other.

    Example:
        >>> [round(each, 3) for each in holm([0.01, 0.04, 0.03, 0.005])]
        [0.03, 0.06, 0.06, 0.02]
    """
    values = np.asarray(p, np.float64)
    order = np.argsort(values, kind="stable")
    scaled = np.minimum(1.0, values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.maximum.accumulate(scaled) if len(values) else scaled
    return [float(each) for each in adjusted]


def effect_size(difference: ArrayLike) -> float | None:
    """Return Cohen's d_z: mean over standard deviation (``ddof=1``) of paired differences ``[N]``.

    The result is None for fewer than two finite values, or if all are equal.
    """
    array = _finite(difference)
    if array.size < 2:
        return None
    spread = float(array.std(ddof=1))
    return float(array.mean()) / spread if spread > 0 else None


def win_rate(a: ArrayLike, b: ArrayLike) -> float | None:
    """Return the share of images with a above b, ties counted half; infinite values are compared, NaN is left out.

    The result is None if there is no image.
    """
    left, right = np.ravel(np.asarray(a, np.float64)), np.ravel(np.asarray(b, np.float64))
    known = ~(np.isnan(left) | np.isnan(right))
    if not known.any():
        return None
    left, right = left[known], right[known]
    return float((left > right).mean() + 0.5 * (left == right).mean())


def _finite(values: ArrayLike) -> Floats:
    array = np.ravel(np.asarray(values, np.float64))
    return array[np.isfinite(array)]
