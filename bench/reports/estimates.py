"""The estimate of any statistic of several measurements, with its interval over training seeds and images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench import statistics
from bench.reports.paired import Basis, basis_of
from bench.reports.quantities import Measurement
from bench.statistics import LEAST_P, CrossedMean, Floats, Interval, SeedPool, crossed_mean

DRAWS = 20_000
"""Draws of the means from which the interval of a statistic that is not linear is taken."""
NONE_IN_COMMON = "no seed with numbers for both"


@dataclass(frozen=True)
class Contrast:
    """A linear statistic of K values: their sum with these weights. Its interval needs no simulation."""

    weights: tuple[float, ...]

    def __call__(self, values: Floats) -> Floats:
        """Return the sum of values ``[..., K]`` with the weights."""
        return np.asarray(values @ np.asarray(self.weights), np.float64)


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval.

    Attributes:
        value: the statistic of the means over seeds and images.
        interval: 95 % interval, or None.
        basis: what the interval counts: training seeds, images or both; "count" for a counted number.
        why: reason if there is no interval.
        error: the error of a linear statistic; draws ``[R]`` of another one.
    """

    value: float
    interval: Interval | None
    basis: Basis | Literal["count"]
    why: str = ""
    error: CrossedMean | Floats | None = None

    @property
    def sign(self) -> int | None:
        """1 if the interval is above 0, -1 if it is below, 0 if it contains 0, None without an interval."""
        return None if self.interval is None else self.interval.sign

    def p(self, threshold: float = 0.0) -> float:
        """Return the two-sided p that the statistic is ``threshold``; 1 without an interval."""
        if self.interval is None:
            return 1.0
        if self.basis == "count":
            return 1.0 if self.value == threshold else LEAST_P
        if isinstance(self.error, CrossedMean):
            return self.error.p(threshold) or LEAST_P
        draws = np.asarray(self.error)[~np.isnan(np.asarray(self.error))]
        fewer = min(int((draws <= threshold).sum()), int((draws >= threshold).sum()))
        return min(1.0, 2 * (fewer + 1) / (len(draws) + 1))


def estimate(readings: Sequence[Measurement], statistic: Callable[[Floats], Floats]) -> Estimate:
    """Estimate a statistic of the means of several measurements on their common seeds, with a 95 % interval.

    The interval counts training seeds and images. A ``Contrast`` has the error of a crossed mean; two methods of one
    table share the table's variance over seeds (``bench.reports.paired``). The interval of any other statistic is
    that of its values for means drawn with the same two errors, jointly for measurements on the same images or the
    same seeds. One seed of something that was trained gives no interval. An image whose value is not finite in one
    measurement is left out of all measurements on the same images.

    Args:
        readings: K measurements.
        statistic: function of values ``[..., K]`` with result ``[...]``.
    """
    seeds = [seed for seed in readings[0].by_seed if all(seed in r.by_seed for r in readings)]
    if not seeds:
        return Estimate(np.nan, None, "nothing", NONE_IN_COMMON)
    stored = np.array([[r.by_seed[seed] for r in readings] for seed in seeds])
    if all(r.exact for r in readings) and not np.ptp(stored, axis=0).any():
        value = float(statistic(stored[0]))
        return Estimate(value, Interval(value, value), "count")
    means, blocks = _aligned(readings, seeds, stored)
    if not np.isfinite(means).all():
        return Estimate(np.nan, None, "nothing", NONE_IN_COMMON)
    value = float(statistic(means.mean(0)))
    basis, why = _basis(readings, len(seeds), blocks)
    if why:
        return Estimate(value, None, basis, why)
    if isinstance(statistic, Contrast):
        parts = [np.tensordot(np.asarray(statistic.weights)[places], rows, 1) for places, rows in blocks]
        pool, mixed = _shared_pool(readings)
        error = crossed_mean(statistic(means), parts, pool, own_freedom=mixed)
        return Estimate(value, error.interval(), basis, error=error)
    draws = np.asarray(statistic(_drawn(means, blocks)), np.float64)
    return Estimate(value, statistics.percentile_interval(draws), basis, error=draws)


