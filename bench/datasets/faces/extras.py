"""Parts that only some people have: beard, mustache, glasses, hat."""

from __future__ import annotations

import numpy as np

from bench.datasets.faces.canvas import Canvas, CanvasView
from bench.datasets.faces.colours import Paint, channel, mix, tint
from bench.datasets.faces.head import head_distance
from bench.datasets.faces.people import Array
from bench.datasets.faces.shapes import box, circle, clip, ellipse, glow, inside, pick, smooth, stroke, wave


def beard(canvas: Canvas) -> None:
    """Full beard, goatee or stubble; the upper lip stays bare."""
    people, build, colours = canvas.people, canvas.build, canvas.colours
    view = canvas.view((-0.85, -0.25, 0.85, 1))
    kind = people.between("beard_kind", 0.0, 1.0)
    goatee, stubble = kind < 0.25, kind > 0.75
    x, y = view.place(0.0, build.mouth_y)
    length = pick(stubble, 0.0, people.between("beard_length", 0.005, 0.09))
    below = clip((y + 0.05) * 4)
    whole = head_distance(view) - length * below
    lip = ellipse(x, y - 0.005, 0.235, 0.105)
    top = (-0.08 - y) + 0.34 * (1 - clip(np.abs(x) / 0.42)) - 0.06
    full = np.maximum(whole, np.maximum(top, -lip))
    chin = np.maximum(np.maximum(ellipse(x, y - 0.22, 0.155, 0.165), whole), -lip)
    phase = people.between("strands", 0.0, 1.0)
    curl = 0.012 * (wave(x * 9 + phase) + wave(y * 9 + phase) - 1)
    d = pick(goatee, chin, full) + pick(stubble, 0, curl)
    soft = pick(stubble, 0.07, view.pixel * 1.5)
    cover = inside(d + pick(stubble, 0.01, 0), soft) * pick(stubble, 0.66, 0.97)
    shade = 0.75 + 0.35 * clip(0.5 + x * build.light[0] * 1.2 - y * 0.6) + 0.10 * (wave(x * 13 + y * 5 + phase) - 0.5)
    view.paint(cover, Paint(colours.beard, shade))


def mustache(canvas: Canvas) -> None:
    """A mustache between nose and mouth."""
    people, build, colours = canvas.people, canvas.build, canvas.colours
    view = canvas.view((-0.7, 0.0, 0.7, 0.85))
    x, y = view.place(0.0, build.mouth_y - 0.065)
    size = people.between("mustache_size", 0.88, 1.15)
    droop = people.between("beard_length", 0.01, 0.07)
    wing = stroke(
        np.abs(x) - 0.085 * size, y - 0.04 * (np.abs(x) - 0.08), reach=0.145 * size, bend=droop, thick=0.043 * size
    )
    phase = people.between("strands", 0.0, 1.0)
    shade = 0.85 + 0.2 * wave(np.abs(x) * 14 + phase) - 0.25 * clip(y / 0.08)
    view.paint(inside(wing, view.pixel * 1.2), Paint(colours.beard * 0.92, shade))


def glasses(canvas: Canvas) -> None:
    """Glasses: round, square or wide; clear or tinted."""
    people, build, colours = canvas.people, canvas.build, canvas.colours
    kind, size = people.between("glasses_kind", 0.0, 1.0), people.around("glasses_size", 0.95, 1.12)
    thick = people.between("glasses_tint", 0.013, 0.022)
    half_x, half_y = 0.165 * size, pick(kind < 0.4, 0.155, 0.125) * size
    corner = pick(kind < 0.4, 0.15, pick(kind < 0.7, 0.04, 0.10)) * size
    frame = colours.glasses
    dark = people.chance("glasses_tint", 0.18)
    u = np.maximum(build.eye_x, half_x + 0.03)
    for side in (-1, 1):
        view = canvas.view((-0.95, -0.5, 0.45, 0.6) if side < 0 else (-0.45, -0.5, 0.95, 0.6))
        x, y = view.place(side * u, build.eye_y + 0.02)
        d = box(x, y, half_x=half_x, half_y=half_y, corner=corner)
        lens = inside(d, view.pixel)
        view.paint(lens * pick(dark, 0.72, 0.10), pick(channel(dark), frame * 0.7, tint(0.88, 0.95, 1.0)))
        streak = inside(np.abs(x * 0.8 + y + 0.02) - 0.020, 0.04)
        view.paint(lens * streak * 0.28, tint(1, 1, 1))
        ring = np.abs(d) - thick
        arm = np.maximum(np.abs(y + 0.04) - thick * 0.9, np.maximum(half_x - x * side, x * side - half_x - 0.22))
        arm = pick(side * build.sin > 0.12, 1.0, arm)
        view.paint(inside(np.minimum(ring, arm), view.pixel), frame)
    view = canvas.view((-0.45, -0.4, 0.45, 0.45))
    x, y = view.place(0.0, build.eye_y + 0.0)
    gap = u - half_x
    bridge = np.maximum(np.abs(y - 2.0 * x * x) - thick * 0.9, np.abs(x) - gap - 0.005)
    view.paint(inside(bridge, view.pixel), frame)


