"""Operator ``group``: the best, median or worst of some subjects beats that of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np

from bench.core.errors import BenchError
from bench.papers.claims.operators.answers import picked, positive
from bench.papers.claims.operators.base import SOME, MetricTest
from bench.papers.claims.printed_values import PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.subjects import ClaimSubject, listed, read_subjects
from bench.reports.quantities import Quantity
from bench.reports.strict_toml import check_keys, texts
from bench.reports.verdicts import Evidence
from bench.statistics import Floats

Pick = Literal["best", "median", "worst"]


@dataclass(frozen=True)
class GroupTest(MetricTest):
    """A test that the best, median or worst of ``better`` beats that of ``worse``, on every metric."""

    operators: ClassVar[tuple[str, ...]] = ("group",)
    position: ClassVar[int] = 2

    metrics: tuple[str, ...]
    better: tuple[ClaimSubject, ...]
    worse: tuple[ClaimSubject, ...]
    better_by: Pick
    worse_by: Pick

    @classmethod
    def read(cls, atom: Mapping[str, Any], place: str) -> Self:
        """Parse the test; see ``ClaimTest.read``."""
        picks = dict.fromkeys(("better_by", "worse_by"), str)
        check_keys(atom, place, {"op": str, "metric": SOME, "better": SOME, "worse": SOME} | picks)
        for key in picks:
            if atom[key] not in get_args(Pick):
                raise BenchError(f"{place}: {key} = {atom[key]!r} should be one of {', '.join(get_args(Pick))}")
        metrics = texts(atom["metric"], "metric", place, 1)
        sides = read_subjects(atom, "better", place), read_subjects(atom, "worse", place)
        return cls(metrics, *sides, atom["better_by"], atom["worse_by"])

    @property
    def subjects(self) -> tuple[ClaimSubject, ...]:
        """All subjects of the test."""
        return self.better + self.worse

    def question(self, name: str) -> str:
        """Return the test in words, for a metric of this name."""
        better, worse = f"{self.better_by} of {listed(self.better)}", f"{self.worse_by} of {listed(self.worse)}"
        return f"{name}: {better} beats {worse}"

    def compare(self, scope: ClaimScope, quantity: Quantity, remark: str) -> Iterator[Evidence]:
        """Yield one item of evidence; each draw of the means selects its own best, median or worst."""

        def gap(values: Floats) -> Floats:
            return self._gap(quantity.orient * values)

        asked = [(subject, quantity) for subject in self.subjects]
        yield positive(scope, self.question(quantity.shown), asked=asked, statistic=gap, remark=remark)

    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """Yield True for each metric on which the selected printed number of ``better`` beats that of ``worse``."""
        for metric in self.metrics:
            yield bool(self._gap(np.array([printed.oriented(metric, who) for who in self.subjects])) > 0)

    def _gap(self, oriented: Floats) -> Floats:
        """Return the advantage of the selected value of ``better``, from values ``[..., K]`` of all subjects."""
        count = len(self.better)
        better, worse = picked(oriented[..., :count], self.better_by), picked(oriented[..., count:], self.worse_by)
        return np.asarray(better - worse)
