"""Distortions of images: fish-eye and translation. Batches are uint8, and no pixel is interpolated."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TINY = 1e-9
"""Added before rounding down, so that whole numbers are not reduced by rounding errors."""


def fish_eye(images: Tensor, coefficient: float) -> Tensor:
    """Distort images as a fish-eye lens does.

    Pixel (i, j) of the result lies at x = (2j - W) / W, y = (2i - H) / H and shows the source at (x, y) / (1 - c r²),
    r² = x² + y²: column ⌊(x_s + 1) W / 2⌋, row likewise. What falls outside, or has 1 - c r² ≤ 0, is black. The
    formula is that of a public implementation (iFish): the paper dfi (section 3.2) names the distortion and prints
    none.

    Args:
        images: ``[B, C, H, W]`` uint8.
        coefficient: c, 0 leaves the images as they are.

    Returns:
        The same shape and type.
    """
    rows, columns, inside = _fish_eye_source(int(images.shape[2]), int(images.shape[3]), coefficient)
    place = [torch.from_numpy(array).to(images.device) for array in (rows, columns, inside)]
    return images[:, :, place[0], place[1]] * place[2]


def _fish_eye_source(
    height: int, width: int, coefficient: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Return source row and column of each pixel ``[H, W]``, and 1 where the source is inside the image."""
    x = ((2 * np.arange(width) - width) / width)[None, :]
    y = ((2 * np.arange(height) - height) / height)[:, None]
    scale = 1.0 - coefficient * (x * x + y * y)
    seen = scale > TINY
    safe = np.where(seen, scale, 1.0)
    columns = np.floor((x / safe + 1) * width / 2 + TINY).astype(np.int64)
    rows = np.floor((y / safe + 1) * height / 2 + TINY).astype(np.int64)
    inside = seen & (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    return rows.clip(0, height - 1), columns.clip(0, width - 1), inside.astype(np.uint8)


def cut(canvas: Tensor, top: int, left: int, size: tuple[int, int], shifts: Tensor | None = None) -> Tensor:
    """Crop the same window from every canvas after shifting the content of each ("raw" padding).

    Args:
        canvas: ``[B, C, H, W]``.
        top: row of the window's first pixel.
        left: column of the window's first pixel.
        size: height and width of the window.
        shifts: shifts of the content ``[B, 2]`` in whole pixels (down, right); None for no shift.

    Returns:
        ``[B, C, *size]``.

    Raises:
        ValueError: the canvas has no pixels for a shift.
    """
    rows, columns = _sources(canvas, (top, left), size, shifts)
    for what, index, side in (("rows", rows, canvas.shape[2]), ("columns", columns, canvas.shape[3])):
        if int(index.min()) < 0 or int(index.max()) >= side:
            raise ValueError(f"a shift needs {what} {int(index.min())} to {int(index.max())} of {side}")
    return _gather(canvas, rows, columns)


def reflect(window: Tensor, shifts: Tensor) -> Tensor:
    """Shift the content of each image with reflection padding; the edge itself is not repeated.

    Args:
        window: ``[B, C, H, W]``.
        shifts: ``[B, 2]`` whole pixels (down, right), smaller than the sides.

    Returns:
        The same shape.

    Raises:
        ValueError: a shift is as large as a side.
    """
    height, width = int(window.shape[2]), int(window.shape[3])
    if len(shifts) and int(shifts.abs().max()) >= min(height, width):
        raise ValueError(f"a shift of {int(shifts.abs().max())} needs sides longer than {height}x{width}")
    rows, columns = _sources(window, (0, 0), (height, width), shifts)
    return _gather(window, _mirrored(rows, height), _mirrored(columns, width))


def draw_shifts(count: int, seed: int) -> NDArray[np.float64]:
    """Draw uniform numbers ``[count, 2]`` in [0, 1), from which ``shifts_of`` computes shifts of every size."""
    return np.random.RandomState(seed).random_sample((count, 2))


def shifts_of(uniform: NDArray[np.float64], most: int) -> Tensor:
    """Return shifts ``[N, 2]``, uniform integers in -most … most; a larger ``most`` shifts each image further."""
    return torch.from_numpy(np.floor(uniform * (2 * most + 1)).astype(np.int64) - most)


def _sources(
    images: Tensor, corner: tuple[int, int], size: tuple[int, int], shifts: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return source rows ``[B, h]`` and columns ``[B, w]`` of a window."""
    moved = torch.zeros(len(images), 2, dtype=torch.int64) if shifts is None else shifts
    moved = moved.to(images.device)
    found = [
        start + torch.arange(side, device=images.device)[None, :] - moved[:, axis, None]
        for axis, (start, side) in enumerate(zip(corner, size, strict=True))
    ]
    return found[0], found[1]


def _mirrored(index: Tensor, side: int) -> Tensor:
    folded = index.abs()
    return torch.where(folded >= side, 2 * (side - 1) - folded, folded)


def _gather(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    picked = images.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2).contiguous()
