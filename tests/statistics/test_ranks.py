"""Ranks and agreement of orders against scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats

from bench import statistics


@pytest.mark.parametrize("up", [False, True])
def test_ranks_of_values_are_scipy_s(up):
    values = np.random.default_rng(0).integers(5, size=30).astype(float)
    expected = scipy.stats.rankdata(-values if up else values, method="min")
    assert statistics.competition_ranks(values, higher_is_better=up) == list(expected)
    assert statistics.competition_ranks([], higher_is_better=up) == []


def test_competition_ranks_compare_with_the_leader_of_the_tie():
    assert statistics.tie_groups([0.0, 0.6, 1.2, 1.3, 9.0], lambda a, b: b - a < 1) == [1, 1, 3, 3, 5]
    assert statistics.tie_groups([], lambda a, b: True) == []


def test_spearman_matches_scipy(values):
    a, b = values[:60].reshape(6, 10), values[60:120].reshape(6, 10)
    theirs = [scipy.stats.spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert statistics.spearman(a, b) == pytest.approx(theirs)
    assert np.isnan(statistics.spearman(np.ones(5), np.arange(5.0)))


def test_share_of_orders_counts_them_all():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=6), rng.normal(size=6)
    rho = scipy.stats.spearmanr(x, y).statistic
    orders = [scipy.stats.spearmanr(x, order).statistic >= rho - 1e-9 for order in itertools.permutations(y)]
    assert statistics.share_of_orders(x, y) == pytest.approx(np.mean(orders))
    assert statistics.share_of_orders(np.arange(5), np.arange(5)) == pytest.approx(1 / 120)
    assert scipy.stats.kendalltau(np.arange(5), np.arange(5), alternative="greater").pvalue == pytest.approx(1 / 120)
    assert statistics.share_of_orders(np.arange(9), np.arange(9)) is None
    assert statistics.share_of_orders(np.ones(4), np.arange(4)) is None


def test_rank_sets_count_the_better_and_the_worse():
    better = np.triu(np.ones((4, 4), bool), 1)  # every item is better than those after it
    assert [ranks.text for ranks in statistics.rank_sets(better)] == ["1", "2", "3", "4"]
    assert {ranks.text for ranks in statistics.rank_sets(np.zeros((8, 8), bool))} == {"1–8"}
    better[1, 2] = better[0, 1] = False
    assert [ranks.text for ranks in statistics.rank_sets(better)] == ["1–2", "1–3", "2–3", "4"]
    assert statistics.rank_sets(np.zeros((1, 1), bool)) == [statistics.RankSet(1, 1)]
    assert statistics.rank_sets(np.zeros((0, 0), bool)) == []
