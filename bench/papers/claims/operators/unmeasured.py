"""Operator ``unmeasured``: the suite has no measurement for the claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from bench.papers.claims.operators.answers import unmeasured
from bench.papers.claims.operators.base import ClaimTest
from bench.papers.claims.printed_values import NotPrinted, PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.subjects import ClaimSubject
from bench.reports.strict_toml import check_keys
from bench.reports.verdicts import Evidence


@dataclass(frozen=True)
class UnmeasuredTest(ClaimTest):
    """A test without a measurement in the suite; ``why`` names what is missing."""

    operators: ClassVar[tuple[str, ...]] = ("unmeasured",)
    position: ClassVar[int] = 8

    why: str
    metrics: tuple[str, ...] = ()

    @classmethod
    def read(cls, atom: Mapping[str, Any], place: str) -> Self:
        """Parse the test; see ``ClaimTest.read``."""
        check_keys(atom, place, {"op": str, "why": str})
        return cls(atom["why"])

    @property
    def subjects(self) -> tuple[ClaimSubject, ...]:
        """Empty."""
        return ()

    @property
    def unmeasurable(self) -> str:
        """The missing measurement, in words."""
        return self.why

    def evaluate(self, scope: ClaimScope) -> Iterator[Evidence]:
        """Yield "not measured" with the reason."""
        yield unmeasured("nothing measures this here", self.why)

    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """Raise ``NotPrinted``; printed numbers are not compared."""
        raise NotPrinted(self.why)
