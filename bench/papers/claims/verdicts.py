"""Whether a paper's claims hold on records: every test with its evidence, and a verdict that admits doubt.

A per-image metric is decided by the paired bootstrap interval over images (values averaged over seeds), a set
metric by Student's t interval over seeds; either must exclude 0, or lie on one side of a threshold. One seed of a
set metric decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.core.types import Record
from bench.papers.claims.evaluate import Evidence, Outcome, evidence
from bench.papers.claims.published_tests import published_outcome
from bench.papers.claims.scope import Scene
from bench.papers.claims.spec import Claim, Claims
from bench.reports.groups import only_group

__all__ = ["ORDER", "Evidence", "Outcome", "Verdict", "evaluate_claims", "judge", "verdict"]

ORDER: tuple[Outcome, ...] = ("fails", "not measured", "cannot tell", "holds")
"""A claim takes the first of these that one of its tests has."""


@dataclass(frozen=True)
class Verdict:
    """A claim with its evidence. ``published`` is what the paper's own numbers say, None if they do not cover it."""

    claim: Claim
    outcome: Outcome
    evidence: tuple[Evidence, ...]
    published: bool | None

    @property
    def reason(self) -> str:
        """Why the verdict is what it is: the decisive tests, and every stand-in."""
        decisive = [e for e in self.evidence if e.outcome == self.outcome]
        if self.outcome == "holds":
            count = len(self.evidence)
            text = f"{count} of {count} tests hold" if count > 1 else decisive[0].detail
        else:
            shown = "; ".join(": ".join(filter(None, (e.question, e.detail))) for e in decisive[:3])
            more = len(decisive) - 3
            text = shown + (f"; and {more} more" if more > 0 else "")
        stand_ins = dict.fromkeys(e.stand_in for e in self.evidence if e.stand_in)
        return "; ".join([text, *stand_ins])


def verdict(claim: Claim, found: Iterable[Evidence], published: bool | None) -> Verdict:
    """The verdict from all answers: one test that fails is enough, all must hold for the claim to hold.

    Else it is not measured if one test is not, and cannot be told if one test cannot.
    """
    tests = tuple(found)
    outcome = next(o for o in ORDER if any(e.outcome == o for e in tests))
    return Verdict(claim, outcome, tests, published)


def judge(claim: Claim, claims: Claims, scene: Scene) -> Verdict:
    """Try one claim on the tables of a scene.

    Raises:
        BenchError: a metric whose direction in the records is not that of the claims file.
    """
    found = [e for test in claim.tests for e in evidence(test, scene)]
    return verdict(claim, found, published_outcome(claim, claims))


def evaluate_claims(claims: Claims, records: Sequence[Record]) -> list[Verdict]:
    """Judge every claim about the methods of one GAN on the records of one table.

    Raises:
        BenchError: records of several tables, or not comparable ones; a metric whose direction in the records is
            not that of the claims file.
    """
    scene = Scene((only_group(records),), claims.roles, claims.datasets, claims.gans)
    return [judge(claim, claims, scene) for claim in claims.of_methods]
