"""Background, clothes, neck, ears and the bare head with its light."""

from __future__ import annotations

import numpy as np

from bench.datasets.faces.canvas import SIDE, Canvas, CanvasView
from bench.datasets.faces.colours import Paint, channel, mix, tint
from bench.datasets.faces.people import Array
from bench.datasets.faces.shapes import circle, clip, ellipse, glow, inside, pick, smooth, stroke

NEAR = (-0.80, -0.85, 0.80, 0.98)
"""Part of the canvas in which every head lies."""
FRECKLES = ((-0.06, -0.01), (0.0, 0.03), (0.05, -0.02), (-0.02, -0.045), (0.08, 0.03))
"""Places of the freckles on a cheek."""


def head_distance(view: CanvasView, dy: float = 0.0) -> Array:
    """Signed distance to the outline of the head, shifted down by ``dy``; radial, so exact on the outline alone."""
    build = view.canvas.build
    y = view.y - dy
    low, high = np.maximum(y, 0) / build.bottom, np.minimum(y, 0) / build.top
    low2, high2 = low * low, high * high
    # The jaw turns farther than the skull does: it lies before the axis of the neck.
    x = view.x - build.sin * 0.13 * low
    width = build.width * (1 - build.taper * low2 + build.jowl * (4 * low2 * low))
    a = x / width
    q = np.sqrt(a * a + low2 * (1 - build.square + build.square * low2) + high2 * (0.85 + 0.15 * high2)) + 1e-6
    return np.sqrt(x * x + y * y) * (1 - 1 / q)


def backdrop(canvas: Canvas) -> None:
    """A gradient, and a disc, ring or plane in it."""
    view, people = canvas.view(), canvas.people
    x, y = view.canvas_x, view.canvas_y
    first, second, third = canvas.colours.backdrop
    slope = people.between("backdrop_tilt", -0.6, 0.6)
    canvas.pixels[:] = mix(first, second, channel(clip(0.5 + 0.5 * (y + slope * x) / (1 + np.abs(slope)))))
    radius, kind = people.between("disc_size", 0.35, 1.05), people.between("disc_kind", 0.0, 1.0)
    dx, dy = x - people.between("disc_x", -0.9, 0.9), y - people.between("disc_y", -0.9, 0.5)
    d = np.sqrt(dx * dx + dy * dy) - radius
    ring = (kind >= 0.55) & (kind < 0.8)
    d = pick(ring, np.abs(d) - people.between("disc_tone", 0.05, 0.16), d)
    d = pick(kind >= 0.8, slope * x + y - radius + 0.4, d)
    view.paint(inside(d, 2 / SIDE) * 0.75, third)


def bust(canvas: Canvas) -> None:
    """Neck and shoulders, with the shadow of the chin."""
    people, build, colours = canvas.people, canvas.build, canvas.colours
    view = canvas.view((-1, 0.35, 1, 1))
    male = people.has("Male")
    base = canvas.shift_x * 0.6
    x, y = view.canvas_x - base, view.canvas_y
    # From under the head to the middle of the shoulders.
    centre = (canvas.shift_x - base) * clip((0.95 - y) / 0.6)
    flare = smooth((y - 0.74) / 0.3)
    neck = np.abs(x - centre) - build.neck * (0.94 + 0.75 * flare * flare)
    half = pick(male, 0.86, 0.70) + people.around("shoulders", -0.07, 0.07)
    shoulder = ellipse(x, y - 1.27, half, pick(male, 0.50, 0.45))
    cover = inside(np.minimum(neck, shoulder), 2 / SIDE)
    lit = clip(0.62 + 0.9 * build.light[0] * x) * 0.8
    view.paint(cover, Paint(colours.shadow, None, colours.skin, lit))
    view.shade(inside(head_distance(view, 0.09), 0.16) * cover, 0.75)
    _clothes(view, x - centre * 0.3, y, shoulder)


