"""Verdicts and jackknife errors against closed forms."""

import numpy as np
import pytest

from bench.papers.claims.verdicts import Evidence
from bench.statistics import Interval
from bench.studies.judging import (
    at_least,
    at_most,
    claim,
    jackknife_error,
    jackknife_interval,
    judge,
    partition,
    r_squared,
    slope_changes,
    within,
)


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
    assert judge(claim("C0", "s", "t"), evidence).outcome == expected


def test_the_jackknife_error_of_a_mean_is_the_standard_error():
    values = np.random.RandomState(0).normal(size=50)
    replicates = [(values.sum() - v) / 49 for v in values]
    assert jackknife_error(replicates) == pytest.approx(values.std(ddof=1) / np.sqrt(50))


def test_the_jackknife_interval_covers_the_truth_as_often_as_it_says():
    rng, inside = np.random.RandomState(1), 0
    for _ in range(400):
        values = rng.normal(size=200)
        groups = partition(200, 20, 0)
        replicates = [np.delete(values, rows).var() for rows in groups]
        interval = jackknife_interval(values.var(), replicates)
        inside += interval.contains(1.0)
    assert 0.90 < inside / 400 < 0.98


def test_a_partition_holds_every_row_once():
    groups = partition(103, 20, 5)
    assert sorted(np.concatenate(groups)) == list(range(103))
    assert {len(rows) for rows in groups} == {5, 6}
    assert all(np.array_equal(a, b) for a, b in zip(groups, partition(103, 20, 5), strict=True))


def test_r_squared_equals_the_squared_correlation():
    x, y = [0.0, 0.1, 0.3, 0.7], np.random.RandomState(0).normal(size=(5, 4))
    expected = [np.corrcoef(x, row)[0, 1] ** 2 for row in y]
    assert r_squared(x, y) == pytest.approx(expected)
    assert r_squared(x, 2 * np.array(x) + 1) == pytest.approx(1.0)


def test_slope_changes_are_positive_for_a_convex_curve_at_any_spacing():
    x = np.array([0.0, 0.1, 0.4, 0.5, 0.9])
    assert (slope_changes(list(x), x**2) > 0).all()
    assert (slope_changes(list(x), np.sqrt(x)) < 0).all()
    assert slope_changes(list(x), 3 * x) == pytest.approx(np.zeros(3))
