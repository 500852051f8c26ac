"""Leaderboards as typed tables: quality and cost of each method, the protocol, and missing values.

Renderers (``render_*.py``) turn a ``Leaderboard`` into Markdown, CSV, LaTeX, JSON or a terminal table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from bench import statistics
from bench.core.errors import unknown
from bench.core.types import Capacity, Cell, Record, Track
from bench.reports.context import Context, context_of
from bench.reports.groups import TRACKS, MethodResults, ResultGroup, groups
from bench.reports.ranking import classes, ranking
from bench.reports.standing import beyond_budget, costs, marks, other_machines
from bench.statistics import Interval, RankSet

Heading = Literal["test", "own", "cost"]

COSTS = {
    "fit_seconds": "fit, s",
    "invert_ms_per_image": "ms/image",
    "generator_calls_per_image": "generator calls/image",
    "trained_parameters": "trained parameters",
}
"""Cost columns and their titles in tables."""


@dataclass(frozen=True)
class Column:
    """A column of a leaderboard.

    Attributes:
        heading: block of the column.
        name: name of a metric, or key of a cost.
        higher_is_better: direction; None for a cost.
        decimals: number of displayed decimals.
    """

    heading: Heading
    name: str
    higher_is_better: bool | None
    decimals: int

    @property
    def key(self) -> str:
        """Unique key of the column in its table: ``test/psnr``."""
        return f"{self.heading}/{self.name}"


@dataclass(frozen=True)
class Value:
    """One number with its spread.

    Attributes:
        mean: mean of the stored summary values over seeds.
        sd: standard deviation over seeds (``ddof=1``); None for one seed.
        interval: 95 % interval over training seeds and images; of one seed over images alone, for metrics whose
            summary is the mean of per-image values.
        by_seed: stored summary value of each seed.
        best: whether the value is the best of its capacity class, or not told from it.
        optimised: whether the method minimises this metric directly.
    """

    mean: float
    sd: float | None
    interval: Interval | None
    by_seed: Mapping[int, float]
    best: bool = False
    optimised: bool = False


@dataclass(frozen=True)
class Row:
    """The row of one method.

    Attributes:
        rank: possible ranks within its capacity class; None for controls and for methods that cannot be ranked.
        capacity: variables that the method may change per image.
        free_numbers: number of these variables, the latent dimensions.
        marks: what the harness noticed of the method, which is therefore not ranked.
        plugin: origin of a method that is not the suite's own.
        beyond: whether the method calls the generator clearly more often than the budget has steps of search and
            refinement, or is fitted for clearly more steps than the budget has for fitting.
        machine: processor and threads of its times, if they differ from those of most rows.
        own_run: whether the user ran it beside records that others made.
        diverged: number of images whose search reached non-finite values, over tracks and seeds.
    """

    method: str
    rank: RankSet | None
    capacity: str
    free_numbers: int | None
    trained_on: str
    control: bool
    seeds: tuple[int, ...]
    values: Mapping[str, Value]
    beyond: bool = False
    diverged: int = 0
    marks: tuple[str, ...] = ()
    plugin: str = ""
    machine: str = ""
    own_run: bool = False


@dataclass(frozen=True)
class Note:
    """A value or record that is missing in the table, with the reason."""

    method: str
    seed: int
    what: str
    reason: str


@dataclass(frozen=True)
class Leaderboard:
    """The table of one dataset, GAN and budget: one row per method, best first per capacity class, controls last."""

    title: str
    rank_by: str
    context: Context
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    remarks: tuple[Note, ...]
    notes: tuple[str, ...] = ()

    def under(self, heading: Heading) -> tuple[Column, ...]:
        """Return the columns of one block."""
        return tuple(c for c in self.columns if c.heading == heading)


def leaderboards(
    records: Sequence[Record], rank_by: str, title: str, missing: Sequence[Cell] = ()
) -> list[Leaderboard]:
    """Return one table for each dataset, GAN and budget among the records.

    Args:
        records: records of any cells, including failed ones.
        rank_by: metric of the test track that ranks methods within each capacity class.
        title: name of the suite; each table adds its dataset, GAN and budget.
        missing: planned cells without a record, listed under their table.

    Raises:
        BenchError: records of one table are not comparable; names the difference.
        UnknownName: ``rank_by`` was measured in none of the records.
    """
    return boards_of(groups(records, missing), rank_by, title)


def boards_of(found: Sequence[ResultGroup], rank_by: str, title: str) -> list[Leaderboard]:
    """Return the table of each group; see ``leaderboards``.

    Raises:
        UnknownName: ``rank_by`` was measured in none of the records.
    """
    measured = {metric for group in found for r in group.records for metric in r.metrics.get("test", {})}
    if measured and rank_by not in measured:
        raise unknown("metric to rank by", rank_by, measured, title)
    return [leaderboard(group, rank_by, title) for group in found]


def leaderboard(group: ResultGroup, rank_by: str, title: str) -> Leaderboard:
    """Return the table of one group; see ``leaderboards``."""
    placed = ranking(group, "test", rank_by)
    columns = tuple(_columns(group, rank_by))
    machines = other_machines(group.runs)
    best = {c.key: _best(group, c) for c in columns}
    rows = [
        replace(
            _row(runs, placed.ranks.get(runs.title), columns=columns, best=best, budget=group.budget),
            machine=machines.get(runs.title, ""),
        )
        for runs in group.runs
        if runs.by_seed
    ]
    ranked = {runs.title for members in classes(group).values() for runs in members}
    place = {title: -value for title, value in placed.effects.items() if not np.isnan(value)}
    rows.sort(
        key=lambda r: (r.control, _class_order(r.capacity), r.method not in ranked, place.get(r.method, np.inf))
    )
    return Leaderboard(
        f"{title}: {group.title}",
        rank_by,
        context=context_of(group),
        columns=columns,
        rows=tuple(rows),
        remarks=tuple(_remarks(group)),
        notes=placed.notes,
    )


def _class_order(capacity: str) -> tuple[int, str]:
    """Return the sort key of a capacity class: from fewest to most free variables, unknown classes last."""
    known = get_args(Capacity)
    return (known.index(capacity) if capacity in known else len(known)), capacity


def _best(group: ResultGroup, column: Column) -> frozenset[str]:
    if column.heading == "cost" or column.higher_is_better is None:
        return frozenset()
    return ranking(group, column.heading, column.name).best


def _columns(group: ResultGroup, rank_by: str) -> Iterator[Column]:
    for track in TRACKS:
        for name in sorted(group.measured(track), key=lambda n: n != rank_by):
            numbers = [v for runs in group.runs for v in runs.values(track, name).values()]
            yield Column(track, name, group.higher_is_better.get(name), decimals_of(numbers))
    for name in COSTS:
        numbers = [v for runs in group.runs for v in costs(runs, name).values()]
        if numbers:
            whole = all(float(v).is_integer() for v in numbers)
            yield Column("cost", name, None, 0 if whole else decimals_of(numbers))


def decimals_of(numbers: Sequence[float]) -> int:
    """Return the decimals that give the largest value of a column four significant digits, between one and four."""
    finite = [abs(v) for v in numbers if np.isfinite(v)]
    largest = max(finite, default=0.0)
    return int(np.clip(3 - np.floor(np.log10(largest)), 1, 4)) if largest > 0 else 4


def _row(
    runs: MethodResults,
    rank: RankSet | None,
    columns: Sequence[Column],
    best: Mapping[str, frozenset[str]],
    budget: Mapping[str, Any],
) -> Row:
    values = {}
    for column in columns:
        value = _value(runs, column, runs.title in best.get(column.key, ()))
        if value is not None:
            values[column.key] = value
    facts = runs.facts
    return Row(
        runs.title,
        rank,
        capacity=str(facts.get("capacity", "")),
        free_numbers=facts.get("code_dim"),
        trained_on=str(facts.get("trained_on", "")),
        control=runs.control,
        seeds=tuple(runs.by_seed),
        values=values,
        beyond=beyond_budget(runs, budget),
        marks=marks(runs),
        plugin=str(facts.get("plugin", "")),
        diverged=sum(count for r in runs.by_seed.values() for count in r.facts.get("diverged", {}).values()),
    )


def _value(runs: MethodResults, column: Column, best: bool) -> Value | None:
    if column.heading == "cost":
        spent = costs(runs, column.name)
        return Value(*statistics.mean_and_sd(list(spent.values())), None, spent) if spent else None
    by_seed = runs.values(column.heading, column.name)
    if not by_seed:
        return None
    mean, sd = statistics.mean_and_sd(list(by_seed.values()))
    interval = value_interval(runs, column.heading, column.name, mean)
    return Value(mean, sd, interval=interval, by_seed=by_seed, best=best, optimised=optimises(runs, column.name))


def value_interval(runs: MethodResults, track: Track, metric: str, mean: float) -> Interval | None:
    """Return the interval around a stored ``mean`` over training seeds and images; of one seed, over images alone.

    Per-image values are those of which the summary is the mean over finite ones. Where it is not (a median, a rate, a
    set metric), the images count by their influence on it, if that is stored.
    """
    values = runs.values(track, metric)
    if not np.isfinite(mean):
        return None
    images = runs.images(track, metric, values)
    if images is not None:
        means = [row[np.isfinite(row)].mean() if np.isfinite(row).any() else np.nan for row in images]
        if not np.allclose(means, list(values.values()), rtol=1e-3, atol=1e-9):
            images = None
    if images is None:
        images = runs.influences(track, metric, values)
    return statistics.crossed_mean(list(values.values()), [] if images is None else [images]).interval()


def optimises(runs: MethodResults, metric: str) -> bool:
    """Return True if the method minimises this metric; "lpips" without a network covers every ``lpips@...``."""
    stated = runs.facts.get("optimises", ())
    return metric in stated or metric.split("@", maxsplit=1)[0] in stated


def _remarks(group: ResultGroup) -> Iterator[Note]:
    for runs in group.runs:
        for record in runs.others:
            yield Note(runs.title, int(record.cell["seed"]), record.status, record.reason)
        for seed, record in runs.by_seed.items():
            for what, reason in record.skipped.items():
                yield Note(runs.title, seed, f"{what} skipped", reason)
            for track in TRACKS:
                for name, summary in record.metrics.get(track, {}).items():
                    if np.isnan(summary["value"]):
                        yield Note(runs.title, seed, f"{track}/{name}", "the measured value is not a number")
    for cell in group.missing:
        yield Note(cell.method.title, cell.seed, "missing", "no record: the cell has not been run")
