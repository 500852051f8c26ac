"""The figure of an application: rows of images with labels at the left and captions above."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.applications.base import ImageRow
from bench.reports import plotting
from bench.reports.figure import INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

CELL = 0.9
"""Width of an image in inches."""
GAP = 0.04
"""Distance of two images as a share of an image's width."""
LETTER, CAPTION, HEADING, MARGIN = 0.068, 0.17, 0.16, 0.1
"""Sizes in inches: width of a letter of a label, height of a line of captions and of the title, and outer margin."""
NARROWEST = 4.0
TEXT: dict[str, Any] = {"fontsize": 7.5, "color": INK}


def pixels(x: Tensor) -> Pixels:
    """Return images in [-1, 1] as uint8 arrays, as they are saved to files."""
    from bench.metrics.base import to_u8

    levels: Pixels = to_u8(x).cpu().numpy()
    return levels


def strip(name: str, x: Tensor, captions: Sequence[str] = ()) -> ImageRow:
    """Return a row of images in [-1, 1]."""
    return ImageRow(name, pixels(x), tuple(captions))


def draw(title: str, strips: Sequence[ImageRow]) -> Figure:
    """Draw a figure of all rows; the last places of shorter rows stay empty.

    Each row is drawn as one image at a computed position: a layout with axes for every image takes seconds.
    """
    from matplotlib.figure import Figure

    height, width = strips[0].images.shape[2:]
    columns = max(len(each.images) for each in strips)
    gap = max(1, round(GAP * width))
    inch = CELL / width
    left = LETTER * max(len(each.name) for each in strips) + MARGIN
    across = max(left + inch * columns * (width + gap) + MARGIN, NARROWEST)
    lines = [part for line in title.splitlines() for part in wrap(line, int(plotting.CHARACTERS * across))]
    rows = [inch * (height + gap) + (CAPTION if any(each.captions) else 0.0) for each in strips]
    top = HEADING * len(lines) + 2 * MARGIN
    tall = top + sum(rows) + MARGIN
    figure = Figure(figsize=(across, tall))
    figure.text(0.5, 1 - MARGIN / tall, "\n".join(lines), ha="center", va="top", fontsize=9, color=INK)
    bottom = tall - top
    for each, row in zip(strips, rows, strict=True):
        bottom -= row
        size = (inch * (len(each.images) * (width + gap) - gap), inch * height)
        place = (left / across, (bottom + inch * gap) / tall, size[0] / across, size[1] / tall)
        axes = figure.add_axes(place)
        axes.imshow(side_by_side(each.images, gap), interpolation="nearest", aspect="auto")
        axes.axis("off")
        axes.text(-0.06 / size[0], 0.5, each.name, transform=axes.transAxes, ha="right", va="center", **TEXT)
        for number, caption in enumerate(each.captions):
            middle = inch * (number * (width + gap) + width / 2) / size[0]
            above = 1 + 0.03 / size[1]
            axes.text(middle, above, caption, transform=axes.transAxes, ha="center", va="bottom", **TEXT)
    return figure


def side_by_side(images: Pixels, gap: int) -> Pixels:
    """Return one RGB image ``[H, W, 3]`` of images ``[k, C, H, W]``, grey or colour, separated by white."""
    count, channels, height, width = images.shape
    row = np.full((height, count * (width + gap) - gap, 3), 255, np.uint8)
    for number, image in enumerate(images):
        start = number * (width + gap)
        row[:, start : start + width] = image[:3].transpose(1, 2, 0) if channels >= 3 else image[0][:, :, None]
    return row
