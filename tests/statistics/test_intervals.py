"""Means, deviations and intervals over seeds against scipy and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from bench import statistics
from bench.statistics import Interval


def test_t_interval_matches_scipy():
    seeds = [1.0, 1.5, 0.7]
    low, high = scipy.stats.ttest_1samp(seeds, 0).confidence_interval()
    interval = statistics.t_interval(seeds)
    assert [interval.low, interval.high] == pytest.approx([low, high])
    assert statistics.t_interval([1.0]) is None


def test_sd_uses_the_sample_formula_and_needs_two_seeds():
    assert statistics.mean_and_sd([1.0, 3.0]) == (2.0, pytest.approx(np.sqrt(2)))
    assert statistics.mean_and_sd([1.0]) == (1.0, None)


@pytest.mark.parametrize(
    ("low", "high", "decimals", "value", "shown"),
    [
        (21.02, 21.14, 2, 21.0812345, "21.08"),
        (20.94, 21.22, 2, 21.08, "21.08"),
        (18.0, 24.0, 1, 21.08, "21.1"),
        (18.0, 26.0, 0, 21.08, "21"),
        (-936.3, 352.2, 0, -292.1, "-292"),
        (0.0, 2e-7, 6, 1.234e-7, "1.23e-07"),
        (3.0, 3.0, 6, 3.0, "3"),
        (3.0, math.inf, 6, 3.0, "3"),
    ],
)
def test_a_number_is_shown_with_the_digits_that_its_interval_supports(low, high, decimals, value, shown):
    interval = Interval(low, high)
    assert interval.decimals == decimals
    assert interval.text(value) == shown


@pytest.mark.parametrize(("low", "high", "sign"), [(0.1, 2, 1), (-2, -0.1, -1), (-1, 1, 0), (0, 1, 0), (-1, 0, 0)])
def test_the_sign_of_an_interval_is_that_of_all_of_its_values(low, high, sign):
    assert Interval(low, high).sign == sign
