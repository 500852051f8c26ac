"""A batch of pictures in the making: canvas, pose, build and colours of the people, and views onto parts of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from bench.datasets.faces.colours import Colours, Paint, choose_colours
from bench.datasets.faces.people import Array, People
from bench.datasets.faces.shapes import pick

SIDE = 128
"""Pixels of the side on which everything is drawn."""
DEPTH = 0.45
"""Distance of the middle of the face before the axis of the head, in head units."""

T = TypeVar("T", "Build", Colours)

SCALES = (1.00, 1.13)
"""Smallest and largest head unit, in units of the canvas."""
ROLL = 0.17
"""Tangent of the largest roll."""
STEPS = (np.arange(SIDE, dtype=np.float32) * 2 + 1) / SIDE - 1
"""Places of the pixels' middles on the canvas."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom of a part of the canvas, which runs from -1 to 1, down and to the right."""


@dataclass(frozen=True, eq=False)
class Build:
    """Pose, light and proportions, each ``[B, 1, 1]``. Lengths are in head units: the head is about 1.24 high.

    Attributes:
        sin: sine of the yaw; a positive one turns the head to the right of the picture.
        cos: cosine of the yaw.
        pitch: downward shift of features in front.
        light: direction towards the light (right, down, out of the picture), of length 1.
        width: half of the head's width at the ears.
        top: height of the skull over the origin.
        bottom: depth of the chin under the origin.
        square: 0 for an oval jaw, 1 for a square one.
        taper: difference in width between temples and jaw.
        jowl: sagging of the lower cheeks.
        eye_x: distance of the eyes from the middle.
        eye_y: height of the eyes.
        mouth_y: height of the mouth.
        neck: half of the neck's width.
    """

    sin: Array
    cos: Array
    pitch: Array
    light: tuple[Array, Array, Array]
    width: Array
    top: Array
    bottom: Array
    square: Array
    taper: Array
    jowl: Array
    eye_x: Array
    eye_y: Array
    mouth_y: Array
    neck: Array


class Canvas:
    """A batch of pictures.

    Attributes:
        people: who is drawn.
        build: their pose and proportions.
        colours: their colours.
        pixels: ``[B, 3, SIDE, SIDE]`` float32 in [0, 1].
        x: head frame of each pixel, to the right, ``[B, SIDE, SIDE]``.
        y: head frame, downwards.
        pixel: width of a pixel in head units, ``[B, 1, 1]``.
    """

    def __init__(self, people: People) -> None:
        self.people, self.build, self.colours = people, _build(people), choose_colours(people)
        self.pixels = np.empty((len(people), 3, SIDE, SIDE), np.float32)
        self.scale = people.between("scale", *SCALES)
        self.shift_x, self.shift_y = people.around("shift_x", -0.10, 0.10), people.around("shift_y", 0.01, 0.10)
        roll = people.around("roll", -ROLL, ROLL)
        self._cos = 1 / np.sqrt(1 + roll * roll)
        self._sin = roll * self._cos
        self.pixel = 2 / SIDE / self.scale
        self.canvas_x, self.canvas_y = STEPS[None, None, :], STEPS[None, :, None]
        self.x, self.y = self.to_head(self.canvas_x, self.canvas_y)

    def to_head(self, canvas_x: Array, canvas_y: Array) -> tuple[Array, Array]:
        """Head frame of places on the canvas: moved, turned by the roll, and scaled."""
        across, down = canvas_x - self.shift_x, canvas_y - self.shift_y
        cos, sin = self._cos / self.scale, self._sin / self.scale
        return across * cos + down * sin, down * cos - across * sin

    def view(self, box: Box = (-1, -1, 1, 1)) -> CanvasView:
        """A part of the canvas, the same for every picture, that may be painted."""
        left, top, right, bottom = (min(max(round((edge + 1) * SIDE / 2), 0), SIDE) for edge in box)
        rows, columns = slice(top, bottom), slice(left, right)
        frame = self.x[:, rows, columns], self.y[:, rows, columns]
        return CanvasView(
            self, self.pixels[:, :, rows, columns], frame, (self.canvas_x[..., columns], self.canvas_y[:, rows])
        )

    @contextmanager
    def window(self, u: float | Array, v: float | Array, half_x: float, half_y: float) -> Iterator[CanvasView]:
        """Yield a view of a small part of each picture around a point of the face, moved by the pose.

        Args:
            u: the point, as in ``CanvasView.place``.
            v: the point.
            half_x: half of the width that the view must contain, in units of the face.
            half_y: half of the height.
        """
        build = self.build
        z = depth(u, v)
        x, y = u * build.cos + z * build.sin, v + build.pitch * z
        centre_x = self.shift_x + self.scale * (x * self._cos - y * self._sin)
        centre_y = self.shift_y + self.scale * (y * self._cos + x * self._sin)
        width, height = (_pixels(a + ROLL * b) for a, b in ((1.15 * half_x, half_y), (half_y, half_x)))
        left, top = _start(centre_x, width), _start(centre_y, height)
        canvas_x = STEPS[left[:, None] + np.arange(width)][:, None, :]
        canvas_y = STEPS[top[:, None] + np.arange(height)][:, :, None]
        windows = sliding_window_view(self.pixels, (height, width), axis=(2, 3), writeable=True)
        chosen = np.arange(len(left)), slice(None), top, left
        view = CanvasView(self, windows[chosen], self.to_head(canvas_x, canvas_y), (canvas_x, canvas_y))
        yield view
        windows[chosen] = view.area

    def only(self, who: NDArray[np.bool_], part: Callable[[Canvas], None]) -> None:
        """Paint a part of the drawing on the people ``who`` ``[B, 1, 1]`` alone; the others are not computed."""
        rows = np.flatnonzero(who)
        if len(rows) == len(self.people):
            part(self)
        elif len(rows):
            own = self._take(rows)
            part(own)
            self.pixels[rows] = own.pixels

    def _take(self, rows: NDArray[np.int64]) -> Canvas:
        own = copy(self)
        own.people = self.people.take(rows)
        own.build, own.colours = _rows(self.build, rows), _rows(self.colours, rows)
        for name in ("pixels", "x", "y", "scale", "pixel", "shift_x", "shift_y", "_cos", "_sin"):
            setattr(own, name, getattr(self, name)[rows])
        return own


