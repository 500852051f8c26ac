"""Lookup of a paper's printed numbers for the tests of its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.papers.claims.subjects import ClaimSubject
from bench.reports.published import MetricMapping, PrintedNumber, plain


class NotPrinted(Exception):
    """Raised if the printed numbers do not cover a test."""


@dataclass(frozen=True)
class PrintedValues:
    """Printed numbers by metric, subject and dataset; ``roles`` give their directions."""

    rows: Sequence[PrintedNumber]
    roles: Mapping[str, MetricMapping]

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets, in order of appearance."""
        return list(dict.fromkeys(row.dataset for row in self.rows))

    def value(self, metric: str, who: ClaimSubject, dataset: str = "") -> float:
        """Return the printed number.

        Raises:
            NotPrinted: there is none, or there are several different ones.
        """
        within = who.dataset or dataset
        found = {
            row.value
            for row in self.rows
            if (row.metric, row.method) == (metric, who.method)
            and (not who.gan or plain(row.backbone) == plain(who.gan))
            and (not within or row.dataset == within)
        }
        if len(found) != 1:
            raise NotPrinted(metric, who)
        return found.pop()

    def oriented(self, metric: str, who: ClaimSubject) -> float:
        """Return the printed number, negated if lower is better, so that higher is better.

        Raises:
            NotPrinted: as ``value``.
        """
        return self.value(metric, who) * (1 if self.roles[metric].higher_is_better else -1)
