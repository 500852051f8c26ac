"""Shape of a curve through a few points: linearity and convexity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from bench.statistics.intervals import Floats


def r_squared(x: ArrayLike, rows: ArrayLike) -> Floats:
    """Return the share of the variance of rows ``[..., K]`` explained by a line in ``x`` ``[K]``; NaN if constant."""
    across, values = np.asarray(x, np.float64), np.asarray(rows, np.float64)
    across = across - across.mean()
    values = values - values.mean(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((values @ across) ** 2 / ((across @ across) * np.square(values).sum(-1)), np.float64)


def slope_changes(x: Sequence[float], rows: ArrayLike) -> Floats:
    """Return differences of neighbouring slopes of ``rows`` ``[..., K]`` over ``x`` ``[K]``; positive if convex."""
    slopes = np.diff(np.asarray(rows, np.float64), axis=-1) / np.diff(np.asarray(x, np.float64))
    return np.asarray(np.diff(slopes, axis=-1), np.float64)