def _clothes(view: CanvasView, x: Array, y: Array, shoulder: Array) -> None:
    people, build, colours = view.canvas.people, view.canvas.build, view.canvas.colours
    collar = people.between("collar", 0.0, 1.0)
    round_neck = ellipse(x, y - 0.78, build.neck * 1.25, people.between("collar", 0.08, 0.30))
    v_neck = (np.abs(x) * 1.3 + (y - 1.0)) / 1.64
    opening = pick(collar < 0.66, round_neck, v_neck)
    lit = 0.80 + 0.25 * clip(0.5 + 0.7 * build.light[0] * x) - 0.25 * clip((y - 0.8) * 1.5)
    bands = inside(np.abs((y * 9 + 0.1) - np.floor(y * 9 + 0.6)) - 0.25, 0.15) * people.chance("stripes", 0.28)
    view.paint(inside(np.maximum(shoulder, -opening), 2 / SIDE), Paint(colours.clothes, lit, colours.trim, bands))
    hem = inside(np.maximum(np.abs(opening) - 0.022, shoulder), 2 / SIDE)
    view.paint(hem * 0.9, Paint(mix(colours.clothes, colours.trim, 0.6), lit * 0.85))


def ears(canvas: Canvas) -> None:
    """Both ears; the turned head covers one of them."""
    people, build, colours = canvas.people, canvas.build, canvas.colours
    size = people.around("ears", 0.85, 1.15)
    tall = size * pick(people.has("Young"), 1.0, 1.12)
    for side in (-1, 1):
        view = canvas.view((-0.90, -0.30, -0.25, 0.55) if side < 0 else (0.25, -0.30, 0.90, 0.55))
        x = view.x - (side * build.width * (0.55 + 0.45 * build.cos) + side * 0.025 - 0.12 * build.sin)
        y = view.y - 0.07 - side * x * 0.25
        lit = clip(0.45 + 0.5 * side * build.light[0])
        skin = mix(colours.shadow, colours.skin, channel(lit)) * tint(1.0, 0.95, 0.94)
        view.paint(inside(ellipse(x, y, 0.072 * size, 0.125 * tall), view.pixel), skin)
        inner = inside(ellipse(x - side * 0.008, y + 0.005, 0.038 * size, 0.08 * size), 0.05)
        view.paint(inner * 0.55, colours.shadow * tint(0.95, 0.82, 0.80))
        ring = people.chance("earrings", 0.4) & ~people.has("Male")
        if ring.any():
            view.paint(inside(ellipse(x, y - 0.15 * size, 0.024, 0.030), view.pixel) * ring, tint(0.96, 0.82, 0.45))


def head(canvas: Canvas) -> None:
    """The bare head: skin in the light, blush, and, on a bald one, the gleam of the scalp."""
    people, colours = canvas.people, canvas.colours
    view = canvas.view(NEAR)
    cover = inside(head_distance(view), view.pixel)
    lit = light_on(view)
    view.paint(cover, Paint(colours.shadow, None, colours.skin, lit))
    view.paint(cover * smooth((lit - 0.80) * 4) * people.between("light_strength", 0.02, 0.12), tint(1, 1, 1))
    canvas.only(people.has("Bald"), _scalp)
    _blush(canvas)
    canvas.only(people.chance("freckles", 0.10), _freckles)


def _scalp(canvas: Canvas) -> None:
    build, colours = canvas.build, canvas.colours
    view = canvas.view((-0.8, -0.9, 0.8, 0.4))
    cover = inside(head_distance(view), view.pixel)
    x = view.x - build.sin * 0.2 - build.light[0] * 0.2
    view.paint(glow(x, view.y + build.top * 0.68, 0.20, 0.11) * 0.55, mix(colours.skin, tint(1, 1, 1), 0.7))
    up = view.y + 0.3
    stubble = inside(0.30 - np.abs(view.x) + 0.25 * up * up, 0.12) * inside(view.y + 0.02, 0.1)
    view.paint(cover * stubble * 0.22, colours.beard)


def light_on(view: CanvasView) -> Array:
    """Return the brightness of the head, 0 to 1, lit as an egg."""
    build = view.canvas.build
    nx, ny = view.x / (build.width * 1.06), view.y / 0.70
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0))
    x, y, z = build.light
    return smooth((nx * x + ny * y + nz * z + 0.25) * 0.92)


