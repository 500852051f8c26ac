"""Comparison of printed with measured numbers: ranks always, differences only in the same setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.errors import UnknownName
from bench.reports.groups import ResultGroup, title_of
from bench.reports.published import MetricMapping, PrintedNumber, PrintedPaper, plain
from bench.reports.quantities import answers
from bench.statistics import competition_ranks, mean_and_sd


@dataclass(frozen=True)
class PublishedComparison:
    """One printed number and its measured counterpart.

    Attributes:
        metric: name of the measured metric, or the printed name if none was measured.
        measured: mean over seeds, or None.
        sd: standard deviation over seeds, or None.
        published_rank: rank among the measured methods of the table; None if this method was not measured.
        measured_rank: rank of the measured value among the same methods.
        comparable: whether dataset, GAN, budget and metric are the paper's; otherwise only ranks are compared.
        remark: reason for a missing measurement, or the stand-in that was measured.
    """

    published: PrintedNumber
    metric: str
    measured: float | None
    sd: float | None
    published_rank: int | None
    measured_rank: int | None
    comparable: bool
    remark: str

    @property
    def difference(self) -> float | None:
        """Measured minus published, only where the two are comparable."""
        if not self.comparable or self.measured is None:
            return None
        return self.measured - self.published.value


def published_table(group: ResultGroup, paper: PrintedPaper) -> list[PublishedComparison]:
    """Return every printed number of a paper with its measured counterpart in one group of records.

    Raises:
        BenchError: a metric whose direction in the records is not the paper's.
    """
    rows: list[PublishedComparison] = []
    for table, metric in dict.fromkeys((p.table, p.metric) for p in paper.published):
        printed = [p for p in paper.published if (p.table, p.metric) == (table, metric)]
        role = paper.roles[metric]
        names, remark = answers(role, group)
        if not names:
            rows += [
                PublishedComparison(
                    p,
                    metric,
                    measured=None,
                    sd=None,
                    published_rank=None,
                    measured_rank=None,
                    comparable=False,
                    remark="not measured",
                )
                for p in printed
            ]
        for name in names:
            rows += _compared(group, role, metric=name, printed=printed, remark=remark)
    return rows


def _compared(
    group: ResultGroup, role: MetricMapping, metric: str, printed: Sequence[PrintedNumber], remark: str
) -> list[PublishedComparison]:
    values, reasons = {}, {}
    for p in printed:
        try:
            found = list(group.find(p.method).values("test", metric).values())
        except UnknownName:
            reasons[p.method] = "no such method in these records"
            continue
        if found:
            values[p.method] = mean_and_sd(found)
    both = [p for p in printed if p.method in values]
    printed_ranks = competition_ranks([p.value for p in both], higher_is_better=role.higher_is_better)
    measured = [values[p.method][0] for p in both]
    measured_ranks = competition_ranks(measured, higher_is_better=role.higher_is_better)
    ranks = {p.method: pair for p, *pair in zip(both, printed_ranks, measured_ranks, strict=True)}
    rows = []
    for p in printed:
        mean, sd = values.get(p.method, (None, None))
        before, after = ranks.get(p.method, (None, None))
        why = remark if mean is not None else reasons.get(p.method, "not measured")
        rows.append(
            PublishedComparison(
                p,
                metric,
                measured=mean,
                sd=sd,
                published_rank=before,
                measured_rank=after,
                comparable=_comparable(group, p, role, metric),
                remark=why,
            )
        )
    return rows


def _comparable(group: ResultGroup, printed: PrintedNumber, role: MetricMapping, metric: str) -> bool:
    same = plain(title_of(group.dataset)) == plain(printed.dataset)
    same = same and plain(title_of(group.gan)) == plain(printed.backbone)
    return same and group.budget["name"] == "paper" and metric in role.same_as
