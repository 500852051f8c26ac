"""The interface of an operator: read a test, list its subjects, evaluate it on records and on the printed numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from bench.papers.claims.operators.answers import unmeasured
from bench.papers.claims.printed_values import PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.subjects import ClaimSubject, Level, widest
from bench.reports.quantities import Quantity
from bench.reports.verdicts import Evidence

SOME = (str, list)
"""Types of a key whose value is one name or several."""
NUMBER = (int, float)


class ClaimTest(ABC):
    """One test of a claim. Subclasses are frozen dataclasses, each in a file of this folder.

    Attributes:
        operators: values of ``op`` that select this test.
        position: position in lists of operators; equal ones are in alphabetical order of their files.
        metrics: names of the compared metrics in the paper.
    """

    operators: ClassVar[tuple[str, ...]]
    position: ClassVar[int] = 100
    metrics: tuple[str, ...]

    @classmethod
    @abstractmethod
    def read(cls, atom: Mapping[str, Any], place: str) -> Self:
        """Parse the test from its entry in a claims file.

        Raises:
            BenchError: a key is unknown or missing, or a value has the wrong type; begins with ``place``.
        """

    @property
    @abstractmethod
    def subjects(self) -> tuple[ClaimSubject, ...]:
        """All subjects of the test."""

    @abstractmethod
    def evaluate(self, scope: ClaimScope) -> Iterator[Evidence]:
        """Yield the evidence in the records of a scope; at least one item.

        Raises:
            BenchError: the direction of a metric differs between the records and the paper.
        """

    @abstractmethod
    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """Yield, for each part of the test, True if the paper's own numbers agree.

        Raises:
            NotPrinted: they do not cover the test.
        """

    @property
    def level(self) -> Level:
        """Level that the test spans."""
        return widest(who.level for who in self.subjects)

    @property
    def from_study(self) -> str:
        """Name of the study that decides the test; "" if records do."""
        return ""

    @property
    def unmeasurable(self) -> str:
        """Reason for which the test cannot be measured; "" if it can."""
        return ""


class MetricTest(ClaimTest):
    """A test that is evaluated on each of its metrics."""

    def evaluate(self, scope: ClaimScope) -> Iterator[Evidence]:
        """Yield the evidence of every measured quantity that is mapped to a metric."""
        for role in self.metrics:
            found, remark = scope.quantities(role)
            if not found:
                yield unmeasured(self.question(role), f"{role} was not measured")
            remark = "; ".join(filter(None, [remark, scope.remark(self.subjects)]))
            for quantity in found:
                yield from self.compare(scope, quantity, remark)

    @abstractmethod
    def question(self, name: str) -> str:
        """Return the test in words, for a metric or quantity of this name."""

    @abstractmethod
    def compare(self, scope: ClaimScope, quantity: Quantity, remark: str) -> Iterator[Evidence]:
        """Yield the evidence on one quantity; ``remark`` names the stand-ins."""
