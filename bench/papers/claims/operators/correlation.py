"""Operator ``correlation``: two metrics rank the methods alike."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from bench.core.errors import BenchError
from bench.papers.claims.operators.answers import alike, estimated, rank_correlation, unmeasured
from bench.papers.claims.operators.base import NUMBER, ClaimTest
from bench.papers.claims.printed_values import PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.subjects import ClaimSubject, read_subjects
from bench.reports.quantities import Quantity
from bench.reports.strict_toml import check_keys, texts
from bench.reports.verdicts import Evidence
from bench.statistics import Floats


@dataclass(frozen=True)
class CorrelationTest(ClaimTest):
    """A test that Spearman's rho of two metrics over methods, both oriented, is at least a threshold."""

    operators: ClassVar[tuple[str, ...]] = ("correlation",)
    position: ClassVar[int] = 5

    metrics: tuple[str, ...]
    methods: tuple[ClaimSubject, ...]
    at_least: float

    @classmethod
    def read(cls, atom: Mapping[str, Any], place: str) -> Self:
        """Parse the test; see ``ClaimTest.read``."""
        check_keys(atom, place, {"op": str, "metrics": list, "methods": list, "at_least": NUMBER})
        metrics = texts(atom["metrics"], "metrics", place, 2)
        if len(metrics) != 2:
            raise BenchError(f"{place}: metrics should be two names, got {len(metrics)}")
        return cls(metrics, read_subjects(atom, "methods", place, 3), float(atom["at_least"]))

    @property
    def subjects(self) -> tuple[ClaimSubject, ...]:
        """All subjects of the test."""
        return self.methods

    def evaluate(self, scope: ClaimScope) -> Iterator[Evidence]:
        """Yield the evidence for each pair of quantities."""
        (left, remark), (right, other) = (scope.quantities(name) for name in self.metrics)
        remarks = "; ".join(filter(None, [remark, other]))
        for name, found in zip(self.metrics, (left, right), strict=True):
            if not found:
                yield unmeasured(self._question(*self.metrics), f"{name} was not measured", remarks)
                return
        for first, second in itertools.product(left, right):
            yield self._compare(scope, first, second, remarks)

    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """Yield True if the correlation of the printed numbers reaches the threshold."""
        yield bool(
            rank_correlation(np.array([printed.oriented(m, who) for m in self.metrics for who in self.methods]))
            >= self.at_least
        )

    def _question(self, first: str, second: str) -> str:
        return f"Spearman({first}, {second}) ≥ {self.at_least}"

    def _compare(self, scope: ClaimScope, first: Quantity, second: Quantity, remarks: str) -> Evidence:
        asked = [(who, quantity) for quantity in (first, second) for who in self.methods]
        signs = np.array([quantity.orient for _, quantity in asked])

        def rho(values: Floats) -> Floats:
            return rank_correlation(values * signs)

        question = self._question(first.shown, second.shown)
        return alike(question, estimated(scope, asked, rho), self.at_least, remarks)
