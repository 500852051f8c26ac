"""Eyes, brows, nose and mouth."""

from __future__ import annotations

import numpy as np

from bench.datasets.faces.canvas import Canvas, CanvasView
from bench.datasets.faces.colours import Paint, mix, tint
from bench.datasets.faces.people import Array
from bench.datasets.faces.shapes import circle, clip, ellipse, glow, inside, pick, smooth, stroke


def eyes(canvas: Canvas) -> None:
    """Both eyes: socket, white, iris, pupil, gleam, lids and lashes."""
    for side in (-1, 1):
        with canvas.window(side * canvas.build.eye_x, canvas.build.eye_y, 0.205, 0.17) as view:
            _eye(view, side)


def _eye(view: CanvasView, side: int) -> None:
    people, build, colours = view.canvas.people, view.canvas.build, view.canvas.colours
    size = people.around("eye_size", 0.92, 1.12) * pick(people.has("Male"), 0.94, 1.06)
    opening = people.around("eye_open", 0.82, 1.10) * pick(people.has("Young"), 1.0, 0.86)
    x, y = view.place(side * build.eye_x, build.eye_y)
    view.paint(glow(x, y + 0.02, 0.20, 0.165) * 0.30, colours.shadow)
    y = y + people.around("eye_tilt", -0.04, 0.16) * x * side
    half, upper = 0.128 * size, 0.083 * size * opening
    lower = 0.058 * size * pick(people.has("Smiling"), 0.72, 1.0)
    t = x / half
    arch = 1 - t * t
    white = inside(np.maximum(-upper * arch - y, y - lower * arch) * 0.8, view.pixel)
    lid = 0.80 + 0.20 * smooth((y + upper) / 0.055)
    view.paint(white, Paint(tint(0.985, 0.975, 0.965), lid))
    gx, gy = x - people.around("gaze_x", -0.035, 0.035), y - people.around("gaze_y", -0.012, 0.016)
    radius, iris = circle(gx, gy, 0.0), 0.066 * size
    view.paint(white * inside(radius - iris, view.pixel), Paint(colours.iris * 0.55, 0.35 + 0.65 * lid))
    deep = Paint(colours.iris, 0.70 + 0.75 * clip(0.5 + gy / 0.12))
    view.paint(white * inside(radius - iris * 0.80, view.pixel * 1.3), deep)
    view.paint(white * inside(radius - iris * 0.46, view.pixel), tint(0.04, 0.03, 0.04))
    gleam = circle(gx - 0.024 * pick(build.light[0] > 0, 1, -1), gy + 0.026, 0.017)
    view.paint(white * inside(gleam, view.pixel), tint(1, 1, 1))
    _lids(view, (x * side, y), (half, upper, lower))


def _lids(view: CanvasView, place: tuple[Array, Array], lid: tuple[Array, Array, Array]) -> None:
    """Lines around an eye; ``place`` counts outwards and down."""
    people, colours = view.canvas.people, view.canvas.colours
    (out, y), (half, upper, lower) = place, lid
    male = people.has("Male")
    t = out / half
    arch = np.maximum(1 - t * t, -0.15)
    ends = 1 - np.abs(t)
    thick = pick(male, people.between("lashes", 0.010, 0.014), people.between("lashes", 0.019, 0.030))
    top = y + upper * arch
    line = np.abs(top) * 0.8 - thick * (0.75 + 0.35 * t)
    view.paint(inside(line, view.pixel) * clip((ends + 0.12) * 6) * 0.95, colours.lashes)
    crease = np.abs(top - upper * 0.05 * arch + 0.034) * 0.85 - 0.006
    short = clip((ends - 0.05) * 4)
    view.paint(inside(crease, view.pixel * 1.5) * short * 0.55, colours.shadow * 0.78)
    below = np.abs(y - lower * arch) * 0.85 - 0.005
    view.paint(inside(below, view.pixel * 1.3) * short * 0.5, colours.shadow * 0.75)
    # The outer corner of women's lashes is drawn out to a wing.
    along = out - half * 1.08
    wing = stroke(along, y + upper * 0.30 + 0.75 * along, reach=0.055, bend=0.0, thick=0.016)
    view.paint(inside(wing, view.pixel) * ~male, colours.lashes)


def brows(canvas: Canvas) -> None:
    """Both brows: bushy or thin, straight and low on men, arched and high on women."""
    people, build, colours = canvas.people, canvas.build, canvas.colours
    male, bushy = people.has("Male"), people.has("Bushy_Eyebrows")
    thin = pick(male, people.between("brow_thickness", 0.017, 0.024), people.between("brow_thickness", 0.012, 0.018))
    thick = pick(bushy, people.between("brow_thickness", 0.043, 0.054), thin)
    arch = people.around("brow_arch", 0.012, 0.040) + pick(male, 0.0, 0.022)
    v = build.eye_y - 0.185 - people.around("brow_height", -0.015, 0.020) + pick(male, 0.022, -0.008)
    tilt = people.around("brow_tilt", -0.10, 0.14) + pick(male, 0.10, 0.0)
    reach = pick(bushy, 0.178, 0.160)
    for side in (-1, 1):
        u = side * (build.eye_x + 0.005)
        with canvas.window(u, v + 0.01, 0.19, 0.10) as view:
            x, y = view.place(u, v)
            out = x * side
            y = y + tilt * out
            hairs = out * 26 - y * 9
            tuft = pick(bushy, 0.006, 0) * (2 * np.abs(hairs - np.floor(hairs) - 0.5) - 0.5)
            # Thicker towards the nose; the limit keeps the far side of the parabola from coming back.
            d = stroke(out, y, reach=reach, bend=arch, thick=thick * np.maximum(1 - 2.6 * out, 0.5)) + tuft
            view.paint(inside(d, view.pixel * 1.3) * pick(bushy, 0.96, 0.88), colours.brows)


