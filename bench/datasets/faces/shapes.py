"""Soft shapes: signed distances to outlines, and the share of a pixel that they cover.

Pixels are computed by + - * /, square roots, minima, maxima and floors alone, whose rounding IEEE 754 defines:
the pixels are equal to the bit on every machine.
"""

from __future__ import annotations

import numpy as np

from bench.datasets.faces.people import Array

Number = float | Array

TINY = 1e-6


def pick(condition: Array, yes: Number, no: Number) -> Array:
    """``yes`` where the condition holds, else ``no``; float32 also where both are plain numbers."""
    chosen: Array = np.where(condition, np.float32(yes), np.float32(no))
    return chosen


def clip(value: Array) -> Array:
    """Limit to [0, 1]."""
    limited: Array = np.minimum(np.maximum(value, 0), 1)
    return limited


def inside(distance: Array, blur: Number) -> Array:
    """Coverage in [0, 1] of pixels at a signed distance (negative inside); the edge is ``blur`` wide."""
    covered: Array = clip(0.5 - distance / blur)
    return covered


def smooth(value: Array) -> Array:
    """Limit to [0, 1] with a soft start and end (3 t^2 - 2 t^3)."""
    t = clip(value)
    eased: Array = t * t * (3 - 2 * t)
    return eased


def wave(value: Array) -> Array:
    """A smooth wave of period 1 between 0 and 1, 1 at whole numbers."""
    t = np.abs((value - np.floor(value)) * 2 - 1)
    height: Array = t * t * (3 - 2 * t)
    return height


def circle(x: Array, y: Array, radius: Number) -> Array:
    """Signed distance to a circle around the origin."""
    distance: Array = np.sqrt(x * x + y * y) - radius
    return distance


def ellipse(x: Array, y: Array, rx: Number, ry: Number) -> Array:
    """Signed distance, to first order, to an ellipse around the origin."""
    a, b = x / rx, y / ry
    q = np.sqrt(a * a + b * b)
    a, b = a / rx, b / ry
    distance: Array = (q - 1) * (q + TINY) / (np.sqrt(a * a + b * b) + TINY)
    return distance


def glow(x: Array, y: Array, rx: Number, ry: Number) -> Array:
    """A soft spot: 1 in the middle, 0 from the ellipse outwards."""
    a, b = x / rx, y / ry
    t = np.maximum(1 - a * a - b * b, 0)
    spot: Array = t * t
    return spot


def box(x: Array, y: Array, half_x: Number, half_y: Number, corner: Number) -> Array:
    """Signed distance to a rectangle around the origin with rounded corners."""
    a, b = np.abs(x) - half_x + corner, np.abs(y) - half_y + corner
    out_a, out_b = np.maximum(a, 0), np.maximum(b, 0)
    distance: Array = np.sqrt(out_a * out_a + out_b * out_b) + np.minimum(np.maximum(a, b), 0) - corner
    return distance


def stroke(x: Array, y: Array, reach: Number, bend: Number, thick: Number) -> Array:
    """Signed distance to a stroke along the parabola ``y = bend (x / reach)^2``, thinning to nothing at the ends.

    Args:
        x: along the stroke, 0 in the middle.
        y: across it.
        reach: half of its length.
        bend: how far the ends lie from the tangent in the middle.
        thick: half of its width in the middle.
    """
    t = x / reach
    t2 = t * t
    slope = 2 * bend / reach * t
    distance: Array = np.abs(y - bend * t2) / np.sqrt(1 + slope * slope) - thick * (1 - t2)
    return distance
