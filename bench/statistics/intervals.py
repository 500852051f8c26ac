"""Estimates with their intervals: means and deviations over seeds, Student's t, percentiles of replicates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LEVEL = 0.95


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


def t_quantile(level: float, freedom: int) -> float:
    """Standard errors on either side that an interval of Student's t with these degrees of freedom reaches."""
    from scipy.special import stdtrit  # what scipy.stats.t calls, without loading every distribution

    return float(stdtrit(freedom, (1 + level) / 2))


def t_interval(values: ArrayLike, level: float = LEVEL) -> Interval | None:
    """Student's t interval of a mean over seeds, ``[S]``.

    Returns:
        None when it cannot be decided: fewer than two values, or one that is not finite.
    """
    array = np.asarray(values, np.float64)
    if array.size < 2 or not np.isfinite(array).all():
        return None
    half = t_quantile(level, array.size - 1) * float(array.std(ddof=1)) / math.sqrt(array.size)
    return Interval(float(array.mean()) - half, float(array.mean()) + half, level)


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
