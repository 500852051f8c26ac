"""Paired tests and effect sizes against scipy, closed forms and properties."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench import statistics

FLOATS = st.floats(-1e3, 1e3, allow_nan=False, width=32)
VALUES = arrays(np.float64, st.integers(2, 30), elements=FLOATS)


def test_pairing_narrows_the_interval(values):
    shifted = values + 0.5 + np.random.default_rng(2).normal(0, 0.1, values.shape)
    interval = statistics.paired_interval(shifted, values)
    assert interval.contains(0.5)
    assert interval.high - interval.low < 0.05


def test_unequal_shapes_are_not_paired():
    with pytest.raises(ValueError, match="equal shapes"):
        statistics.paired_interval(np.ones(3), np.ones(4))


def test_exact_sign_flips_match_scipy():
    gaps = np.array([0.3, 1.2, -0.4, 0.9, 0.2, 1.1, -0.1, 0.8])
    theirs = scipy.stats.permutation_test(
        (gaps, np.zeros(8)), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    )
    assert statistics.sign_flip_p(gaps) == pytest.approx(theirs.pvalue)


def test_monte_carlo_sign_flips_match_the_t_test(values):
    gaps = values[:200] - values[:200].mean() + 0.4
    assert statistics.sign_flip_p(gaps) == pytest.approx(scipy.stats.ttest_1samp(gaps, 0).pvalue, abs=0.03)


def test_five_images_never_reach_five_percent():
    assert statistics.sign_flip_p(np.ones(5)) == 2 / 2**5


def test_wilcoxon_without_a_difference_is_one():
    assert statistics.wilcoxon_p(np.zeros(10)) == 1.0
    gaps = np.array([0.3, 1.2, -0.4, 0.9, 0.2, 1.1, -0.1, 0.8])
    assert statistics.wilcoxon_p(gaps) == pytest.approx(scipy.stats.wilcoxon(gaps).pvalue)


def test_effect_size_closed_form():
    assert statistics.effect_size([1.0, 2.0, 3.0]) == pytest.approx(2.0)
    assert statistics.effect_size([1.0, 1.0]) is None


def test_win_rate_counts_infinities_and_halves_ties():
    assert statistics.win_rate([np.inf, 1.0, 0.0, np.nan], [1.0, 1.0, 1.0, 5.0]) == pytest.approx(0.5)
    assert statistics.win_rate([np.nan], [1.0]) is None


@settings(max_examples=40)
@given(VALUES)
def test_tests_are_two_sided_and_in_range(values):
    p = statistics.sign_flip_p(values, flips=200)
    assert 0 < p <= 1
    assert p == pytest.approx(statistics.sign_flip_p(-values, flips=200))
    assert statistics.win_rate(values, values) == 0.5
