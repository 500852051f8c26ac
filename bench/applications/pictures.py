"""Images and masks of the user: read from files, resized, and refused with an error of one line."""

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
"""Highest level of a mask's hidden pixels, which are nearer to black than to white."""


def read_folder(folder: Path, shape: Shape, count: int = 0, most: int = 0) -> tuple[Images, list[str]]:
    """Read the first images of a folder, in the order of their names, as central squares scaled to a size.

    Args:
        folder: the folder; its sub-folders are included.
        shape: channels, height and width of the returned images.
        count: number of images; 0 for ``most`` of them, or all if there are fewer.
        most: largest number of images if ``count`` is 0; 0 for all.

    Returns:
        The images, and the names of their files.

    Raises:
        DataError: no such folder, an image cannot be read, or there are fewer than ``count``.
    """
    who = f"--images {folder}"
    names = list_files(folder, who)
    if count > len(names):
        raise DataError(f"{who}: {len(names)} images, {count} were requested")
    channels, height, width = shape
    if channels not in {1, 3}:
        raise DataError(f"{who}: pictures have 1 or 3 channels, the GAN's images have {channels}")
    decoder = Decoder(width, height, 1 if channels == 1 else 3, CentreSquare())
    chosen = names[: count or most or len(names)]
    pixels = [_decoded(decoder, folder / name, who) for name in chosen]
    return Images(torch.stack(pixels)), chosen


def read_mask(path: Path, shape: Shape) -> Tensor:
    """Read the mask of visible pixels, bool ``[1, H, W]``: light pixels of the file are visible, dark ones hidden.

    Raises:
        DataError: no such file, no image, an image of another size, or one that hides all pixels or none.
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
