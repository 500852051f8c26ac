"""Drawing of whole pictures: all parts in order, from the background to the hat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.datasets.faces import extras, features, hair, head
from bench.datasets.faces.canvas import SIDE, Canvas
from bench.datasets.faces.people import People

BATCH = 16
"""Faces drawn at a time: so few that their layers stay in the processor's cache."""
FREED = 31 * 2**20
"""Bytes under the limit up to which glibc learns from what is freed."""


def draw(people: People, side: int) -> NDArray[np.uint8]:
    """Draw people.

    Args:
        people: ``N`` of them.
        side: 128, or 64 for the 2 x 2 means of the same pictures, rounded to nearest (halves up).

    Returns:
        ``[N, 3, side, side]`` uint8.
    """
    # Having freed a large block, glibc keeps later ones for the next layer; page faults are half of the time.
    np.empty(FREED, np.uint8)
    pictures = np.empty((len(people), 3, side, side), np.uint8)
    for start in range(0, len(people), BATCH):
        rows = slice(start, start + BATCH)
        full = _paint(people.take(rows))
        pictures[rows] = full if side == SIDE else halved(full)
    return pictures


def halved(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Means of 2 x 2 pixels, rounded to nearest, halves up."""
    count, channels, height, width = pictures.shape
    cells = pictures.astype(np.uint16).reshape(count, channels, height // 2, 2, width // 2, 2)
    means: NDArray[np.uint8] = ((cells.sum((3, 5), dtype=np.uint16) + 2) >> 2).astype(np.uint8)
    return means


def _paint(people: People) -> NDArray[np.uint8]:
    canvas = Canvas(people)
    head.backdrop(canvas)
    hair.back_hair(canvas)
    head.bust(canvas)
    head.ears(canvas)
    head.head(canvas)
    canvas.only(~people.has("No_Beard"), extras.beard)
    head.age(canvas)
    features.nose(canvas)
    features.mouth(canvas)
    canvas.only(people.has("Mustache"), extras.mustache)
    features.eyes(canvas)
    canvas.only(people.has("Eyeglasses"), extras.glasses)
    hair.front_hair(canvas)
    features.brows(canvas)
    canvas.only(people.has("Wearing_Hat"), extras.hat)
    return (np.minimum(np.maximum(canvas.pixels, 0), 1) * 255 + 0.5).astype(np.uint8)
