"""Verdicts on statements of a paper: evidence from tests, thresholds, and an outcome that may be inconclusive.

Used by claims that are data (``bench.papers.claims``) and by claims that a study tests in code. A test holds or fails
if its whole interval lies on one side of a threshold, and is inconclusive if the interval crosses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.statistics import LEVEL, Interval, holm

Outcome = Literal["holds", "fails", "cannot tell", "not measured"]
ORDER: tuple[Outcome, ...] = ("fails", "not measured", "cannot tell", "holds")
"""The outcome of a claim is the first of these among the outcomes of its tests."""


def shown_outcome(outcome: str) -> str:
    """Word under which pages and tables show an outcome; stored results keep ``cannot tell``."""
    return "inconclusive" if outcome == "cannot tell" else outcome


@dataclass(frozen=True)
class Statement:
    """A statement of a paper; ``source`` is the paper's section, table or figure."""

    id: str
    source: str
    text: str


@dataclass(frozen=True)
class Evidence:
    """The result of one test on one measured metric: the test in words, the outcome, and its numbers."""

    question: str
    outcome: Outcome
    detail: str
    stand_in: str = ""
    """The metric or dataset that stands in for that of the claim, if any."""
    p: float | None = None
    """Two-sided p of the bound that is violated, 1 if none is; None for tests that are not corrected for their
    number."""


@dataclass(frozen=True)
class Verdict:
    """A claim with its evidence. ``published``: whether the printed numbers agree, None if they do not cover it."""

    claim: Statement
    outcome: Outcome
    evidence: tuple[Evidence, ...]
    published: bool | None

    @property
    def reason(self) -> str:
        """The decisive tests and every stand-in, in words."""
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


def verdict(claim: Statement, evidence: Iterable[Evidence], published: bool | None = None) -> Verdict:
    """Return the verdict: a claim fails if one test fails, and holds if all tests hold.

    Otherwise it is not measured if one test is not, and else inconclusive ("cannot tell"). Of many tests one fails by
    chance: a failing test counts if its p survives Holm's correction for the number of tests of the claim, and is
    inconclusive otherwise. That all tests hold by chance is no likelier than that one does: they need no correction.
    """
    found = _corrected(tuple(evidence))
    return Verdict(claim, all_of(e.outcome for e in found), found, published)


def _corrected(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    known = [each.p for each in evidence if each.p is not None]
    adjusted = iter(holm(known))
    return tuple(each if each.p is None else _after(each, next(adjusted), len(known)) for each in evidence)


def _after(each: Evidence, p: float, tests: int) -> Evidence:
    if each.outcome != "fails" or p <= 1 - LEVEL:
        return each
    return replace(
        each, outcome="cannot tell", detail=f"{each.detail}; p = {p:.2g} after correction for {tests} tests"
    )


def all_of(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the joint outcome of several tests, or of the parts of a test."""
    found = list(outcomes)
    return next(outcome for outcome in ORDER if outcome in found)


def between(interval: Interval | None, low: float, high: float) -> Outcome:
    """Test that a value lies in [low, high]; it fails only where its whole interval lies outside.

    "cannot tell" where the interval reaches both sides of a bound, or is None.
    """
    if interval is None:
        return "cannot tell"
    if interval.low >= low and interval.high <= high:
        return "holds"
    return "fails" if interval.high < low or interval.low > high else "cannot tell"


def at_least(interval: Interval | None, threshold: float) -> Outcome:
    """Test that a value is at least ``threshold``; see ``between``."""
    return between(interval, threshold, np.inf)


def at_most(interval: Interval | None, threshold: float) -> Outcome:
    """Test that a value is at most ``threshold``; see ``between``."""
    return between(interval, -np.inf, threshold)


def within(interval: Interval | None, tolerance: float) -> Outcome:
    """Test that a value lies in [-tolerance, tolerance]; see ``between``."""
    return between(interval, -tolerance, tolerance)


def span(interval: Interval | None, sign: str = "") -> str:
    """``[low, high]`` with the digits that it supports; see ``Interval.text`` for ``sign``."""
    if interval is None:
        return "(no interval)"
    return f"[{interval.text(interval.low, sign)}, {interval.text(interval.high, sign)}]"


def with_span(value: float, interval: Interval | None, sign: str = "") -> str:
    """``value [low, high]`` with the digits that the interval supports; four significant ones without one."""
    text = f"{value:{sign}.4g}" if interval is None else interval.text(value, sign)
    return f"{text} {span(interval, sign)}"
