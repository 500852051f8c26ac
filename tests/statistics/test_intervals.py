"""Means, deviations and intervals over seeds against scipy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from bench import statistics


def test_t_interval_matches_scipy():
    seeds = [1.0, 1.5, 0.7]
    low, high = scipy.stats.ttest_1samp(seeds, 0).confidence_interval()
    interval = statistics.t_interval(seeds)
    assert [interval.low, interval.high] == pytest.approx([low, high])
    assert statistics.t_interval([1.0]) is None


def test_sd_uses_the_sample_formula_and_needs_two_seeds():
    assert statistics.mean_and_sd([1.0, 3.0]) == (2.0, pytest.approx(np.sqrt(2)))
    assert statistics.mean_and_sd([1.0]) == (1.0, None)
