"""Comparisons of two methods on the same images: paired differences, tests, and effect sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bench.statistics.intervals import LEVEL, Floats, Interval, over_seeds
from bench.statistics.resampling import CHUNK, RESAMPLES, SEED, mean_interval

EXACT_SIGN_FLIPS = 14
"""Largest number n of differences for which all 2^n sign patterns are counted."""


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


def wilcoxon_p(difference: ArrayLike) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test (1945) that differences ``[N]`` are symmetric about 0.

    Differences of 0 are dropped (Wilcoxon's own treatment). If there are no others, p is 1.
    """
    from scipy.stats import wilcoxon

    array = _finite(difference)
    if not np.any(array):
        return 1.0
    return float(wilcoxon(array, zero_method="wilcox").pvalue)


def sign_flip_p(difference: ArrayLike, flips: int = 5000, seed: int = SEED) -> float:
    """Return the two-sided p of the sign-flip test that the mean of differences ``[N]`` is 0 (Fisher 1935).

    The permutation test is exact for up to ``EXACT_SIGN_FLIPS`` differences, else Monte Carlo with the observed
    pattern included, so that p is at least 1 / (flips + 1). With n differences p is at least 2 / 2^n: five images
    never reach .05.
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
    step, extreme = max(1, CHUNK // array.size), 0
    for start in range(0, flips, step):
        rows = min(step, flips - start)
        signs = 1.0 - 2.0 * rng.integers(2, size=(rows, array.size))
        extreme += int((np.abs(signs @ array) >= observed).sum())
    return (extreme + 1) / (flips + 1)


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
