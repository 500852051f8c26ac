"""Images larger than a generator's, as a grid of tiles of its size (invgan, section 4.3)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from bench.core.errors import DataError
from bench.core.types import Shape


@dataclass(frozen=True)
class Tiling:
    """A grid of tiles that do not overlap.

    Attributes:
        tile: channels, height and width of a tile.
        rows: tiles from top to bottom.
        columns: tiles from left to right.
    """

    tile: Shape
    rows: int = 1
    columns: int = 1

    @classmethod
    def fitting(cls, tile: Shape, image: Shape) -> Tiling:
        """Return the grid that covers images of a shape.

        Raises:
            DataError: their sides are not multiples of a tile's, or their channels differ.
        """
        (channels, height, width), (found, tall, wide) = tile, image
        if found != channels:
            raise DataError(f"images of {found} channels: expected {channels}, as the GAN's own")
        if tall % height or wide % width or not tall or not wide:
            raise DataError(
                f"images of {tall}x{wide} pixels: expected {height}x{width}, the GAN's own size, or multiples of it"
            )
        return cls(tile, tall // height, wide // width)

    @property
    def count(self) -> int:
        """Tiles T in an image."""
        return self.rows * self.columns

    @property
    def image(self) -> Shape:
        """Channels, height and width of a whole image."""
        channels, height, width = self.tile
        return channels, self.rows * height, self.columns * width

    def cut(self, images: Tensor) -> Tensor:
        """Tiles ``[B·T, c, h, w]`` of images or maps ``[B, c, T_rows·h, T_columns·w]``, row by row of each image."""
        batch, channels, height, width = images.shape
        parts = images.reshape(batch, channels, self.rows, height // self.rows, self.columns, width // self.columns)
        return parts.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)

    def join(self, tiles: Tensor) -> Tensor:
        """Images ``[B, c, H, W]`` of tiles ``[B·T, c, h, w]``: the inverse of ``cut``."""
        _, channels, height, width = tiles.shape
        parts = tiles.reshape(-1, self.rows, self.columns, channels, height, width)
        return parts.permute(0, 3, 1, 4, 2, 5).reshape(-1, channels, self.rows * height, self.columns * width)
