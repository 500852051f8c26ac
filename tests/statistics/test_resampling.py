"""The bootstrap and the jackknife against scipy, closed forms and properties."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench import statistics
from bench.statistics import resampling

FLOATS = st.floats(-1e3, 1e3, allow_nan=False, width=32)
VALUES = arrays(np.float64, st.integers(2, 30), elements=FLOATS)


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
    monkeypatch.setattr(resampling, "CHUNK", 1000)
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


def test_seeds_are_averaged_before_images_are_resampled(values):
    seeds = np.stack([values - 1, values + 1])
    assert statistics.mean_interval(seeds) == statistics.mean_interval(values)


def test_one_image_cannot_decide():
    assert statistics.mean_interval([1.0]) is None
    assert statistics.paired_interval([1.0, np.nan], [0.0, 1.0]) is None


@settings(max_examples=40)
@given(VALUES)
def test_interval_lies_within_the_data_and_around_nothing_else(values):
    interval = statistics.mean_interval(values, resamples=200)
    slack = 1e-6 + 1e-9 * np.abs(values).max()
    assert values.min() - slack <= interval.low <= interval.high <= values.max() + slack


@settings(max_examples=40)
@given(VALUES, st.floats(-100, 100))
def test_interval_moves_with_the_data(values, shift):
    plain, moved = (statistics.mean_interval(v, resamples=200) for v in (values, values + shift))
    assert [moved.low, moved.high] == pytest.approx([plain.low + shift, plain.high + shift], abs=1e-6)


def test_the_jackknife_error_of_a_mean_is_the_standard_error():
    values = np.random.RandomState(0).normal(size=50)
    replicates = [(values.sum() - v) / 49 for v in values]
    assert statistics.jackknife_error(replicates) == pytest.approx(values.std(ddof=1) / np.sqrt(50))


def test_the_jackknife_interval_covers_the_truth_as_often_as_it_says():
    rng, inside = np.random.RandomState(1), 0
    for _ in range(400):
        values = rng.normal(size=200)
        groups = statistics.partition(200, 20, 0)
        replicates = [np.delete(values, rows).var() for rows in groups]
        interval = statistics.jackknife_interval(values.var(), replicates)
        inside += interval.contains(1.0)
    assert 0.90 < inside / 400 < 0.98


def test_a_partition_holds_every_row_once():
    groups = statistics.partition(103, 20, 5)
    assert sorted(np.concatenate(groups)) == list(range(103))
    assert {len(rows) for rows in groups} == {5, 6}
    assert all(np.array_equal(a, b) for a, b in zip(groups, statistics.partition(103, 20, 5), strict=True))
