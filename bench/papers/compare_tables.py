"""Comparison of a printed table with measured values, row by row: ranks always, differences where settings match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench import statistics
from bench.core.errors import BenchError
from bench.papers.claims.scope import ClaimScope, scopes
from bench.papers.claims.subjects import ClaimSubject
from bench.reports.groups import ResultGroup
from bench.reports.published import PrintedNumber, PrintedPaper, PrintedTable
from bench.reports.quantities import Quantity
from bench.statistics import competition_ranks

FEWEST = 3
"""Smallest number of rows for which a rank correlation is computed."""


@dataclass(frozen=True)
class PrintedAndMeasured:
    """One printed number and its measured counterpart.

    Attributes:
        printed: the number of the paper.
        measured: mean over seeds; None if there is none, with the reason in ``why``.
        sd: standard deviation over seeds, None for one seed.
        printed_rank: rank among the rows that have both numbers.
        measured_rank: rank of the measured value among the same rows.
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
        """Measured minus printed; None if the two are not comparable."""
        if not self.comparable or self.measured is None:
            return None
        return self.measured - self.printed.value

    @property
    def same_rank(self) -> bool | None:
        """True if both ranks are equal; None without ranks."""
        return None if self.printed_rank is None else self.printed_rank == self.measured_rank


@dataclass(frozen=True)
class Part:
    """Comparison of one printed metric of one printed dataset with one measured quantity on one dataset.

    Attributes:
        metric: name of the metric in the paper.
        printed_on: dataset of the paper.
        quantity: name of the measured quantity; "" if none was measured.
        measured_on: dataset and budget of the measurement.
        rho: Spearman's correlation of printed and measured values, None below three rows.
        remark: stand-ins, if any.
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
    """Compare a printed table with measured values.

    If a dataset of the paper was measured, only that dataset is compared; otherwise the ranks of every printed one.

    Args:
        paper: printed numbers of the paper.
        table: one of its tables.
        measured: groups of records of the table's suite, on any datasets.
        swapped: whether another dataset stands in; then no differences are computed.

    Raises:
        BenchError: the direction of a metric differs between the records and the paper.
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