def hat(canvas: Canvas) -> None:
    """A cap, a beanie or a brimmed hat, down to the upper forehead."""
    kind = canvas.people.between("hat_kind", 0.0, 1.0)
    view = canvas.view((-1, -1, 1, 0.3))
    edge = view.y + 0.36 + 0.30 * view.x * view.x - canvas.build.pitch * 0.3
    skin = inside(head_distance(view), view.pixel)
    view.shade(inside(edge - 0.09, 0.12) * skin, 0.7)
    for number, part in enumerate((_cap, _beanie, _brimmed)):
        canvas.only(np.floor(kind * 3) == number, part)


def _dome(view: CanvasView, wide: float, rise: Array, bottom: Array) -> Array:
    build = view.canvas.build
    d = ellipse(
        view.x + build.sin * 0.03, np.minimum(view.y + 0.15, 0.0), build.width + wide, build.top - 0.15 + rise
    )
    return np.maximum(d, bottom)


def _cloth(view: CanvasView, colour: Array, tone: float | Array = 1.0) -> Paint:
    build = view.canvas.build
    lit = clip(0.55 + 0.75 * (view.x * build.light[0] + (view.y + 0.5) * build.light[1]))
    return Paint(colour, (0.66 + 0.46 * lit) * tone)


def _cap(canvas: Canvas) -> None:
    people, build, colours = canvas.people, canvas.build, canvas.colours
    view = canvas.view((-1, -1, 1, 0.3))
    rise = people.between("hat_height", 0.13, 0.22)
    bottom = view.y + 0.33 + 0.10 * view.x * view.x
    x = view.x - build.sin * 0.30
    view.paint(inside(_dome(view, 0.055, rise, bottom), view.pixel), _cloth(view, colours.hat))
    seam = np.abs(x - build.sin * 0.1 * (view.y + 0.3)) - 0.006
    view.paint(inside(np.maximum(seam, _dome(view, 0.04, rise, bottom)), view.pixel) * 0.35, colours.hat * 0.4)
    badge = glow(x, view.y + 0.55, 0.13, 0.11)
    view.paint(inside(0.35 - badge, 0.1), mix(colours.hat, tint(1, 1, 1), 0.75))
    visor = np.maximum(ellipse(x, view.y + 0.36, build.width + 0.04, 0.125), -(view.y + 0.41 - 0.25 * x * x))
    view.paint(inside(visor, view.pixel), _cloth(view, colours.hat, 0.72))


def _beanie(canvas: Canvas) -> None:
    people, build, colours = canvas.people, canvas.build, canvas.colours
    view = canvas.view((-1, -1, 1, 0.3))
    rise = people.between("hat_height", 0.15, 0.26)
    sag = 0.16 * view.x * view.x
    bottom = view.y + 0.34 + sag
    ball = circle(view.x + build.sin * 0.1, view.y + build.top + rise + 0.01, 0.105)
    fluff = 0.02 * (wave(view.x * 16) + wave(view.y * 16) - 1)
    view.paint(
        inside(ball + fluff, view.pixel) * people.chance("hat_tone", 0.6),
        _cloth(view, mix(colours.hat, tint(1, 1, 1), 0.6)),
    )
    ribs = wave(view.x * 9)
    knit = _cloth(view, colours.hat, 0.90 + 0.12 * ribs)
    view.paint(inside(_dome(view, 0.05, rise, bottom), view.pixel), knit)
    cuff = np.maximum(np.abs(view.y + 0.42 + sag) - 0.085, np.abs(view.x + build.sin * 0.03) - build.width - 0.065)
    view.paint(inside(cuff, view.pixel), _cloth(view, mix(colours.hat, tint(1, 1, 1), 0.30), 0.86 + 0.18 * ribs))


def _brimmed(canvas: Canvas) -> None:
    people, build, colours = canvas.people, canvas.build, canvas.colours
    view = canvas.view((-1, -1, 1, 0.3))
    rise = people.between("hat_height", 0.10, 0.24)
    bottom = view.y + 0.36
    crown = np.maximum(
        box(view.x + build.sin * 0.03, view.y + 0.5, half_x=build.width * 0.99, half_y=0.17 + rise, corner=0.15),
        bottom,
    )
    dent = ellipse(view.x, view.y + 0.66 + rise, 0.16, 0.03)
    view.paint(inside(crown, view.pixel), _cloth(view, colours.hat))
    view.paint(inside(dent, 0.04) * 0.35, colours.hat * 0.5)
    band = np.maximum(crown, -(view.y + 0.53))
    view.paint(inside(band, view.pixel), mix(colours.hat * 0.45, tint(0.1, 0.08, 0.1), 0.4))
    wide = build.width + people.between("hat_tone", 0.26, 0.40)
    brim = ellipse(view.x, view.y + 0.375 + 0.10 * view.x * view.x, wide, 0.085)
    view.paint(inside(brim, view.pixel), _cloth(view, colours.hat, 1.02 - 0.25 * smooth((view.y + 0.42) * 8)))
