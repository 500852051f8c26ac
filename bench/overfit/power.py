"""Statistical power: the smallest effect that a number of images can detect, and the number that an effect needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import DataError

Floats = NDArray[np.float64]

ALPHA = 0.01
"""Significance level of every test of a verdict."""
POWER = 0.8
NEGLIGIBLE_EFFECT, LARGE_EFFECT = 0.147, 0.474
"""Cliff's delta below which an effect is negligible, and above which it is large (Romano et al. 2006)."""


@dataclass(frozen=True)
class Detectable:
    """The smallest effect that a test at level ``alpha`` detects with probability ``power``.

    Attributes:
        delta: Cliff's delta; above 1 if no effect can be detected.
        gap: the corresponding ``Gap.value`` if memorisation scales all errors by one factor; NaN if no factor does.
        alpha: significance level of the test.
        power: probability of detection.
    """

    delta: float
    gap: float
    alpha: float = ALPHA
    power: float = POWER


def detectable(test: ArrayLike, train_count: int, alpha: float = ALPHA, power: float = POWER) -> Detectable:
    """Return the smallest gap that ``Separation.p`` detects with ``train_count`` training and unseen errors ``[m]``.

    Noether (1987) for the Mann-Whitney test: (z_{1-a} + z_power) standard deviations of the statistic, whose variance
    is (n + m + 1) / (12 n m); a is half of ``alpha``, because two tests share it. The gap follows by scaling the
    unseen errors until they differ from the unscaled ones by this effect.
    """
    errors = np.sort(np.asarray(test, np.float64))
    n, m = train_count, len(errors)
    delta = 2 * _reach(alpha, power) * math.sqrt((n + m + 1) / (12 * n * m))
    return Detectable(delta, _gap_of_delta(errors, delta), alpha, power)


def images_needed(delta: float, alpha: float = ALPHA, power: float = POWER) -> int:
    """Return the number of images of each group that detects Cliff's delta ``delta``; the inverse of ``detectable``.

    Raises:
        ValueError: delta is not in (0, 1].
    """
    if not 0 < delta <= 1:
        raise ValueError(f"delta = {delta}: expected above 0 and at most 1")
    a = (2 * _reach(alpha, power) / delta) ** 2 / 12
    return math.ceil(a + math.sqrt(a * (a + 1)))  # n of n^2 = a (2n + 1)


def check_enough(count: int, delta: float = LARGE_EFFECT, alpha: float = ALPHA, power: float = POWER) -> None:
    """Refuse a test that cannot detect even a large effect.

    Raises:
        DataError: too few images; the message says how many are needed.
    """
    needed = images_needed(delta, alpha, power)
    if count < needed:
        raise DataError(
            f"{count} images of each group are too few: a test at p < {alpha:g} that finds an effect of Cliff's "
            f"delta {delta:g} with probability {power:g} needs {needed} of each"
        )


def _reach(alpha: float, power: float) -> float:
    from scipy.stats import norm

    return float(norm.isf(alpha / 2) + norm.ppf(power))


def _gap_of_delta(ordered: Floats, delta: float) -> float:
    """Return the gap of scaled errors whose Cliff's delta to the unscaled ones is ``delta``; by bisection."""
    if delta >= 1:
        return math.nan

    def apart(ratio: float) -> float:
        scaled = np.exp(-ratio) * ordered
        below = np.searchsorted(ordered, scaled, "left") + np.searchsorted(ordered, scaled, "right")
        return float(1 - below.mean() / len(ordered))

    low, high = 0.0, 40.0
    if apart(high) < delta:
        return math.nan
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if apart(middle) < delta else (low, middle)
    return -math.expm1(-high)
