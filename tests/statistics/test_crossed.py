"""Means over training seeds and images against scipy, closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench import statistics


def layout(seeds=3, images=40, seed_sd=0.5, image_sd=1.0, rest_sd=0.3, draw=0):
    """Differences ``[S, N]`` whose true mean is 0."""
    rng = np.random.default_rng(draw)
    return (
        rng.normal(0, seed_sd, (seeds, 1))
        + rng.normal(0, image_sd, (1, images))
        + rng.normal(0, rest_sd, (seeds, images))
    )


def test_one_seed_is_student_s_t_over_images():
    values = layout(seeds=1)
    found = statistics.crossed_mean(values.mean(1), [values])
    expected = stats.ttest_1samp(values[0], 0.3)
    assert found.p(0.3) == pytest.approx(expected.pvalue, rel=1e-6)
    low, high = stats.ttest_1samp(values[0], 0).confidence_interval(0.95)
    assert (found.interval().low, found.interval().high) == pytest.approx((low, high))


def test_values_of_seeds_alone_are_student_s_t_over_seeds():
    by_seed = np.array([0.4, 0.1, 0.9, 0.3])
    found = statistics.crossed_mean(by_seed)
    assert found.p() == pytest.approx(stats.ttest_1samp(by_seed, 0).pvalue, rel=1e-6)
    low, high = stats.ttest_1samp(by_seed, 0).confidence_interval(0.95)
    assert (found.interval().low, found.interval().high) == pytest.approx((low, high))


def test_one_value_alone_has_no_interval():
    found = statistics.crossed_mean([2.0])
    assert (found.value, found.interval(), found.p()) == (2.0, None, None)


def test_variance_parts_are_those_of_the_two_way_layout():
    """Mean squares by the textbook's sums; the estimated variance is (MS_seed + MS_image - MS_rest) / (S·N)."""
    values = layout()
    seeds, images = values.shape
    total = np.square(values - values.mean()).sum()
    of_seeds = images * np.square(values.mean(1) - values.mean()).sum()
    of_images = seeds * np.square(values.mean(0) - values.mean()).sum()
    squares = of_seeds / (seeds - 1), of_images / (images - 1)
    rest = (total - of_seeds - of_images) / ((seeds - 1) * (images - 1))
    found = statistics.crossed_mean(values.mean(1), [values])
    expected = np.array([squares[0], squares[1] - rest]) / (seeds * images)
    assert [part.error**2 for part in found.parts] == pytest.approx(expected)
    assert [part.freedom for part in found.parts] == [seeds - 1, images - 1]
    halves = stats.t.ppf(0.975, [seeds - 1, images - 1]) * np.sqrt(expected)
    assert found.interval().half == pytest.approx(np.hypot(*halves))


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_the_interval_reaches_a_value_at_its_p(seeds):
    values = 0.7 + layout(seeds=seeds)
    found = statistics.crossed_mean(values.mean(1), [values])
    p = found.p()
    assert found.interval(1 - p).low == pytest.approx(0, abs=1e-6)
    assert found.interval(1 - p / 2).low < 0 < found.interval(min(1 - 2 * p, 0.5)).low


def test_images_that_are_missing_in_a_seed_are_left_out_and_equal_ones_have_no_error():
    values = layout()
    values[1, 3] = np.nan
    part = statistics.image_part(values)
    assert part == statistics.image_part(np.delete(values, 3, axis=1))
    equal = statistics.crossed_mean([1.0, 1.0], [np.ones((2, 9))])
    assert (equal.interval().low, equal.interval().high, equal.p(1.0)) == (1.0, 1.0, 1.0)
    assert equal.p() == pytest.approx(statistics.LEAST_P)
    assert statistics.image_part(np.full((2, 9), np.nan)) is None


def test_the_pool_of_two_methods_is_that_of_their_differences():
    means = np.random.default_rng(0).normal(size=(2, 5))
    pool = statistics.seed_pool(means)
    gaps = means[0] - means[1]
    assert (pool.part(5).error, pool.freedom) == (pytest.approx(stats.sem(gaps)), 4)


def test_the_pool_is_the_interaction_of_the_two_way_layout():
    means = np.random.default_rng(0).normal(size=(6, 4)) + np.arange(4) * 10
    rest = means - means.mean(0) - means.mean(1, keepdims=True) + means.mean()
    pool = statistics.seed_pool(means)
    assert (pool.variance, pool.freedom) == (pytest.approx((rest**2).sum() / 15), 15)
    assert statistics.seed_pool(means[:1]) is None
    assert statistics.seed_pool(means[:, :1]) is None


def test_missing_seeds_neither_shift_nor_break_the_table():
    """Means that are exactly a constant of the method plus one of the seed."""
    methods, seeds = np.array([3.0, 1.0, 2.0]), np.array([0.0, 5.0, -2.0, 1.0])
    means = methods[:, None] + seeds
    assert statistics.additive_effects(means) == pytest.approx(means.mean(1))
    means[0, 1] = means[2, 0] = np.nan
    effects = statistics.additive_effects(means)
    assert effects - effects.mean() == pytest.approx(methods - methods.mean())
    pool = statistics.seed_pool(means)
    assert (pool.variance, pool.freedom) == (pytest.approx(0, abs=1e-20), 4)
    lost = statistics.additive_effects([[1.0, 2.0], [np.nan, np.nan]])
    assert lost[0] == pytest.approx(1.5)
    assert np.isnan(lost[1])


def test_the_seed_part_is_never_below_the_own_one_nor_the_pool_s():
    by_seed, pool = np.array([0.0, 0.1, 0.2]), statistics.SeedPool(0.08, 14)
    own = statistics.crossed_mean(by_seed).parts[0]
    (pooled,) = statistics.crossed_mean(by_seed, pool=pool).parts
    assert (pooled.error, pooled.freedom) == (pytest.approx(np.sqrt(2 * 0.08 / 3)), 14)
    (kept,) = statistics.crossed_mean(10 * by_seed, pool=pool).parts
    assert (kept.error, kept.freedom) == (pytest.approx(10 * own.error), 14)
    (floor,) = statistics.crossed_mean(by_seed, pool=pool, own_freedom=True).parts
    assert (floor.error, floor.freedom) == (pooled.error, 2)


def test_p_of_many_means_are_those_of_each():
    means = [statistics.crossed_mean(layout(draw=d).mean(1), [layout(draw=d)] * (d % 2)) for d in range(5)]
    means.append(statistics.crossed_mean([1.0]))
    assert statistics.p_values(means, 0.2) == [mean.p(0.2) for mean in means]
    assert statistics.p_values([]) == []


def test_a_pair_s_interval_contains_the_truth_as_often_as_it_says():
    """Of 400 intervals from three seeds, 95 % should; the method of Zou and Donner is a little careful."""
    inside = [
        statistics.crossed_mean(values.mean(1), [values]).interval().contains(0.0)
        for values in (layout(draw=draw) for draw in range(400))
    ]
    assert stats.binomtest(sum(inside), 400, 0.95).pvalue > 1e-3 or np.mean(inside) > 0.95