class CanvasView:
    """A part of a canvas.

    Attributes:
        canvas: the whole.
        area: its pixels ``[B, 3, h, w]``.
        x: head frame of its pixels, to the right, ``[B, h, w]``.
        y: head frame, downwards.
        canvas_x: place on the canvas, ``[B or 1, 1, w]``.
        canvas_y: place on the canvas, ``[B or 1, h, 1]``.
        pixel: width of a pixel in head units.
    """

    def __init__(self, whole: Canvas, area: Array, frame: tuple[Array, Array], canvas: tuple[Array, Array]) -> None:
        self.canvas, self.area, self.pixel = whole, area, whole.pixel
        self.x, self.y = frame
        self.canvas_x, self.canvas_y = canvas

    def paint(self, cover: Array, colour: Array | Paint) -> None:
        """Paint a colour over the pixels.

        Args:
            cover: how much of each pixel, ``[B, h, w]`` in [0, 1].
            colour: ``[B, 3, 1, 1]``, or a coat whose colour differs from pixel to pixel.
        """
        for channel in range(3):
            area = self.area[:, channel]
            flat = colour[:, channel] if isinstance(colour, np.ndarray) else colour.channel(channel)
            step = flat - area
            step *= cover
            area += step

    def shade(self, cover: Array, strength: float = 1.0) -> None:
        """Darken skin to its shadow by the share ``cover``."""
        colours = self.canvas.colours
        darker = (colours.shadow / colours.skin - 1) * strength
        for channel in range(3):
            self.area[:, channel] *= 1 + cover * darker[:, channel]

    def place(self, u: float | Array, v: float | Array) -> tuple[Array, Array]:
        """Coordinates around a point of the face ``(u, v)``, turned and foreshortened as the head is."""
        build = self.canvas.build
        z = depth(u, v)
        squeeze = np.maximum(build.cos - build.sin * u * 0.9 * DEPTH / z, 0.4)
        return (self.x - (u * build.cos + z * build.sin)) / squeeze, self.y - (v + build.pitch * z)


def _rows(held: T, rows: NDArray[np.int64]) -> T:
    """The same dataclass of arrays, or of tuples of arrays, for the chosen people."""
    taken: dict[str, Any] = {}
    for entry in fields(held):
        value = getattr(held, entry.name)
        taken[entry.name] = tuple(part[rows] for part in value) if isinstance(value, tuple) else value[rows]
    return replace(held, **taken)


def depth(u: float | Array, v: float | Array) -> Array:
    """Return the distance of a point of the face before the axis of the head."""
    rest = np.maximum(1 - (u / 0.55) * (u / 0.55) - (v / 0.95) * (v / 0.95), 0.05)
    found: Array = np.sqrt(np.asarray(rest, np.float32))
    return DEPTH * found


def _pixels(half: float) -> int:
    return min(SIDE, int(half * SCALES[1] * SIDE) + 3)


def _start(centre: Array, length: int) -> NDArray[np.int64]:
    """First pixel of a window of this length around places on the canvas ``[B, 1, 1]``."""
    first = np.floor((centre[:, 0, 0] + 1) * (SIDE / 2) - (length - 1) / 2).astype(np.int64)
    return np.clip(first, 0, SIDE - length)


def _build(people: People) -> Build:
    male, old, smiles = people.has("Male"), ~people.has("Young"), people.has("Smiling")
    yaw = people.around("yaw", -0.42, 0.42)
    cos = 1 / np.sqrt(1 + yaw * yaw)
    x, y = people.between("light_x", -0.9, 0.9), people.between("light_y", -0.9, -0.25)
    length = np.sqrt(x * x + y * y + 0.64)
    jaw, chin = people.around("jaw", -1, 1), people.around("chin", -1, 1)
    return Build(
        sin=yaw * cos,
        cos=cos,
        pitch=people.around("pitch", -0.08, 0.10),
        light=(x / length, y / length, 0.8 / length),
        width=pick(male, 0.475, 0.455) + people.around("head_width", -0.03, 0.03),
        top=0.62 + people.around("head_height", -0.03, 0.03),
        bottom=pick(male, 0.645, 0.605) + 0.03 * chin,
        square=pick(male, 0.58, 0.12) + 0.17 * jaw,
        taper=pick(male, 0.10, 0.27) + 0.06 * chin,
        jowl=pick(old, people.between("age_marks", 0.05, 0.11), 0),
        eye_x=0.205 + people.around("eye_gap", -0.02, 0.02),
        eye_y=0.0 + people.around("eye_height", -0.025, 0.025),
        mouth_y=0.375 + people.around("mouth_height", -0.02, 0.02) - pick(smiles, 0.01, 0),
        neck=pick(male, 0.285, 0.195) + people.around("neck", -0.03, 0.03),
    )
