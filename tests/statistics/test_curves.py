"""How straight a curve is and which way it bends, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from bench import statistics


def test_r_squared_equals_the_squared_correlation():
    x, y = [0.0, 0.1, 0.3, 0.7], np.random.RandomState(0).normal(size=(5, 4))
    expected = [np.corrcoef(x, row)[0, 1] ** 2 for row in y]
    assert statistics.r_squared(x, y) == pytest.approx(expected)
    assert statistics.r_squared(x, 2 * np.array(x) + 1) == pytest.approx(1.0)


def test_slope_changes_are_positive_for_a_convex_curve_at_any_spacing():
    x = np.array([0.0, 0.1, 0.4, 0.5, 0.9])
    assert (statistics.slope_changes(list(x), x**2) > 0).all()
    assert (statistics.slope_changes(list(x), np.sqrt(x)) < 0).all()
    assert statistics.slope_changes(list(x), 3 * x) == pytest.approx(np.zeros(3))
