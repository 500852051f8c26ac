"""The advantage of one method over another on one metric, over training seeds and images, for every comparison.

Differences are paired: both methods of a pair invert the same images through the same generator of each seed. Their
interval counts both that other images and that other training seeds might have been used; see
``bench.statistics.crossed``. The variance over seeds is estimated from all methods of a kind in the table (trained
ones, searches, controls) and never taken below a pair's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from bench.core.types import Track
from bench.reports.groups import MethodResults, ResultGroup, per_image
from bench.statistics import CrossedMean, Floats, Interval, SeedPool, crossed_mean, over_seeds, seed_pool

Basis = Literal["images and seeds", "seeds", "images", "one training", "nothing"]
MethodKind = Literal["trained", "search", "control"]


@dataclass(frozen=True)
class Difference:
    """Advantage of method a over method b, in the unit of the metric; positive means that a is better.

    Attributes:
        seeds: seeds of both methods; only these are compared.
        basis: what the interval counts: "images and seeds", "seeds" (a metric without per-image values), "images"
            (one seed of two searches, of which neither is trained); or the reason why there is none: "one training",
            "nothing" (no common seed, or no finite value).
        crossed: mean advantage with its error; None if there is no common finite value.
        by_seed: advantage of each seed.
        a: oriented per-image values ``[S, N]`` of a, if there are any.
        b: oriented per-image values ``[S, N]`` of b.
    """

    seeds: tuple[int, ...]
    basis: Basis
    crossed: CrossedMean | None = None
    by_seed: tuple[float, ...] = ()
    a: Floats | None = None
    b: Floats | None = None

    @property
    def mean(self) -> float | None:
        """Mean advantage, or None."""
        return None if self.crossed is None else self.crossed.value

    @property
    def interval(self) -> Interval | None:
        """95 % interval of the mean; None if it cannot be given."""
        return None if self.crossed is None else self.crossed.interval()

    @property
    def p(self) -> float | None:
        """Two-sided p of no difference, not adjusted for the number of comparisons; None without an interval."""
        return None if self.crossed is None else self.crossed.p()

    @property
    def sign(self) -> int | None:
        """1 if a is better, -1 if b is, 0 if the interval contains 0, None if there is no interval."""
        return None if self.interval is None else self.interval.sign


class PairedDifferences:
    """Differences of any two methods of a table on one metric; the table's variance over seeds is estimated once.

    Attributes:
        group: the table.
        orient: 1 if higher values of the metric are better, else -1.
    """

    def __init__(self, group: ResultGroup, track: Track, metric: str) -> None:
        self.group = group
        self.orient = 1.0 if group.higher_is_better.get(metric, True) else -1.0
        self._track, self._metric = track, metric
        self._values = {runs.title: runs.values(track, metric) for runs in group.runs}
        self._rows = {r.title: {s: per_image(r.by_seed[s], track, metric) for s in r.by_seed} for r in group.runs}
        self._means = {title: _seed_means(values, self._rows[title]) for title, values in self._values.items()}
        kinds = {runs.title: kind_of(runs) for runs in group.runs}
        self._pools = {
            kind: seed_pool(self.table(title for title in kinds if kinds[title] == kind))
            for kind in dict.fromkeys(kinds.values())
        }

    def table(self, titles: Iterable[str]) -> Floats:
        """Return the means ``[M, S]`` of methods over images, better if higher; NaN where a seed is missing."""
        chosen = [self._means[title] for title in titles]
        seeds = sorted({seed for means in self._means.values() for seed in means})
        rows = [[means.get(seed, np.nan) for seed in seeds] for means in chosen]
        return self.orient * np.array(rows, np.float64).reshape(len(chosen), len(seeds))

    def pool(self, *kinds: MethodKind) -> SeedPool | None:
        """Return the interaction with seeds of methods of these kinds, averaged over the kinds.

        The degrees of freedom are the fewest of them; None if a kind has one method or one seed only.
        """
        pools = [self._pools.get(kind) for kind in dict.fromkeys(kinds)]
        found = [pool for pool in pools if pool is not None]
        if len(found) < len(pools) or not found:
            return None
        return SeedPool(float(np.mean([p.variance for p in found])), min(p.freedom for p in found))

    def between(self, a: MethodResults, b: MethodResults) -> Difference:
        """Compare two methods on their common seeds; ``ResultGroup`` guarantees the same images and GAN."""
        of_a, of_b = self._means[a.title], self._means[b.title]
        seeds = tuple(seed for seed in of_a if seed in of_b)
        if not seeds:
            return Difference(seeds, "nothing")
        left, right = self._images(a, seeds), self._images(b, seeds)
        if left is not None and right is not None:
            with np.errstate(invalid="ignore"):
                gaps = left - right
            gaps = gaps[:, np.isfinite(over_seeds(gaps))]
            if not gaps.shape[1]:
                return Difference(seeds, "nothing", a=left, b=right)
            return self._difference(a, b, seeds=seeds, by_seed=gaps.mean(1), images=gaps, sides=(left, right))
        by_seed = self.orient * np.array([of_a[seed] - of_b[seed] for seed in seeds])
        if not np.isfinite(by_seed).all():
            return Difference(seeds, "nothing", by_seed=tuple(map(float, by_seed)))
        shares = [runs.influences(self._track, self._metric, seeds) for runs in (a, b)]
        images = shares[0] - shares[1] if shares[0] is not None and shares[1] is not None else None
        return self._difference(a, b, seeds=seeds, by_seed=by_seed, images=images)

    def _difference(
        self,
        a: MethodResults,
        b: MethodResults,
        seeds: tuple[int, ...],
        by_seed: Floats,
        images: Floats | None,
        sides: tuple[Floats, Floats] | None = None,
    ) -> Difference:
        kinds = kind_of(a), kind_of(b)
        pool = self.pool(*kinds)
        mixed = kinds[0] != kinds[1]
        found = crossed_mean(by_seed, [] if images is None else [images], pool, own_freedom=mixed)
        basis = basis_of(len(seeds), images is not None and images.shape[1] > 1, "trained" in kinds)
        if basis in {"one training", "nothing"}:
            found = CrossedMean(found.value, ())
        shown = tuple(map(float, by_seed))
        return Difference(seeds, basis, crossed=found, by_seed=shown, **dict(zip("ab", sides or (), strict=False)))

    def _images(self, runs: MethodResults, seeds: Iterable[int]) -> Floats | None:
        rows = [self._rows[runs.title][seed] for seed in seeds]
        found = [row for row in rows if row is not None]
        return self.orient * np.stack(found) if found and len(found) == len(rows) else None


def _seed_means(values: Mapping[int, float], rows: Mapping[int, Floats | None]) -> dict[int, float]:
    """Return the mean over finite images of each seed that has them, or the stored value of a set metric."""
    means = dict(values)
    for seed in values:
        row = rows[seed]
        if row is not None and np.isfinite(row).any():
            means[seed] = float(row[np.isfinite(row)].mean())
    return means


@lru_cache(maxsize=256)
def paired_differences(group: ResultGroup, track: Track, metric: str) -> PairedDifferences:
    """Return the differences of a table on one metric; kept for the next question about it."""
    return PairedDifferences(group, track, metric)


def kind_of(runs: MethodResults) -> MethodKind:
    """Return the kind of a method: methods of a kind vary alike from one training to the next."""
    return "control" if runs.control else "trained" if is_trained(runs) else "search"


def is_trained(runs: MethodResults) -> bool:
    """Return True if a method learned anything beside the generator, or does not state that it did not."""
    facts = runs.facts
    learned = facts.get("trained_parameters") or facts.get("fit_steps")
    return bool(learned) or str(facts.get("trained_on", "")) != "nothing"


def basis_of(seeds: int, images: bool, trained: bool) -> Basis:
    """Return what an interval over this number of seeds counts, or the reason why there is none.

    Args:
        seeds: number of common seeds.
        images: whether there are values of several images.
        trained: whether something that differs was trained, so that one seed tells nothing of a second training.
    """
    if seeds > 1:
        return "images and seeds" if images else "seeds"
    if trained:
        return "one training"
    return "images" if images else "nothing"
