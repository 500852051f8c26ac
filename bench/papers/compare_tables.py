"""A printed table beside what was measured for it: row by row, by order always, by difference where it may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench import statistics
from bench.core.errors import BenchError
from bench.papers.claims.scope import ClaimScope, scopes
from bench.papers.claims.subjects import ClaimSubject
from bench.reports.estimates import Quantity
from bench.reports.groups import ResultGroup
from bench.reports.published import PrintedNumber, PrintedPaper, PrintedTable
from bench.statistics import competition_ranks

FEWEST = 3
"""Rows that make an order worth a correlation."""


@dataclass(frozen=True)
class PrintedAndMeasured:
    """One printed number and its measured counterpart.

    Attributes:
        printed: the number of the paper.
        measured: mean over seeds, None if there is none; then ``why`` says the reason.
        sd: over seeds, None for one seed.
        printed_rank: among the rows that have both numbers.
        measured_rank: the same for the measured value.
        comparable: whether dataset, GAN, budget and metric are the paper's.
    """

    printed: PrintedNumber
    measured: float | None
    sd: float | None = None
    printed_rank: int | None = None
    measured_rank: int | None = None
    comparable: bool = False
    why: str = ""

    @property
    def difference(self) -> float | None:
        """Measured minus printed, where the two may be subtracted."""
        if not self.comparable or self.measured is None:
            return None
        return self.measured - self.printed.value

    @property
    def same_rank(self) -> bool | None:
        """True if both orders give it the same rank; None without a rank."""
        return None if self.printed_rank is None else self.printed_rank == self.measured_rank


@dataclass(frozen=True)
class Part:
    """One printed metric of one printed dataset, beside one measured quantity on one dataset.

    Attributes:
        metric: as the paper calls it.
        printed_on: the paper's dataset.
        quantity: what answers; "" if nothing does.
        measured_on: dataset and budget that it was measured on.
        rho: Spearman's correlation of the two orders, None below three rows.
        remark: what stands in for what.
    """

    metric: str
    printed_on: str
    quantity: str
    measured_on: str
    rows: tuple[PrintedAndMeasured, ...]
    rho: float | None = None
    remark: str = ""


def compare_tables(
    paper: PrintedPaper, table: PrintedTable, measured: Sequence[ResultGroup], swapped: bool = False
) -> list[Part]:
    """A printed table beside measured ones.

    Where a dataset of the paper was measured, it alone is compared; else every printed dataset is, by order.

    Args:
        paper: what it prints.
        table: one of its tables.
        measured: tables of its suite, of any datasets.
        swapped: whether another dataset stands in, so that values are never subtracted.

    Raises:
        BenchError: a metric whose direction in the records is not the paper's.
    """
    parts: list[Part] = []
    for scope in scopes(measured, "dataset", paper):
        here = [name for name in _sets(table) if scope.is_same(scope.groups[0], name)]
        for name in here or _sets(table):
            rows = [row for row in table.rows if row.dataset == name]
            for metric in dict.fromkeys(row.metric for row in rows):
                wanted = [row for row in rows if row.metric == metric]
                parts += _parts(scope, metric, name=name, rows=wanted, same=bool(here) and not swapped)
    return parts


def _sets(table: PrintedTable) -> list[str]:
    return list(dict.fromkeys(row.dataset for row in table.rows))


def _parts(scope: ClaimScope, metric: str, name: str, rows: Sequence[PrintedNumber], same: bool) -> Iterator[Part]:
    found, remark = scope.quantities(metric)
    if not found:
        why = f"{metric} was not measured"
        yield Part(
            metric,
            name,
            quantity="",
            measured_on=scope.title,
            rows=tuple(PrintedAndMeasured(row, None, why=why) for row in rows),
        )
    for quantity in found:
        yield _part(
            scope,
            quantity,
            metric=metric,
            name=name,
            rows=[_beside(scope, quantity, row, same) for row in rows],
            remark=remark,
        )


def _part(
    scope: ClaimScope, quantity: Quantity, metric: str, name: str, rows: Sequence[PrintedAndMeasured], remark: str
) -> Part:
    role = scope.paper.roles[metric]
    both = [(row, row.measured) for row in rows if row.measured is not None and np.isfinite(row.measured)]
    printed, values = [row.printed.value for row, _ in both], [value for _, value in both]
    orders = (competition_ranks(side, higher_is_better=role.higher_is_better) for side in (printed, values))
    ranks = {id(row): places for (row, _), *places in zip(both, *orders, strict=True)}
    ranked = tuple(
        replace(row, printed_rank=ranks[id(row)][0], measured_rank=ranks[id(row)][1]) if id(row) in ranks else row
        for row in rows
    )
    rho = float(statistics.spearman(values, printed)) if len(both) >= FEWEST else None
    return Part(metric, name, quantity=quantity.name, measured_on=scope.title, rows=ranked, rho=rho, remark=remark)


def _beside(scope: ClaimScope, quantity: Quantity, row: PrintedNumber, same: bool) -> PrintedAndMeasured:
    named = scope.drawn_by(row.backbone, scope.groups)
    one_gan = len(scope.groups) == 1
    gan = row.backbone if named or not one_gan else ""
    try:
        reading = scope.reading(ClaimSubject(row.method, gan), quantity)
    except BenchError as error:
        return PrintedAndMeasured(row, None, why=str(error))
    mean, sd = statistics.mean_and_sd(list(reading.by_seed.values()))
    budget: ResultGroup = scope.groups[0]
    role = scope.paper.roles[row.metric]
    comparable = same and bool(named) and budget.budget["name"] == "paper" and quantity.name in role.same_as
    return PrintedAndMeasured(row, mean, sd, comparable=comparable)
