"""The advantage of one method over another on one metric: paired over images, or over seeds for set metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench import statistics
from bench.core.types import Track
from bench.reports.groups import MethodResults
from bench.statistics import Floats, Interval

Basis = Literal["images", "seeds", "nothing"]


@dataclass(frozen=True)
class Difference:
    """Advantage of method a over method b, in the unit of the metric; positive means that a is better.

    Attributes:
        seeds: seeds of both methods; only these are compared.
        basis: "images" (bootstrap over the same images), "seeds" (t interval over seeds, for a metric without
            per-image values) or "nothing" (no common seed, or values that are not finite).
        mean: mean advantage, or None without a basis.
        interval: 95 % interval of the mean; None when it cannot be given (one seed of a set metric, one image).
        by_seed: advantage of each seed's summary value.
        a: oriented per-image values ``[S, N]`` of a, if the basis is "images".
        b: oriented per-image values ``[S, N]`` of b.
    """

    seeds: tuple[int, ...]
    basis: Basis
    mean: float | None = None
    interval: Interval | None = None
    by_seed: tuple[float, ...] = ()
    a: Floats | None = None
    b: Floats | None = None

    @property
    def sign(self) -> int | None:
        """1 if a is better, -1 if b is, 0 if the interval contains 0, None if there is no interval."""
        return None if self.interval is None else self.interval.sign


def difference(a: MethodResults, b: MethodResults, track: Track, metric: str, higher_is_better: bool) -> Difference:
    """Compare two methods on their common seeds; ``ResultGroup`` guarantees the same images and GAN."""
    orient = 1.0 if higher_is_better else -1.0
    of_a, of_b = a.values(track, metric), b.values(track, metric)
    seeds = tuple(seed for seed in of_a if seed in of_b)
    if not seeds:
        return Difference(seeds, "nothing")
    with np.errstate(invalid="ignore"):
        by_seed = orient * (np.array([of_a[s] for s in seeds]) - np.array([of_b[s] for s in seeds]))
    left, right = a.images(track, metric, seeds), b.images(track, metric, seeds)
    shown = tuple(float(v) for v in by_seed)
    if left is not None and right is not None:
        left, right = orient * left, orient * right
        gaps = statistics.differences(left, right)
        if not np.isfinite(gaps).any():
            return Difference(seeds, "nothing", by_seed=shown, a=left, b=right)
        interval = statistics.mean_interval(gaps)
        return Difference(
            seeds, "images", mean=float(np.nanmean(gaps)), interval=interval, by_seed=shown, a=left, b=right
        )
    if not np.isfinite(by_seed).all():
        return Difference(seeds, "nothing", by_seed=shown)
    return Difference(
        seeds, "seeds", mean=float(by_seed.mean()), interval=statistics.t_interval(by_seed), by_seed=shown
    )
