"""Comparison of two methods, metric by metric, on the same images and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench import statistics
from bench.core.errors import BenchError
from bench.core.types import Record, Track
from bench.reports.formatting import ABSENT, shown_metric
from bench.reports.groups import TRACKS, MethodResults, ResultGroup, groups, only_group
from bench.reports.paired import Difference, paired_differences
from bench.reports.verdicts import span
from bench.statistics import LEVEL, Interval

if TYPE_CHECKING:
    from rich.table import Table

HEADER = ["metric", "advantage of a", "95 % interval", "p", "a wins", "verdict"]


@dataclass(frozen=True)
class SeedDifference:
    """Advantage of method a for one seed; the interval is over images, None for a set metric."""

    seed: int
    mean: float
    interval: Interval | None


@dataclass(frozen=True)
class MetricComparison:
    """Comparison on one metric of one track. Advantages are oriented: positive means that a is better.

    Attributes:
        gap: mean difference over training seeds and images, with its interval and what the interval counts.
        p: two-sided p of a mean advantage of 0, adjusted for the number of compared metrics (Holm); None without an
            interval.
        effect: Cohen's d_z over images, or None.
        wins: share of images on which a is better, ties count half; None for a set metric.
    """

    track: Track
    metric: str
    gap: Difference
    p: float | None
    effect: float | None
    wins: float | None
    by_seed: tuple[SeedDifference, ...]

    @property
    def verdict(self) -> str:
        """The decision of the adjusted p: "a better", "b better" or "inconclusive"."""
        if self.p is None or self.p > 1 - LEVEL or not self.gap.mean:
            return "inconclusive"
        return "a better" if self.gap.mean > 0 else "b better"


@dataclass(frozen=True)
class MethodComparison:
    """Comparison of methods a and b on one dataset, GAN and budget."""

    title: str
    a: str
    b: str
    seeds: tuple[int, ...]
    metrics: tuple[MetricComparison, ...]
    not_compared: tuple[str, ...] = ()
    """Metrics that were measured for only one of the two."""
    left_out: tuple[int, ...] = ()
    """Seeds that are done for only one of the two."""


def compare(records: Sequence[Record], method_a: str, method_b: str) -> MethodComparison:
    """Compare two methods on the records of one table.

    Args:
        records: records of one dataset, GAN and budget.
        method_a: title or name of a method.
        method_b: another one.

    Raises:
        UnknownName: a method is not in the records.
        BenchError: records are of several tables, or were measured on different images, protocols or GANs; both
            methods are the same; or they have no seed in common.
    """
    return _compare(only_group(records), method_a, method_b)


def comparisons(records: Sequence[Record], method_a: str, method_b: str) -> list[MethodComparison]:
    """Compare two methods in every table among the records that has both; see ``compare``.

    Raises:
        BenchError: as ``compare``; also when no table has both.
    """
    found = groups(records)
    both = [g for g in found if {method_a, method_b} <= {n for r in g.runs for n in (r.title, r.name)}]
    if not both and len(found) != 1:
        raise BenchError(f"none of {len(found)} tables has both '{method_a}' and '{method_b}'")
    return [_compare(group, method_a, method_b) for group in both or found]


def _compare(group: ResultGroup, method_a: str, method_b: str) -> MethodComparison:
    a, b = group.find(method_a), group.find(method_b)
    if a is b:
        raise BenchError(f"{group.title}: '{method_a}' and '{method_b}' are the same method")
    seeds = tuple(seed for seed in a.by_seed if seed in b.by_seed)
    if not seeds:
        raise BenchError(f"{group.title}: {a.title} and {b.title} have no seed in common that is done for both")
    measured, alone = [], []
    for track in TRACKS:
        for metric in group.measured(track):
            sides = [bool(runs.values(track, metric)) for runs in (a, b)]
            if all(sides) and metric in group.higher_is_better:
                measured.append(_metric(group, a, b=b, track=track, metric=metric))
            elif any(sides):
                alone.append(f"{track}/{metric}")
    return MethodComparison(
        group.title,
        a.title,
        b=b.title,
        seeds=seeds,
        metrics=_adjusted(measured),
        not_compared=tuple(alone),
        left_out=tuple(sorted(set(a.by_seed) ^ set(b.by_seed))),
    )


def _adjusted(measured: Sequence[MetricComparison]) -> tuple[MetricComparison, ...]:
    """Return the comparisons with p adjusted for their number."""
    known = [m.p for m in measured if m.p is not None]
    adjusted = iter(statistics.holm(known))
    return tuple(m if m.p is None else replace(m, p=next(adjusted)) for m in measured)


def _metric(group: ResultGroup, a: MethodResults, b: MethodResults, track: Track, metric: str) -> MetricComparison:
    gap = paired_differences(group, track, metric).between(a, b)
    by_seed = []
    for i, seed in enumerate(gap.seeds):
        interval = None if gap.a is None or gap.b is None else statistics.paired_interval(gap.a[i], gap.b[i])
        by_seed.append(SeedDifference(seed, gap.by_seed[i], interval))
    if gap.a is None or gap.b is None:
        return MetricComparison(track, metric, gap=gap, p=gap.p, effect=None, wins=None, by_seed=tuple(by_seed))
    gaps = statistics.differences(gap.a, gap.b)
    return MetricComparison(
        track,
        metric,
        gap=gap,
        p=gap.p,
        effect=statistics.effect_size(gaps),
        wins=statistics.win_rate(gap.a.mean(0), gap.b.mean(0)),
        by_seed=tuple(by_seed),
    )


def comparison_terminal(comparison: MethodComparison) -> Table:
    """Return the comparison as a terminal table of 80 characters, without effect sizes and values of seeds."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    title = f"{comparison.a} (a) against {comparison.b} (b) · {comparison.title}"
    shown = Table(
        title=escape(title), caption=escape(" ".join(_legend(comparison))), box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for head in HEADER:
        text = head in {"metric", "verdict"}
        shown.add_column(head, justify="left" if text else "right", no_wrap=not text, overflow="fold")
    for row in _rows(comparison):
        shown.add_row(*map(escape, row))
    return shown


def _rows(comparison: MethodComparison) -> Iterator[list[str]]:
    for m in comparison.metrics:
        interval = m.gap.interval
        yield [
            shown_metric(m.metric) if m.track == "test" else f"{m.track}/{shown_metric(m.metric)}",
            *_advantage(m.gap.mean, interval),
            ABSENT if m.p is None else f"{m.p:.2g}",
            ABSENT if m.wins is None else f"{m.wins:.0%}",
            m.verdict if m.gap.basis not in {"seeds", "images"} else f"{m.verdict} (over {m.gap.basis})",
        ]


def _advantage(mean: float | None, interval: Interval | None) -> tuple[str, str]:
    """Return the mean advantage and its interval, with the digits that the interval supports."""
    if mean is None or interval is None:
        return ABSENT if mean is None else f"{mean:+.3g}", ABSENT
    return interval.text(mean, "+"), span(interval, "+")


def _legend(comparison: MethodComparison) -> Iterator[str]:
    yield (
        "Positive: a is better, whatever the metric's direction. Intervals count that other training seeds and other "
        "images might have been used, on the same generators and images for both. p: no difference, adjusted for the "
        f"number of metrics (Holm); the verdict is that of p at {1 - LEVEL:.2g}."
    )
    if any(m.gap.basis == "one training" for m in comparison.metrics):
        yield "One training: a second one may turn the difference round, so that no interval can be given."
    if comparison.left_out:
        yield f"Seeds done for one of the two only, left out: {', '.join(map(str, comparison.left_out))}."
    if comparison.not_compared:
        yield f"Measured for one of the two only: {', '.join(comparison.not_compared)}."
