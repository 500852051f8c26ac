"""The interface of an operator: read a test, list its subjects, evaluate it on records and on the printed numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from bench.papers.claims.operators.answers import unmeasured
from bench.papers.claims.printed_values import PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.subjects import ClaimSubject, Level, widest
from bench.reports.estimates import Quantity
from bench.reports.verdicts import Evidence

SOME = (str, list)
"""Types of a key that holds one name or several."""
NUMBER = (int, float)


class ClaimTest(ABC):
    """One test of a claim. Subclasses are frozen dataclasses, each in a file of this folder.

    Attributes:
        operators: values of ``op`` that are read as this test.
        position: place in lists of operators; the later ones follow in alphabetical order of their files.
        metrics: that it compares, as the paper calls them.
    """

    operators: ClassVar[tuple[str, ...]]
    position: ClassVar[int] = 100
    metrics: tuple[str, ...]

    @classmethod
    @abstractmethod
    def read(cls, atom: Mapping[str, Any], place: str) -> Self:
        """The test from its entry in a claims file.

        Raises:
            BenchError: an unknown key, a missing one, a value of the wrong type; begins with ``place``.
        """

    @property
    @abstractmethod
    def subjects(self) -> tuple[ClaimSubject, ...]:
        """Everyone who is named."""

    @abstractmethod
    def evaluate(self, scope: ClaimScope) -> Iterator[Evidence]:
        """Every answer that the records of a scope give; one at least.

        Raises:
            BenchError: a metric whose direction in the records is not the paper's.
        """

    @abstractmethod
    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """Yield, for each part of the test, True if the paper's own numbers agree.

        Raises:
            NotPrinted: they do not cover it.
        """

    @property
    def level(self) -> Level:
        """The level that it spans."""
        return widest(who.level for who in self.subjects)

    @property
    def from_study(self) -> str:
        """The study that decides it in place of records, "" for records."""
        return ""

    @property
    def unmeasurable(self) -> str:
        """Why nothing here can measure it, "" if something can."""
        return ""


class MetricTest(ClaimTest):
    """A test that is put to one metric after the other."""

    def evaluate(self, scope: ClaimScope) -> Iterator[Evidence]:
        """Every answer on every measured quantity that answers a metric."""
        for role in self.metrics:
            found, remark = scope.quantities(role)
            if not found:
                yield unmeasured(self.question(role), f"{role} was not measured")
            remark = "; ".join(filter(None, [remark, scope.remark(self.subjects)]))
            for quantity in found:
                yield from self.compare(scope, quantity, remark)

    @abstractmethod
    def question(self, name: str) -> str:
        """Return the question about a metric or a measured quantity of this name."""

    @abstractmethod
    def compare(self, scope: ClaimScope, quantity: Quantity, remark: str) -> Iterator[Evidence]:
        """The answers on one quantity; ``remark`` says what stands in for what."""