Block = tuple[list[int], Floats]
"""Numbers of the measurements on one set of images, and their values ``[K, S, N]``."""


def _aligned(readings: Sequence[Measurement], seeds: Sequence[int], stored: Floats) -> tuple[Floats, list[Block]]:
    """Return the means ``[S, K]`` over images, and the values of each set of images."""
    means = stored.copy()
    found: dict[tuple[str, tuple[int, ...]], list[tuple[int, Floats]]] = {}
    for number, reading in enumerate(readings):
        values = reading.images if reading.images is not None else reading.influences
        if values is not None:
            rows = values[[list(reading.by_seed).index(seed) for seed in seeds]]
            found.setdefault((reading.shown, rows.shape), []).append((number, rows))
    blocks = []
    for members in found.values():
        numbers, rows = [number for number, _ in members], np.stack([rows for _, rows in members])
        rows = rows[:, :, np.isfinite(rows).all((0, 1))]
        for place, number in enumerate(numbers):
            if readings[number].images is not None:
                means[:, number] = rows[place].mean(1) if rows.shape[2] else np.nan
        blocks.append((numbers, rows))
    return means, blocks


def _basis(readings: Sequence[Measurement], seeds: int, blocks: Sequence[Block]) -> tuple[Basis, str]:
    """Return what an interval counts, and the reason if there can be none."""
    covered = sum(len(places) for places, rows in blocks if rows.shape[2] > 1)
    several = len({id(r.table.group) for r in readings if r.table is not None}) > 1
    trained = several or any(r.kind == "trained" for r in readings)
    basis = basis_of(seeds, covered == len(readings), trained)
    if basis == "one training":
        return basis, "one training"
    if basis == "nothing":
        return basis, "one image" if blocks else "one seed without per-image values"
    return basis, ""


def _shared_pool(readings: Sequence[Measurement]) -> tuple[SeedPool | None, bool]:
    """Return the variance over seeds that two measurements of one table share, and whether their kinds differ."""
    table, kinds = readings[0].table, [r.kind for r in readings]
    if table is None or len(readings) != 2 or readings[1].table is not table:
        return None, False
    return table.pool(*kinds), kinds[0] != kinds[1]


def _drawn(means: Floats, blocks: Sequence[Block]) -> Floats:
    """Draw means ``[R, K]`` around those measured, with the errors over images and over seeds."""
    rng = np.random.default_rng(statistics.SEED)
    seeds, count = means.shape
    drawn = np.tile(means.mean(0), (DRAWS, 1))
    for places, rows in blocks:
        if rows.shape[2] > 1:
            drawn[:, places] += rng.standard_normal((DRAWS, len(places))) @ _image_root(rows)
    if seeds > 1:
        deviations = (means - means.mean(0)) / np.sqrt(seeds * (seeds - 1))
        stretch = np.sqrt((seeds - 1) / rng.chisquare(seeds - 1, (DRAWS, 1)))
        drawn += stretch * (rng.standard_normal((DRAWS, seeds)) @ deviations).reshape(DRAWS, count)
    return drawn


def _image_root(rows: Floats) -> Floats:
    """Return a root ``[K, K]`` of the covariance of means that is due to the choice of images; see ``image_part``."""
    seeds, images = rows.shape[1:]
    columns = rows.mean(1)
    covariance = seeds * np.atleast_2d(np.cov(columns))
    if seeds > 1:
        rest = rows - rows.mean(2, keepdims=True) - columns[:, None] + rows.mean((1, 2), keepdims=True)
        covariance = covariance - np.tensordot(rest, rest, ([1, 2], [1, 2])) / ((seeds - 1) * (images - 1))
    values, vectors = np.linalg.eigh(covariance / (seeds * images))
    return np.asarray(np.sqrt(values.clip(min=0))[:, None] * vectors.T)
