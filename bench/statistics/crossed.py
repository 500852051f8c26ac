"""Means over crossed training seeds and images: both vary, and every seed is measured on the same images.

A value is grand mean + seed + image + rest. The variance of the mean over S seeds and N images is estimated by
(MS_seed + MS_image - MS_rest) / (S·N), the mean squares of the two-way layout without replication (Scheffé 1959, *The
Analysis of Variance*, section 7.2). Its two parts have different degrees of freedom, few for seeds and many for
images; the interval is the estimate ± the root of the sum of squared half-widths of the parts (Zou and Donner 2008,
"Construction of confidence limits about effect measures", equation 4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics.comparisons import holm
from bench.statistics.intervals import LEVEL, Floats, Interval, t_quantile

LEAST_P = 1e-16
"""Smallest p that is told from 0."""


@dataclass(frozen=True)
class VariancePart:
    """An independent part of the error of an estimate: its standard error, and the degrees of freedom behind it."""

    error: float
    freedom: float


@dataclass(frozen=True)
class SeedPool:
    """Variance of the interaction of methods and training seeds, from the means of several methods.

    Attributes:
        variance: mean square of the interaction.
        freedom: its degrees of freedom.
    """

    variance: float
    freedom: int

    def part(self, seeds: int) -> VariancePart:
        """Return the seed part of a difference of two methods over this number of seeds."""
        return VariancePart(math.sqrt(2 * self.variance / seeds), self.freedom)


@dataclass(frozen=True)
class CrossedMean:
    """A mean, or a linear combination of means, with the independent parts of its error."""

    value: float
    parts: tuple[VariancePart, ...]

    def interval(self, level: float = LEVEL) -> Interval | None:
        """Return the interval; None without a part."""
        if not self.parts or not math.isfinite(self.value):
            return None
        half = math.hypot(*(t_quantile(level, part.freedom) * part.error for part in self.parts if part.error))
        return Interval(self.value - half, self.value + half, level)

    def p(self, value: float = 0.0) -> float | None:
        """Return the two-sided p of ``value``: 1 - level of the interval that reaches it; None without a part."""
        return p_values([self], value)[0]


def p_values(means: Sequence[CrossedMean], value: float = 0.0) -> list[float | None]:
    """Return the two-sided p of ``value`` for each mean, at least ``LEAST_P``; see ``CrossedMean.p``."""
    from scipy.special import stdtrit

    width = max((len(mean.parts) for mean in means), default=0)
    errors, freedoms = np.zeros((len(means), width)), np.ones((len(means), width))
    for row, mean in enumerate(means):
        for column, part in enumerate(mean.parts):
            errors[row, column], freedoms[row, column] = part.error, part.freedom
    gaps = np.array([abs(mean.value - value) for mean in means], np.float64)
    low, high = np.full(len(means), math.log(LEAST_P)), np.zeros(len(means))
    for _ in range(45):
        middle = (low + high) / 2
        quantiles = -stdtrit(freedoms, np.exp(middle)[:, None] / 2)
        inside = np.square(quantiles * errors).sum(1) >= np.square(gaps)  # the interval reaches the value
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    found = np.where(gaps == 0, 1.0, np.exp(low))
    return [
        float(p) if mean.parts and math.isfinite(mean.value) else None for mean, p in zip(means, found, strict=True)
    ]


def crossed_mean(
    by_seed: ArrayLike, images: Sequence[ArrayLike] = (), pool: SeedPool | None = None, own_freedom: bool = False
) -> CrossedMean:
    """Return the mean of one value for each seed, with its error over seeds and over images.

    Args:
        by_seed: value of each seed, ``[S]``; of paired differences, if two methods are compared.
        images: per-image values ``[S, N]`` whose means over images, up to a constant of each seed, are ``by_seed``
            (or the influence of each image on it); several for a sum over independent sets of images. Images that
            are not finite in one seed are left out.
        pool: interaction of methods and seeds in the same table. The seed part is the larger of the pool's and the
            own one, with the pool's degrees of freedom: three seeds alone are as often far too small by luck.
        own_freedom: the pool is of other kinds of methods: it is a floor, with the own degrees of freedom.

    Returns:
        The mean. One seed has no part over seeds, and a metric without per-image values none over images.
    """
    values = np.asarray(by_seed, np.float64)
    parts = [part for part in (_seed_part(values, pool, own_freedom), *map(image_part, images)) if part is not None]
    return CrossedMean(float(values.mean()), tuple(parts))


def _seed_part(by_seed: Floats, pool: SeedPool | None, own_freedom: bool) -> VariancePart | None:
    seeds = by_seed.size
    if seeds < 2 or not np.isfinite(by_seed).all():
        return None
    own = VariancePart(float(by_seed.std(ddof=1)) / math.sqrt(seeds), seeds - 1)
    if pool is None:
        return own
    pooled = pool.part(seeds)
    return VariancePart(max(own.error, pooled.error), own.freedom if own_freedom else pooled.freedom)


def image_part(values: ArrayLike) -> VariancePart | None:
    """Return the part of the error of the mean of ``[S, N]`` that is due to the choice of images.

    (MS_image - MS_rest) / (S·N), at least 0, with N - 1 degrees of freedom; the rest is in the part over seeds. None
    for fewer than two images that are finite in all seeds.
    """
    array = np.atleast_2d(np.asarray(values, np.float64))
    array = array[:, np.isfinite(array).all(0)]
    seeds, images = array.shape
    if images < 2:
        return None
    columns = array.mean(0)
    square = seeds * columns.var(ddof=1)
    if seeds > 1:
        rest = array - array.mean(1, keepdims=True) - columns + array.mean()
        square -= np.square(rest).sum() / ((seeds - 1) * (images - 1))
    return VariancePart(math.sqrt(max(square, 0.0) / (seeds * images)), images - 1)


def seed_pool(means: ArrayLike) -> SeedPool | None:
    """Return the interaction of methods and seeds in a table of means ``[M, S]``; NaN where one is missing.

    Methods have a constant each and seeds have one; what remains is the interaction. With all means there, it is the
    mean square of the two-way layout with (M - 1)·(S - 1) degrees of freedom. None without degrees of freedom.
    """
    _, rest, freedom = _additive(means)
    return SeedPool(float(np.square(rest).sum()) / freedom, freedom) if freedom > 0 else None


def additive_effects(means: ArrayLike) -> Floats:
    """Return the mean of each method ``[M]`` in a table of means ``[M, S]``, adjusted for the seeds that it lacks.

    The least-squares fit of a constant for each method and each seed; with all means there, it is the mean over
    seeds. NaN for a method without a finite mean.
    """
    array = np.asarray(means, np.float64)
    effects, _, _ = _additive(array)
    return np.where(np.isfinite(array).any(1), effects, np.nan)


def _additive(means: ArrayLike) -> tuple[Floats, Floats, int]:
    """Return adjusted means ``[M]``, residuals of the means that are there, and their degrees of freedom."""
    array = np.asarray(means, np.float64)
    method, seed = np.nonzero(np.isfinite(array))
    if not method.size:
        return np.full(len(array), np.nan), np.empty(0), 0
    design = np.zeros((method.size, sum(array.shape)))
    design[np.arange(method.size), method] = design[np.arange(method.size), len(array) + seed] = 1
    values = array[method, seed]
    fit, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    seeds_present = np.unique(seed)
    effects = fit[: len(array)] + fit[len(array) + seeds_present].mean()
    return effects, np.asarray(values - design @ fit), int(method.size - rank)


def better_pairs(count: int, gaps: Mapping[tuple[int, int], CrossedMean], level: float = LEVEL) -> NDArray[np.bool_]:
    """Return which of ``count`` methods are better than which, bool ``[M, M]``, with confidence in all at once.

    Args:
        count: number of methods M.
        gaps: advantage of method i over method j, for each compared pair (i, j).
        level: confidence that no difference is wrong (Holm's correction for the number of pairs with an interval).
    """
    p = p_values(list(gaps.values()))
    adjusted = iter(holm([each for each in p if each is not None]))
    better = np.zeros((count, count), bool)
    for ((i, j), gap), each in zip(gaps.items(), p, strict=True):
        different = each is not None and next(adjusted) <= 1 - level
        better[i, j], better[j, i] = different and gap.value > 0, different and gap.value < 0
    return better
