"""Estimates with their intervals: means and deviations over seeds, Student's t, percentiles of replicates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LEVEL = 0.95
MOST_DECIMALS = 6


@dataclass(frozen=True)
class Interval:
    """An interval of confidence ``level`` around an estimate, in the unit of the values."""

    low: float
    high: float
    level: float = LEVEL

    @property
    def half(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2

    @property
    def sign(self) -> int:
        """1 if it is above 0, -1 if it is below, 0 if it contains 0."""
        return 0 if self.contains(0.0) else 1 if self.low > 0 else -1

    @property
    def degenerate(self) -> bool:
        """True if it has no width but that of rounding: all values were equal."""
        return not self.half > 1e-9 * max(abs(self.low), abs(self.high))

    @property
    def decimals(self) -> int:
        """Decimals that it supports, at most six: two significant digits of half its width up to 3.54, else one.

        The rounding rule of the Particle Data Group (Review of Particle Physics, section 5.3).

        Example:
            >>> Interval(21.02, 21.14).decimals, Interval(20.84, 21.26).decimals, Interval(10.0, 24.0).decimals
            (2, 2, 0)
        """
        if not math.isfinite(self.half) or self.degenerate:
            return MOST_DECIMALS
        place = math.floor(math.log10(self.half))
        return max(0, min(MOST_DECIMALS, -place + (self.half / 10.0**place < 3.545)))

    def text(self, value: float, sign: str = "") -> str:
        """``value`` with the digits that the interval supports; ``sign="+"`` prints the sign of positive ones too."""
        if self.degenerate:
            return f"{value:{sign}.4g}"
        if self.half < 10.0**-MOST_DECIMALS and abs(value) < 10.0**-3:
            return f"{value:{sign}.2e}"
        return f"{value:{sign}.{self.decimals}f}"

    def contains(self, value: float) -> bool:
        """Return True if ``value`` lies inside or on the border."""
        return self.low <= value <= self.high


def mean_and_sd(values: ArrayLike) -> tuple[float, float | None]:
    """Return mean and standard deviation (``ddof=1``) over seeds; the latter is None for a single value."""
    array = np.asarray(values, np.float64)
    with np.errstate(invalid="ignore"):
        return float(array.mean()), float(array.std(ddof=1)) if array.size > 1 else None


def over_seeds(values: ArrayLike) -> Floats:
    """Average ``[S, N]`` over seeds to ``[N]``; an image that is not finite in any one seed becomes NaN."""
    array = np.atleast_2d(np.asarray(values, np.float64))
    averaged: Floats = np.where(np.isfinite(array).all(0), array, np.nan).mean(0)
    return averaged


def t_quantile(level: float, freedom: float) -> float:
    """Return the half-width, in standard errors, of an interval of Student's t with these degrees of freedom."""
    from scipy.special import stdtrit  # as in scipy.stats.t, without loading every distribution

    return float(stdtrit(freedom, (1 + level) / 2))


def t_interval(values: ArrayLike, level: float = LEVEL) -> Interval | None:
    """Return Student's t interval of a mean over seeds, ``[S]``.

    Returns:
        The interval, or None for fewer than two values, or if one is not finite.
    """
    array = np.asarray(values, np.float64)
    if array.size < 2 or not np.isfinite(array).all():
        return None
    half = t_quantile(level, array.size - 1) * float(array.std(ddof=1)) / math.sqrt(array.size)
    return Interval(float(array.mean()) - half, float(array.mean()) + half, level)


def percentile_interval(replicates: ArrayLike, level: float = LEVEL) -> Interval | None:
    """Return the central interval of bootstrap replicates ``[R]``; None if all of them are NaN."""
    array = np.asarray(replicates, np.float64)
    array = array[~np.isnan(array)]
    if not array.size:
        return None
    low, high = np.quantile(array, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)


def percentile_intervals(replicates: Floats, level: float = LEVEL) -> list[Interval]:
    """Return the interval of each column of replicates ``[R, K]``; columns without one are left out."""
    found = (percentile_interval(column, level) for column in replicates.T)
    return [each for each in found if each is not None]
