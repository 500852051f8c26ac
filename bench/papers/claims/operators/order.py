"""Operator ``order``: every subject of one group beats every subject of another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from bench.papers.claims.operators.answers import advantage, positive
from bench.papers.claims.operators.base import SOME, MetricTest
from bench.papers.claims.printed_values import PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.subjects import ClaimSubject, listed, read_subjects
from bench.reports.quantities import Quantity
from bench.reports.strict_toml import check_keys, texts
from bench.reports.verdicts import Evidence


@dataclass(frozen=True)
class OrderTest(MetricTest):
    """A test that every subject in ``better`` beats every subject in ``worse``, on every metric."""

    operators: ClassVar[tuple[str, ...]] = ("order",)
    position: ClassVar[int] = 1

    metrics: tuple[str, ...]
    better: tuple[ClaimSubject, ...]
    worse: tuple[ClaimSubject, ...]

    @classmethod
    def read(cls, atom: Mapping[str, Any], place: str) -> Self:
        """Parse the test; see ``ClaimTest.read``."""
        check_keys(atom, place, {"op": str, "metric": SOME, "better": SOME, "worse": SOME})
        metrics = texts(atom["metric"], "metric", place, 1)
        return cls(metrics, read_subjects(atom, "better", place), read_subjects(atom, "worse", place))

    @property
    def subjects(self) -> tuple[ClaimSubject, ...]:
        """All subjects of the test."""
        return self.better + self.worse

    def question(self, name: str) -> str:
        """Return the test in words, for a metric of this name."""
        beat = "beats" if len(self.better) == len(self.worse) == 1 else "beat"
        return f"{name}: {listed(self.better)} {beat} {listed(self.worse)}"

    def compare(self, scope: ClaimScope, quantity: Quantity, remark: str) -> Iterator[Evidence]:
        """Yield the evidence for each pair of subjects."""
        for better, worse in itertools.product(self.better, self.worse):
            question = f"{quantity.shown}: {better} beats {worse}"
            yield positive(
                scope,
                question,
                asked=[(better, quantity), (worse, quantity)],
                statistic=advantage(quantity),
                remark=remark,
            )

    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """Yield True for each metric and pair whose printed number of ``better`` beats that of ``worse``."""
        for metric, better, worse in itertools.product(self.metrics, self.better, self.worse):
            yield printed.oriented(metric, better) > printed.oriented(metric, worse)
