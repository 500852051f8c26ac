"""Operator ``study``: the stored verdict of a study decides the claim."""

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
class StudyTest(ClaimTest):
    """A test that is decided by the stored verdict of a study."""

    operators: ClassVar[tuple[str, ...]] = ("study",)
    position: ClassVar[int] = 7

    study: str
    metrics: tuple[str, ...] = ()

    @classmethod
    def read(cls, atom: Mapping[str, Any], place: str) -> Self:
        """Parse the test; see ``ClaimTest.read``."""
        check_keys(atom, place, {"op": str, "study": str})
        return cls(atom["study"])

    @property
    def subjects(self) -> tuple[ClaimSubject, ...]:
        """Empty; the study defines what it compares."""
        return ()

    @property
    def from_study(self) -> str:
        """Name of the study."""
        return self.study

    def evaluate(self, scope: ClaimScope) -> Iterator[Evidence]:
        """Yield "not measured", because records do not decide the test."""
        yield unmeasured(f"study {self.study}", f"no such study is stored: ganinv study {self.study}")

    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """Raise ``NotPrinted``; the study or the claims file states whether the paper agrees."""
        raise NotPrinted(self.study)
