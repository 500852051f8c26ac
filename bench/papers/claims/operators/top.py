"""Operator ``top``: a subject is among the best of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from bench.core.errors import BenchError
from bench.papers.claims.operators.answers import advantage, estimated, unmeasured
from bench.papers.claims.operators.base import SOME, MetricTest
from bench.papers.claims.printed_values import PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.subjects import ClaimSubject, read_subjects, subject
from bench.reports.quantities import Quantity
from bench.reports.strict_toml import check_keys, texts
from bench.reports.verdicts import Evidence, Outcome
from bench.statistics import LEVEL


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
        question, gaps = self.question(quantity.shown), {}
        for other in self.among:
            found = estimated(scope, [(other, quantity), (self.who, quantity)], advantage(quantity))
            if isinstance(found, str):
                yield unmeasured(question, found, remark)
                return
            gaps[str(other)] = found
        fails = _partial([found.p() for found in gaps.values() if found.value > 0], self.count, len(gaps))
        needed = len(gaps) - self.count + 1
        holds = _partial([found.p() for found in gaps.values() if found.value < 0], needed, len(gaps))
        level = 1 - LEVEL
        outcome: Outcome = "holds" if holds <= level else "fails" if fails <= level else "cannot tell"
        ahead = [name for name, found in gaps.items() if found.sign == 1]
        undecided = sum(found.sign in {0, None} for found in gaps.values())
        detail = f"{len(ahead)} are better ({', '.join(ahead)})" if ahead else "none is better"
        yield Evidence(question, outcome, detail + f", {undecided} cannot be told" * bool(undecided), remark, p=fails)

    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """Yield True for each metric on which fewer than ``count`` printed numbers are better."""
        for metric in self.metrics:
            mine = printed.oriented(metric, self.who)
            yield sum(printed.oriented(metric, other) > mine for other in self.among) < self.count


def _partial(p: Sequence[float], needed: int, count: int) -> float:
    """Return the p that fewer than ``needed`` of ``count`` differences are real, from those of the right sign.

    The ``needed``-th smallest p times the number of larger ones and itself (Benjamini and Heller 2008, "Screening for
    partial conjunction hypotheses", with Bonferroni's combination).
    """
    return min(1.0, sorted(p)[needed - 1] * (count - needed + 1)) if len(p) >= needed else 1.0