def _blush(canvas: Canvas) -> None:
    people, colours = canvas.people, canvas.colours
    strength = people.between("blush", 0.0, 0.22) + pick(people.has("Male"), 0.0, 0.18)
    strength = pick(people.has("Pale_Skin"), 0.4 * strength, strength) + pick(people.has("Smiling"), 0.08, 0)
    for side in (-1, 1):
        with canvas.window(side * 0.27, 0.20, 0.17, 0.12) as view:
            x, y = view.place(side * 0.27, 0.20)
            view.paint(glow(x, y, 0.17, 0.12) * strength, colours.skin * tint(1.0, 0.66, 0.66))


def _freckles(canvas: Canvas) -> None:
    ink = canvas.colours.shadow * tint(0.9, 0.72, 0.6)
    for side in (-1, 1):
        with canvas.window(side * 0.25, 0.18, 0.12, 0.08) as view:
            x, y = view.place(side * 0.25, 0.18)
            for dx, dy in FRECKLES:
                view.paint(inside(circle(x - dx, y - dy, 0.010), view.pixel * 1.2) * 0.45, ink)


def age(canvas: Canvas) -> None:
    """Folds beside the nose: deep on the old, a trace on the young, more when they smile; wrinkles of the old."""
    people = canvas.people
    marks = people.between("age_marks", 0.55, 0.85)
    young = pick(people.has("Smiling"), 0.20, 0.05)
    strength = pick(people.has("Young"), young, marks)
    for side in (-1, 1):
        with canvas.window(side * 0.17, 0.285, 0.12, 0.14) as view:
            x, y = view.place(side * 0.17, 0.285)
            along, across = y + side * x * 0.5, x - side * y * 0.5
            fold = stroke(along, across * side, reach=0.115, bend=-0.03, thick=0.011)
            view.paint(inside(fold, view.pixel * 1.4) * strength, _ink(canvas))
    canvas.only(~people.has("Young"), _wrinkles)


def _ink(canvas: Canvas) -> Array:
    return canvas.colours.shadow * tint(0.76, 0.66, 0.64)


def _wrinkles(canvas: Canvas) -> None:
    """Lines on the forehead, bags under the eyes, crow's feet, and lines down from the mouth."""
    build, ink = canvas.build, _ink(canvas)
    strength = canvas.people.between("age_marks", 0.55, 0.85)
    with canvas.window(0.0, -0.27, 0.23, 0.06) as view:
        for v, reach in ((-0.30, 0.17), (-0.245, 0.22)):
            x, y = view.place(0.0, v)
            view.paint(
                inside(stroke(x, y, reach=reach, bend=0.015, thick=0.008), view.pixel * 1.3) * strength * 0.7, ink
            )
    for side in (-1, 1):
        u = side * build.eye_x
        with canvas.window(u, build.eye_y + 0.11, 0.13, 0.06) as view:
            x, y = view.place(u, build.eye_y + 0.115)
            view.paint(inside(stroke(x, y, reach=0.11, bend=-0.035, thick=0.011), view.pixel * 1.3) * strength, ink)
        with canvas.window(u + side * 0.165, build.eye_y, 0.07, 0.09) as view:
            for tilt in (-0.45, 0.0, 0.45):
                x, y = view.place(u + side * 0.165, build.eye_y + tilt * 0.07)
                view.paint(
                    inside(stroke(x, y - side * tilt * x, reach=0.045, bend=0, thick=0.008), view.pixel) * strength,
                    ink,
                )
        with canvas.window(side * 0.155, build.mouth_y + 0.09, 0.08, 0.09) as view:
            x, y = view.place(side * 0.155, build.mouth_y + 0.09)
            view.paint(
                inside(stroke(y, x - side * 0.35 * y, reach=0.07, bend=0, thick=0.009), view.pixel * 1.3)
                * strength
                * 0.7,
                ink,
            )
