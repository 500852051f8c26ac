"""Statistics against scipy, closed forms and properties."""

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


@pytest.fixture
def values():
    return np.random.default_rng(1).gamma(2.0, 3.0, 300)


def test_bootstrap_interval_matches_scipy(values):
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20000, rng=np.random.default_rng(0)
    ).confidence_interval
    ours = statistics.mean_interval(values, resamples=20000)
    assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high], abs=0.02)


def test_bootstrap_interval_approaches_the_normal_one(values):
    interval = statistics.mean_interval(values, resamples=20000)
    half = 1.959964 * values.std() / np.sqrt(len(values))
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.03)


def test_bootstrap_of_two_values_is_binomial():
    means = statistics.bootstrap_means(np.array([0.0, 1.0]), resamples=20000)
    shares = [(means == m).mean() for m in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_chunks_do_not_change_the_draw(values, monkeypatch):
    whole = statistics.bootstrap_means(values, 50)
    monkeypatch.setattr(statistics, "_CHUNK", 1000)
    statistics.resample_counts.cache_clear()
    assert statistics.bootstrap_means(values, 50) == pytest.approx(whole)
    statistics.resample_counts.cache_clear()


def test_leading_axes_are_resampled_together(values):
    both = statistics.bootstrap_means(np.stack([values, values + 1]), 100)
    assert both[:, 1] - both[:, 0] == pytest.approx(1)


def test_values_that_are_not_finite_are_left_out(values):
    holes = np.concatenate([values, [np.nan, np.inf]])
    interval = statistics.mean_interval(holes)
    assert interval.contains(values.mean())
    assert np.isfinite([interval.low, interval.high]).all()


def test_pairing_narrows_the_interval(values):
    shifted = values + 0.5 + np.random.default_rng(2).normal(0, 0.1, values.shape)
    interval = statistics.paired_interval(shifted, values)
    assert interval.contains(0.5)
    assert interval.high - interval.low < 0.05


def test_seeds_are_averaged_before_images_are_resampled(values):
    seeds = np.stack([values - 1, values + 1])
    assert statistics.mean_interval(seeds) == statistics.mean_interval(values)


def test_unequal_shapes_are_not_paired():
    with pytest.raises(ValueError, match="equal shapes"):
        statistics.paired_interval(np.ones(3), np.ones(4))


def test_one_image_cannot_decide():
    assert statistics.mean_interval([1.0]) is None
    assert statistics.paired_interval([1.0, np.nan], [0.0, 1.0]) is None


def test_t_interval_matches_scipy():
    seeds = [1.0, 1.5, 0.7]
    low, high = scipy.stats.ttest_1samp(seeds, 0).confidence_interval()
    interval = statistics.t_interval(seeds)
    assert [interval.low, interval.high] == pytest.approx([low, high])
    assert statistics.t_interval([1.0]) is None


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


def test_sd_uses_the_sample_formula_and_needs_two_seeds():
    assert statistics.mean_and_sd([1.0, 3.0]) == (2.0, pytest.approx(np.sqrt(2)))
    assert statistics.mean_and_sd([1.0]) == (1.0, None)


def test_effect_size_closed_form():
    assert statistics.effect_size([1.0, 2.0, 3.0]) == pytest.approx(2.0)
    assert statistics.effect_size([1.0, 1.0]) is None


def test_win_rate_counts_infinities_and_halves_ties():
    assert statistics.win_rate([np.inf, 1.0, 0.0, np.nan], [1.0, 1.0, 1.0, 5.0]) == pytest.approx(0.5)
    assert statistics.win_rate([np.nan], [1.0]) is None


def test_spearman_matches_scipy(values):
    a, b = values[:60].reshape(6, 10), values[60:120].reshape(6, 10)
    theirs = [scipy.stats.spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert statistics.spearman(a, b) == pytest.approx(theirs)
    assert np.isnan(statistics.spearman(np.ones(5), np.arange(5.0)))


def test_competition_ranks_compare_with_the_leader_of_the_tie():
    assert statistics.tie_groups([0.0, 0.6, 1.2, 1.3, 9.0], lambda a, b: b - a < 1) == [1, 1, 3, 3, 5]
    assert statistics.tie_groups([], lambda a, b: True) == []


@settings(deadline=None, max_examples=40)
@given(VALUES)
def test_interval_lies_within_the_data_and_around_nothing_else(values):
    interval = statistics.mean_interval(values, resamples=200)
    slack = 1e-6 + 1e-9 * np.abs(values).max()
    assert values.min() - slack <= interval.low <= interval.high <= values.max() + slack


@settings(deadline=None, max_examples=40)
@given(VALUES, st.floats(-100, 100))
def test_interval_moves_with_the_data(values, shift):
    plain, moved = (statistics.mean_interval(v, resamples=200) for v in (values, values + shift))
    assert [moved.low, moved.high] == pytest.approx([plain.low + shift, plain.high + shift], abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(VALUES)
def test_tests_are_two_sided_and_in_range(values):
    p = statistics.sign_flip_p(values, flips=200)
    assert 0 < p <= 1
    assert p == pytest.approx(statistics.sign_flip_p(-values, flips=200))
    assert statistics.win_rate(values, values) == 0.5
