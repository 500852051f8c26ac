"""Paired intervals, adjusted p and effect sizes against closed forms and properties."""

from __future__ import annotations

import numpy as np
import pytest
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


def test_holm_s_adjusted_p_rise():
    """.01 · 5, .02 · 4 and .03 · 3; those after it are at least as large."""
    p = [0.01, 0.02, 0.03, 0.04, 0.05]
    assert statistics.holm(p) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert statistics.holm(p[::-1]) == pytest.approx([0.09, 0.09, 0.09, 0.08, 0.05])
    assert statistics.holm([]) == []


@settings(max_examples=40)
@given(arrays(np.float64, st.integers(1, 8), elements=st.floats(0, 1)))
def test_holm_rejects_what_its_steps_reject(p):
    """Step through the p from the smallest: as long as the k-th is at most .05 / (K - k + 1), it is rejected."""
    rejected = np.zeros(len(p), bool)
    for k, place in enumerate(np.argsort(p, kind="stable")):
        if p[place] * (len(p) - k) > 0.05:
            break
        rejected[place] = True
    assert (np.array(statistics.holm(p)) <= 0.05).tolist() == rejected.tolist()


def test_effect_size_closed_form():
    assert statistics.effect_size([1.0, 2.0, 3.0]) == pytest.approx(2.0)
    assert statistics.effect_size([1.0, 1.0]) is None


def test_win_rate_counts_infinities_and_halves_ties():
    assert statistics.win_rate([np.inf, 1.0, 0.0, np.nan], [1.0, 1.0, 1.0, 5.0]) == pytest.approx(0.5)
    assert statistics.win_rate([np.nan], [1.0]) is None


@settings(max_examples=40)
@given(VALUES)
def test_nothing_wins_against_itself(values):
    assert statistics.win_rate(values, values) == 0.5
