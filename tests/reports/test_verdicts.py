"""Verdicts: thresholds against whole intervals, and claims that several tests decide."""

from __future__ import annotations

import numpy as np
import pytest

from bench.reports.verdicts import Evidence, Statement, at_least, at_most, between, span, verdict, with_span, within
from bench.statistics import Interval


def test_thresholds_are_decided_by_the_whole_interval():
    assert at_least(Interval(1, 2), 1) == "holds"
    assert at_least(Interval(0, 0.9), 1) == "fails"
    assert at_least(Interval(0, 2), 1) == "cannot tell"
    assert at_least(None, 1) == "cannot tell"
    assert [at_most(Interval(1, 2), t) for t in (2, 0.5, 1.5)] == ["holds", "fails", "cannot tell"]
    assert [within(Interval(*ends), 1) for ends in ((-1, 1), (1.1, 2), (-3, -2), (0, 2))] == [
        "holds",
        "fails",
        "fails",
        "cannot tell",
    ]
    assert between(Interval(1, 2), 0, 2) == "holds"
    assert between(Interval(1, 2), 0, 1.5) == "cannot tell"
    assert between(Interval(1, 2), -np.inf, 0.5) == "fails"
    assert between(None, 0, 1) == "cannot tell"


def test_intervals_are_printed_with_the_digits_that_they_support():
    assert span(Interval(-1.23456, 0.5)) == "[-1.2, 0.5]"
    assert span(Interval(-1.23456, 0.5), "+") == "[-1.2, +0.5]"
    assert span(None) == "(no interval)"
    assert with_span(-0.36772, Interval(-1.23456, 0.5)) == "-0.4 [-1.2, 0.5]"
    assert with_span(0.36772, Interval(0.31, 0.42), "+") == "+0.37 [+0.31, +0.42]"
    assert with_span(0.367728, None) == "0.3677 (no interval)"


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "cannot tell"], "cannot tell"),
        (["not measured", "cannot tell"], "not measured"),
        (["not measured", "fails", "holds"], "fails"),
    ],
)
def test_a_claim_is_worth_its_weakest_test(outcomes, expected):
    evidence = [Evidence("q", outcome, "d") for outcome in outcomes]
    assert verdict(Statement("C0", "s", "t"), evidence).outcome == expected


def test_the_reason_names_the_decisive_tests_and_every_stand_in():
    evidence = [Evidence(f"q{k}", "fails", f"d{k}", "a stands in for b") for k in range(5)]
    found = verdict(Statement("C0", "s", "t"), [*evidence, Evidence("q", "holds", "d")], True)
    assert found.reason == "q0: d0; q1: d1; q2: d2; and 2 more; a stands in for b"
    assert found.published is True
    assert verdict(found.claim, [Evidence("q", "holds", "d")]).reason == "d"
    assert verdict(found.claim, [Evidence("q", "holds", "d")] * 3).reason == "3 of 3 tests hold"
