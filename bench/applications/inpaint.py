"""Inpainting: hidden pixels are filled in from the visible ones (invgan, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.applications.base import Application, ApplicationResult
from bench.core.registry import application

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from bench.applications.subject import InversionSession

DRAWN = 8


@application("inpaint")
@dataclass
class Inpaint(Application):
    """Fill in hidden pixels: a square, or the black pixels of a mask.

    A search compares visible pixels alone. An encoder is applied to the image with its hidden pixels filled by one
    value, as in the paper.

    Attributes:
        square: side of the hidden square in pixels; 0 for half of the image's shorter side.
        place: position of the square: "centre", or "random", the same for all images.
        mask: an image file of the size of the images, in place of the square; its black pixels are hidden, its white
            pixels are visible.
        fill: value of hidden pixels in the input of encoders, from -1 (black) to 1 (white); 0 in the paper.
    """

    square: int = 0
    place: Literal["centre", "random"] = "centre"
    mask: str = ""
    fill: float = 0.0

    def __post_init__(self) -> None:
        if self.square < 0 or not -1 <= self.fill <= 1:
            raise ValueError(f"square = {self.square} must be at least 0, and fill = {self.fill} in [-1, 1]")
        if self.mask and self.square:
            raise ValueError(f"square = {self.square} and mask = {self.mask}: one of them")

    def run(self, subject: InversionSession) -> ApplicationResult:
        """See ``Application.run``."""
        import torch

        from bench.applications.figure import strip
        from bench.applications.masked import hide

        x = subject.x
        visible = self.visible(subject).to(x.device)
        given = hide(x, visible, self.fill)
        made = subject.decode(subject.invert_visible(given, visible, self.fill))
        plain = subject.decode(subject.invert(x))
        filled = {
            "decoded": made,
            "composed": torch.where(visible, x, made),
            "mean fill": torch.where(visible, x, _visible_mean(x, visible)),
            "nothing hidden": plain,
        }
        hidden = int((~visible).sum())
        return ApplicationResult(
            "In-painting",
            (
                strip("image", x[:DRAWN]),
                strip("given", given[:DRAWN]),
                *(strip(name, images[:DRAWN]) for name, images in filled.items()),
            ),
            measured=(
                f"{len(x)} images; {hidden:,} of {visible.numel():,} pixels are hidden"
                + (f" by {Path(self.mask).name}." if self.mask else f": a square at {self.place}."),
                "decoded: the generator's image. composed: visible pixels as given, the others from the generator. "
                "mean fill: hidden pixels take the mean of the image's visible ones. nothing hidden: the "
                "reconstruction of the whole image, which is what the method can do at best.",
                "Errors are mean squared, in units of [-1, 1], of pixels that were hidden and that were visible.",
            ),
            tables={"Errors": self.table(x, visible, filled)},
            protocol={"hidden": hidden},
        )

    def visible(self, subject: InversionSession) -> Tensor:
        """Return the mask of visible pixels, bool ``[1, H, W]``.

        Raises:
            DataError: the mask has another size, or the square leaves no pixel visible.
        """
        import torch

        from bench.applications.pictures import read_mask
        from bench.core.errors import DataError

        _, height, width = shape = subject.images.shape
        if self.mask:
            return read_mask(Path(self.mask).expanduser(), shape)
        side = self.square or min(height, width) // 2
        if side > min(height, width) or side * side >= height * width:
            raise DataError(f"--square {side}: nothing of the images of {height}x{width} pixels would be visible")
        top, left = (height - side) // 2, (width - side) // 2
        if self.place == "random":
            rng = torch.Generator().manual_seed(subject.request.seed)
            top, left = (int(torch.randint(n - side + 1, (), generator=rng)) for n in (height, width))
        visible = torch.ones(1, height, width, dtype=torch.bool)
        visible[:, top : top + side, left : left + side] = False
        return visible

    @staticmethod
    def table(x: Tensor, visible: Tensor, filled: dict[str, Tensor]) -> pd.DataFrame:
        """Return the table, one row per way to fill."""
        import pandas as pd

        from bench.applications.measures import error_where, mean_psnr

        rows = [
            {
                "image": name,
                "error hidden": error_where(x, images, ~visible),
                "error visible": error_where(x, images, visible),
                "psnr": mean_psnr(x, images),
            }
            for name, images in filled.items()
        ]
        return pd.DataFrame(rows)


def _visible_mean(x: Tensor, visible: Tensor) -> Tensor:
    """Return the mean of each channel over an image's visible pixels, ``[B, C, 1, 1]``."""
    shown = visible.to(x.dtype)
    return (x * shown).sum((2, 3), keepdim=True) / shown.sum()