def nose(canvas: Canvas) -> None:
    """The nose, by its shadow, its lit tip and the nostrils."""
    people, build, colours = canvas.people, canvas.build, canvas.colours
    length = people.around("nose_length", 0.165, 0.225) + pick(people.has("Young"), 0, 0.015)
    width = people.around("nose_width", 0.055, 0.085) * pick(people.has("Male"), 1.12, 0.92)
    with canvas.window(0.0, length - 0.075, 0.16, 0.18) as view:
        x, y = view.place(0.0, length)
        up = clip((y + length) / length)
        # A turned nose stands out over the face: its tip slides farther than its root.
        x = x - build.sin * 0.10 * up
        dark = pick(build.light[0] + build.sin * 0.5 > 0, -1, 1)
        along = smooth((y + length + 0.02) / 0.16) * clip((0.05 - y) * 12)
        flank = glow(x - dark * (0.022 + 0.35 * width * up), y + 0.05, 0.055, 0.21)
        view.paint(flank * along * 0.75, colours.shadow * tint(0.97, 0.93, 0.92))
        view.paint(glow(x, y - 0.045, width * 1.55, 0.050) * 0.75, colours.shadow * tint(0.90, 0.82, 0.80))
        tip = mix(colours.skin, tint(1, 0.95, 0.92), 0.16)
        view.paint(glow(x + dark * 0.012, y - 0.002, width * 1.15, 0.060) * 0.75, tip)
        hole = ellipse(np.abs(x) - width * 0.52, y - 0.036, width * 0.26, 0.013)
        view.paint(inside(hole, view.pixel * 1.6) * 0.75, colours.shadow * 0.48)
        view.paint(glow(x + dark * 0.018, y + 0.012, 0.030, 0.026) * 0.5, tint(1, 0.99, 0.97))


def mouth(canvas: Canvas) -> None:
    """The mouth: closed or open, smiling or not."""
    with canvas.window(0.0, canvas.build.mouth_y + 0.03, 0.26, 0.16) as view:
        _mouth(view)


def _mouth(view: CanvasView) -> None:
    people, build, colours = view.canvas.people, view.canvas.build, view.canvas.colours
    smiles, opens, male = people.has("Smiling"), people.has("Mouth_Slightly_Open"), people.has("Male")
    x, y = view.place(0.0, build.mouth_y)
    reach = people.around("mouth_width", 0.125, 0.160) + pick(smiles, 0.050, 0.0)
    reach = pick(opens & ~smiles, reach * 0.84, reach)
    lift = pick(smiles, people.around("mouth_bend", 0.050, 0.085), people.around("mouth_bend", -0.018, 0.010))
    gap = pick(opens, people.between("mouth_open", 0.060, 0.105) + pick(smiles, 0.012, 0), 0.0)
    full = people.around("lips", 0.85, 1.2) * pick(male, 0.80, 1.12)
    t = x / reach
    arch = 1 - t * t
    line, low = y - lift * (0.5 - t * t), gap * arch
    notch = 1 - 0.32 * glow(t, 0 * t, 0.30, 1.0)
    over, under = -line - 0.040 * full * arch * notch, line - low - 0.050 * full * arch
    view.paint(glow(x, line - low - 0.085 * full, 0.12, 0.035) * 0.5, colours.shadow * tint(0.95, 0.9, 0.9))
    lips = inside(np.maximum(over, under) * 0.9, view.pixel * 1.2)
    view.paint(lips, Paint(colours.lips, pick(line < low * 0.5, 0.88, 1.04)))
    wet = glow(x + 0.02, line - low - 0.024 * full, 0.05, 0.016)
    view.paint(wet * pick(male, 0.10, 0.45), tint(1, 0.93, 0.93))
    hole = inside(np.maximum(-line, line - low) * 0.9, view.pixel) * opens
    view.paint(hole, tint(0.27, 0.06, 0.08))
    view.paint(hole * glow(x, line - low - 0.01, 0.11, 0.05), tint(0.80, 0.36, 0.37))
    teeth = inside(line - low * pick(smiles, 0.62, 0.30), view.pixel)
    view.paint(hole * teeth * clip(arch * 5), tint(0.985, 0.975, 0.955))
    seam = stroke(x, line, reach=reach * 1.04, bend=0.0, thick=0.010)
    view.paint(inside(seam, view.pixel * 1.2) * pick(opens, 0.0, 0.85), colours.lips * 0.42)
    corner = glow(np.abs(x) - reach * 1.03, line, 0.035, 0.035)
    view.paint(corner * pick(smiles, 0.75, 0.35), colours.shadow * tint(0.78, 0.66, 0.64))
