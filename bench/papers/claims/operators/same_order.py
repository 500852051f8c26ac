"""Operator ``same_order``: every two datasets rank the subjects alike."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from bench.core.errors import BenchError
from bench.papers.claims.operators.answers import alike, rank_correlation, unmeasured
from bench.papers.claims.operators.base import NUMBER, SOME, MetricTest
from bench.papers.claims.printed_values import PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.subjects import ClaimSubject, Level, listed, read_subjects
from bench.reports.estimates import Estimate, estimate
from bench.reports.groups import title_of
from bench.reports.quantities import Quantity
from bench.reports.strict_toml import check_keys, texts
from bench.reports.verdicts import Evidence


@dataclass(frozen=True)
class SameOrderTest(MetricTest):
    """A test that Spearman's rho of one metric between every two datasets is at least a threshold."""

    operators: ClassVar[tuple[str, ...]] = ("same_order",)
    position: ClassVar[int] = 6

    metrics: tuple[str, ...]
    who: tuple[ClaimSubject, ...]
    at_least: float

    @classmethod
    def read(cls, atom: Mapping[str, Any], place: str) -> Self:
        """Parse the test; see ``ClaimTest.read``."""
        check_keys(atom, place, {"op": str, "metric": SOME, "who": list, "at_least": NUMBER})
        metrics = texts(atom["metric"], "metric", place, 1)
        return cls(metrics, read_subjects(atom, "who", place, 3), float(atom["at_least"]))

    @property
    def subjects(self) -> tuple[ClaimSubject, ...]:
        """All subjects of the test."""
        return self.who

    @property
    def level(self) -> Level:
        """Always "budget", because datasets are compared."""
        return "budget"

    def question(self, name: str) -> str:
        """Return the test in words, for a metric of this name."""
        return f"{name}: datasets order {listed(self.who)} alike, Spearman ≥ {self.at_least}"

    def compare(self, scope: ClaimScope, quantity: Quantity, remark: str) -> Iterator[Evidence]:
        """Yield the evidence for each pair of datasets."""
        sets = list(dict.fromkeys(title_of(group.dataset) for group in scope.groups))
        if len(sets) < 2:
            yield unmeasured(self.question(quantity.shown), f"one dataset alone: {', '.join(sets)}", remark)
        for one, other in itertools.combinations(sets, 2):
            alone = f"{quantity.shown}: {one} and {other} order {len(self.who)} alike, Spearman ≥ {self.at_least}"
            yield alike(alone, self._rho(scope, quantity, (one, other)), self.at_least, remark)

    def _rho(self, scope: ClaimScope, quantity: Quantity, sets: tuple[str, str]) -> Estimate | str:
        try:
            readings = [scope.reading(who, quantity, within) for within in sets for who in self.who]
            return estimate(readings, rank_correlation)
        except BenchError as error:
            return str(error)

    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """Yield True for each pair of datasets whose printed numbers reach the threshold."""
        for metric, sets in itertools.product(self.metrics, itertools.combinations(printed.datasets, 2)):
            values = np.array([printed.value(metric, who, within) for within in sets for who in self.who])
            yield bool(rank_correlation(values) >= self.at_least)
