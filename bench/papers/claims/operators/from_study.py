"""``study``: a study decides, by its stored verdict on the claim."""

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
    """A study decides: its stored verdict on the claim."""

    operators: ClassVar[tuple[str, ...]] = ("study",)
    position: ClassVar[int] = 7

    study: str
    metrics: tuple[str, ...] = ()

    @classmethod
    def read(cls, atom: Mapping[str, Any], place: str) -> Self:
        """See ``ClaimTest.read``."""
        check_keys(atom, place, {"op": str, "study": str})
        return cls(atom["study"])

    @property
    def subjects(self) -> tuple[ClaimSubject, ...]:
        """No one: the study knows whom it compares."""
        return ()

    @property
    def from_study(self) -> str:
        """Name of the study."""
        return self.study

    def evaluate(self, scope: ClaimScope) -> Iterator[Evidence]:
        """Records do not answer it."""
        yield unmeasured(f"study {self.study}", f"no such study is stored: ganinv study {self.study}")

    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """The study says it, or the claims file does."""
        raise NotPrinted(self.study)
