"""Images and masks of the user: read from files, brought to a size, and refused in one clear line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import DataError
from bench.core.types import Images, Shape
from bench.datasets.decoding import CentreSquare, Decoder
from bench.datasets.layouts import list_files

THRESHOLD = 127
"""Brightest level of a mask's hidden pixels: those that are nearer to black than to white."""


def read_folder(folder: Path, shape: Shape, count: int = 0, most: int = 0) -> tuple[Images, list[str]]:
    """The first images of a folder, by name: central squares, scaled to a size.

    Args:
        folder: is searched with its sub-folders.
        shape: channels, height and width that they are brought to.
        count: how many; 0 for ``most`` of them, or all if there are fewer.
        most: 0 for all.

    Returns:
        The images, and the names of their files.

    Raises:
        DataError: no such folder, an image that cannot be read, or fewer than ``count``.
    """
    who = f"--images {folder}"
    names = list_files(folder, who)
    if count > len(names):
        raise DataError(f"{who}: {len(names)} images, {count} were asked for")
    channels, height, width = shape
    if channels not in {1, 3}:
        raise DataError(f"{who}: pictures have 1 or 3 channels, the GAN's images have {channels}")
    decoder = Decoder(width, height, 1 if channels == 1 else 3, CentreSquare())
    chosen = names[: count or most or len(names)]
    pixels = [_decoded(decoder, folder / name, who) for name in chosen]
    return Images(torch.stack(pixels)), chosen


def read_mask(path: Path, shape: Shape) -> Tensor:
    """Which pixels are visible, bool ``[1, H, W]``: the light ones of an image; dark ones are hidden.

    Raises:
        DataError: no such file, one that is no image, one of another size, or one that hides all or nothing.
    """
    from PIL import Image

    if not path.is_file():
        raise DataError(f"--mask {path}: no such file")
    _, height, width = shape
    try:
        with Image.open(path) as opened:
            grey = np.asarray(opened.convert("L"))
    except (OSError, ValueError, SyntaxError) as error:  # Pillow's readers raise all of these on damaged files
        raise DataError(f"--mask {path}: cannot be read as an image ({error})") from error
    if grey.shape != (height, width):
        found = "x".join(map(str, grey.shape))
        raise DataError(f"--mask {path}: is {found} pixels (height x width), the images are {height}x{width}")
    visible = torch.from_numpy(grey > THRESHOLD)[None]
    if visible.all() or not visible.any():
        raise DataError(
            f"--mask {path}: hides {'nothing' if visible.all() else 'everything'}; black hides, white shows"
        )
    return visible


def _decoded(decoder: Decoder, path: Path, who: str) -> Tensor:
    pixels = decoder.attempt(path)
    if isinstance(pixels, str):
        raise DataError(f"{who}: cannot use '{path.name}': {pixels}")
    return torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(decoder.shape)
