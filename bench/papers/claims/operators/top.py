"""Operator ``top``: a subject is among the best of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from bench.core.errors import BenchError
from bench.papers.claims.operators.answers import advantage, estimated, unmeasured
from bench.papers.claims.operators.base import SOME, MetricTest
from bench.papers.claims.printed_values import PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.subjects import ClaimSubject, read_subjects, subject
from bench.reports.estimates import Quantity
from bench.reports.strict_toml import check_keys, texts
from bench.reports.verdicts import Evidence, Outcome


@dataclass(frozen=True)
class TopTest(MetricTest):
    """A test that a subject is among the best ``count`` of several, on every metric."""

    operators: ClassVar[tuple[str, ...]] = ("top",)
    position: ClassVar[int] = 4

    metrics: tuple[str, ...]
    who: ClaimSubject
    among: tuple[ClaimSubject, ...]
    count: int

    @classmethod
    def read(cls, atom: Mapping[str, Any], place: str) -> Self:
        """Parse the test; see ``ClaimTest.read``."""
        check_keys(atom, place, {"op": str, "metric": SOME, "who": str, "among": list, "count": int})
        among = read_subjects(atom, "among", place, 2)
        if not 1 <= atom["count"] <= len(among):
            raise BenchError(f"{place}: count = {atom['count']} should be 1 to {len(among)}, the number of others")
        return cls(texts(atom["metric"], "metric", place, 1), subject(atom["who"]), among, atom["count"])

    @property
    def subjects(self) -> tuple[ClaimSubject, ...]:
        """All subjects of the test."""
        return (self.who, *self.among)

    def question(self, name: str) -> str:
        """Return the test in words, for a metric of this name."""
        return f"{name}: {self.who} is among the best {self.count} of {len(self.among) + 1}"

    def compare(self, scope: ClaimScope, quantity: Quantity, remark: str) -> Iterator[Evidence]:
        """Yield one item of evidence: the numbers of other subjects that are better, and that are undecided."""
        question, ahead, undecided = self.question(quantity.shown), [], 0
        for other in self.among:
            found = estimated(scope, [(other, quantity), (self.who, quantity)], advantage(quantity))
            if isinstance(found, str):
                yield unmeasured(question, found, remark)
                return
            ahead += [str(other)] if found.sign == 1 else []
            undecided += found.sign in {0, None}
        detail = f"{len(ahead)} are better ({', '.join(ahead)})" if ahead else "none is better"
        detail += f", {undecided} cannot be told" if undecided else ""
        yield Evidence(question, self._outcome(len(ahead), undecided), detail, remark)

    def _outcome(self, ahead: int, undecided: int) -> Outcome:
        if ahead + undecided < self.count:
            return "holds"
        return "fails" if ahead >= self.count else "cannot tell"

    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """Yield True for each metric on which fewer than ``count`` printed numbers are better."""
        for metric in self.metrics:
            mine = printed.oriented(metric, self.who)
            yield sum(printed.oriented(metric, other) > mine for other in self.among) < self.count
