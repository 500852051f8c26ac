"""Hair behind the head, hair on the head, and its shadow on the forehead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.datasets.faces.canvas import Canvas, CanvasView
from bench.datasets.faces.colours import Paint, mix, tint
from bench.datasets.faces.head import head_distance
from bench.datasets.faces.people import Array, People
from bench.datasets.faces.shapes import circle, clip, ellipse, inside, pick, smooth, wave


@dataclass(frozen=True, eq=False)
class Cut:
    """Parameters of a haircut, each ``[B, 1, 1]``.

    Attributes:
        there: 1 for hair, 0 for a bald head.
        long: whether it hangs down.
        end: how far down it hangs, in head units.
        rise: its height over the skull.
        side: its width beside the skull.
        curl: depth of its waves.
        line: height of the hairline in the middle of the forehead.
        drop: how far the hairline falls towards the temples.
        part: where it is parted.
        locks: how far hair hangs over the cheeks.
        bangs: whether a fringe covers the forehead.
    """

    there: Array
    long: Array
    end: Array
    rise: Array
    side: Array
    curl: Array
    line: Array
    drop: Array
    part: Array
    locks: Array
    bangs: Array


def cut_of(people: People) -> Cut:
    """The haircut that attributes and choices give."""
    male, old, bangs = people.has("Male"), ~people.has("Young"), people.has("Bangs")
    long = people.chance("hair_length", pick(male, 0.10, pick(old, 0.55, 0.80)))
    share = pick(male, 0.10, pick(old, 0.55, 0.80))
    far = people.between("hair_length", 0.0, 1.0) / share.astype(np.float32)
    # A hat presses the hair down.
    volume = people.around("hair_volume", 0.0, 1.0) * pick(people.has("Wearing_Hat"), 0.3, 1.0)
    curly = people.chance("hair_curl", 0.30)
    recede = pick(male & old, people.between("hair_line", 0.0, 0.11), people.between("hair_line", 0.0, 0.03))
    line = pick(
        bangs, people.between("hair_line", -0.240, -0.205), people.between("hair_line", -0.390, -0.420) - recede
    )
    return Cut(
        there=~people.has("Bald"),
        long=long,
        end=0.35 + 0.75 * far,
        rise=0.05 + 0.10 * volume + pick(curly, 0.05, 0) + pick(male, 0, 0.02),
        side=pick(long, 0.05, 0.015) + pick(male & ~long, 0.03, 0.08) * volume + pick(curly, 0.02, 0),
        curl=pick(curly, people.between("hair_curl", 0.10, 0.01) * 0.35, 0.003),
        line=line,
        drop=pick(bangs, 0.30, 0.44),
        part=people.around("hair_part", -0.26, 0.26),
        locks=people.between("hair_locks", 0.0, 0.11) * people.chance("hair_locks", 0.75),
        bangs=bangs,
    )


def hair_distance(view: CanvasView, cut: Cut) -> Array:
    """Signed distance to the outline of the hair around the skull; open downwards."""
    build = view.canvas.build
    side = cut.side * pick(cut.long, 1.0, clip((0.28 - view.y) * 3))
    d = ellipse(view.x + build.sin * 0.04, np.minimum(view.y, 0), build.width + side, build.top + cut.rise)
    phase = view.canvas.people.between("strands", 0.0, 1.0)
    distance: Array = d - cut.curl * (wave(view.x * 3.2 + phase) + wave(view.y * 3.2 + phase * 0.7))
    return distance


def back_hair(canvas: Canvas) -> None:
    """Paint the hair behind the neck, and for some people a bun."""
    cut, people = cut_of(canvas.people), canvas.people
    pinned = people.chance("bun", 0.22) & ~people.has("Male") & ~people.has("Wearing_Hat")
    canvas.only(pinned & ~cut.long & cut.there, _bun)
    canvas.only(cut.long & cut.there, _mane)


def front_hair(canvas: Canvas) -> None:
    """Paint the hair on the head, its fringe and its locks, and their shadow on the skin."""
    cut = cut_of(canvas.people)
    canvas.only(cut.there, _crown)
    canvas.only(cut.long & cut.there, _locks)


def _bun(canvas: Canvas) -> None:
    view, cut = canvas.view((-0.6, -1, 0.6, -0.2)), cut_of(canvas.people)
    x, y = view.x + canvas.build.sin * 0.1, view.y + canvas.build.top + cut.rise + 0.04
    d = circle(x, y, canvas.people.between("bun", 0.13, 1.0) * 0.22)
    _brush(view, cut, inside(d, view.pixel), 0.85)


def _mane(canvas: Canvas) -> None:
    view, cut = canvas.view(), cut_of(canvas.people)
    _brush(view, cut, inside(_hanging(view, cut), view.pixel), 0.62)


def _crown(canvas: Canvas) -> None:
    view, cut = canvas.view((-0.9, -1, 0.9, 0.5)), cut_of(canvas.people)
    line = _hairline(view, cut)
    view.shade(inside(line - 0.035, 0.10) * inside(head_distance(view), view.pixel), 0.7)
    _brush(view, cut, inside(np.maximum(hair_distance(view, cut), line), view.pixel))


def _locks(canvas: Canvas) -> None:
    """The hair that hangs before ears, cheeks and shoulders."""
    view, cut = canvas.view((-1, -0.25, 1, 1)), cut_of(canvas.people)
    build, y = canvas.build, view.y
    x = np.abs(view.x - build.sin * 0.10 * clip(y + 0.2))
    inner = build.width * 0.98 - cut.locks + 0.05 * clip(y * 2) - 0.8 * smooth((y - 0.15) * 1.6) * cut.locks
    hang = np.maximum(_hanging(view, cut), np.maximum(inner - x, -0.12 - y))
    _brush(view, cut, inside(hang, view.pixel))


def _hairline(view: CanvasView, cut: Cut) -> Array:
    """Signed distance, roughly, to the line between hair and forehead; negative in the hair."""
    build, people = view.canvas.build, view.canvas.people
    x = view.x - build.sin * 0.30
    t = x / build.width
    t2 = t * t
    swoop = np.abs(x - cut.part) * pick(cut.bangs, 0.04, 0.22) - pick(cut.bangs, 0.0, 0.055)
    jag = pick(cut.bangs, people.between("fringe", 0.010, 0.045), 0.008)
    phase = people.between("strands", 0.0, 1.0)
    edge = jag * (wave(x * people.between("fringe", 9.0, 4.0) + phase) - 0.5)
    slope = 4 * cut.drop * np.abs(t2 * t) / build.width
    fallen = cut.line + build.pitch * 0.3 + swoop + cut.drop * t2 * t2 + edge
    distance: Array = (view.y - fallen) / np.sqrt(1 + slope * slope)
    return distance


def _hanging(view: CanvasView, cut: Cut) -> Array:
    """Signed distance to the outline of long hair."""
    build, x, y = view.canvas.build, view.x, view.y
    spread = 0.10 * clip(y / 0.6) * (0.4 + cut.side * 6)
    edge = np.abs(x + build.sin * 0.04) - build.width - cut.side - spread
    phase = view.canvas.people.between("strands", 0.0, 1.0)
    tip = 0.02 * (wave(x * 7 + phase) - 0.5)
    down = np.maximum(edge, y - cut.end + 0.35 * x * x + tip) - cut.curl * wave(y * 3.2 + phase * 0.7)
    distance: Array = pick(y < 0, hair_distance(view, cut), down)
    return distance


def _brush(view: CanvasView, cut: Cut, cover: Array, tone: float = 1.0) -> None:
    """Paint hair in its light: strands, grey temples, a band of sheen."""
    canvas = view.canvas
    people, build, colours = canvas.people, canvas.build, canvas.colours
    x, y = view.x - cut.part * 0.6, view.y
    fan = x / (np.maximum(y + build.top + 0.28, 0.22) + 0.45)
    phase = people.between("strands", 0.0, 1.0)
    strands = wave(fan * 5 + phase) * 0.55 + wave(fan * 13 + phase * 3 + y) * 0.45
    turned = clip(0.5 + 0.6 * (view.x * build.light[0] * 1.4 + y * build.light[1] * 0.9))
    value = (0.68 * tone) + (0.36 * tone) * turned + people.between("strand_depth", 0.05, 0.15) * (strands - 0.5)
    old = ~people.has("Young")
    if old.any():
        side = smooth((np.abs(view.x) / build.width - 0.45) * 2.4) * smooth((y + 0.42) * 4)
        view.paint(cover, Paint(colours.hair, value, colours.temples, side))
    else:
        view.paint(cover, Paint(colours.hair, value))
    band = y + build.top * 0.72 - 0.55 * view.x * view.x - 0.10 * strands
    sheen = clip(1 - np.abs(band) / 0.13)
    sheen = sheen * sheen * (0.35 + 0.65 * turned) * people.between("hair_sheen", 0.08, 0.30)
    view.paint(cover * sheen, mix(colours.hair, tint(1.0, 0.97, 0.94), 0.6))
