"""Deblurring by extrapolation of codes, away from that of a more blurred image (invgan, section 4.3, Fig. 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.applications.base import Application, ApplicationResult
from bench.core.registry import application

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from bench.applications.subject import InversionSession

DRAWN = 8


@application("deblur")
@dataclass
class Deblur(Application):
    """Extrapolate from the code of a blurred image through that of a soft one: c_low + s (c_low - c_blurred).

    The soft image is computed from a sharp one by bicubic downsampling and upsampling, so that the result can be
    compared with the original.

    Attributes:
        factor: factor of downsampling; a divisor of the images' sides.
        sigma: standard deviation of the Gaussian blur, in pixels.
        strengths: factors s of the extrapolation.
    """

    factor: int = 2
    sigma: float = 1.0
    strengths: tuple[float, ...] = (0.5, 1.0, 2.0)

    def __post_init__(self) -> None:
        if self.factor < 2 or self.sigma <= 0:
            raise ValueError(f"factor = {self.factor} must be at least 2, and sigma = {self.sigma} above 0")
        if not self.strengths or min(self.strengths) <= 0:
            raise ValueError(f"strengths = {list(self.strengths)}: expected numbers above 0")

    def run(self, subject: InversionSession) -> ApplicationResult:
        """See ``Application.run``."""
        from bench.applications.figure import strip

        x = subject.x
        low = soften(x, self.factor)
        blurred = blur(low, self.sigma)
        start, behind = subject.invert(low), subject.invert(blurred)
        made = {"low": low, "blurred": blurred, "inverted": subject.decode(start)}
        made |= {f"codes, s = {s:g}": subject.decode(start + s * (start - behind)) for s in self.strengths}
        compared = made | {f"pixels, s = {s:g}": (low + s * (low - blurred)).clamp(-1, 1) for s in self.strengths}
        shown = {"image": x, **made, "original inverted": subject.decode(subject.invert(x))}
        return ApplicationResult(
            "Deblurring",
            tuple(strip(name, images[:DRAWN]) for name, images in shown.items()),
            (
                f"{len(x)} sharp images, shrunk {self.factor} times by area and scaled up bicubically (low), then "
                f"blurred by a Gaussian of {self.sigma:g} pixels (blurred).",
                "codes: c_low + s (c_low - c_blurred), decoded; inverted is s = 0. pixels: the same step taken in "
                "pixels (unsharp masking), for comparison. PSNR and SSIM against the sharp image.",
                "original inverted: the best that this method can draw of these images.",
            ),
            {"Against the sharp image": _table(x, compared | {"original inverted": shown["original inverted"]})},
        )


def soften(x: Tensor, factor: int) -> Tensor:
    """Downsample images and scale them up to their original size.

    Raises:
        DataError: the sides are not multiples of ``factor``.
    """
    from torch.nn.functional import avg_pool2d, interpolate

    from bench.core.errors import DataError

    height, width = x.shape[2:]
    if height % factor or width % factor:
        raise DataError(f"--factor {factor}: does not divide the sides of images of {height}x{width} pixels")
    return interpolate(avg_pool2d(x, factor), size=(height, width), mode="bicubic").clamp(-1.0, 1.0)


def blur(x: Tensor, sigma: float) -> Tensor:
    """Blur images with a Gaussian that is truncated at three sigma, with mirrored borders.

    Raises:
        DataError: the images are smaller than the kernel.
    """
    from torchvision.transforms.functional import gaussian_blur

    from bench.core.errors import DataError

    reach = math.ceil(3 * sigma)
    if reach >= min(x.shape[2:]):
        raise DataError(f"--sigma {sigma:g}: reaches {reach} pixels, the images have {min(x.shape[2:])}")
    blurred: Tensor = gaussian_blur(x, [2 * reach + 1] * 2, [sigma] * 2)
    return blurred


def _table(x: Tensor, made: dict[str, Tensor]) -> pd.DataFrame:
    import pandas as pd

    from bench.applications.measures import mean_psnr, mean_ssim

    rows = [{"image": n, "psnr": mean_psnr(x, each), "ssim": mean_ssim(x, each)} for n, each in made.items()]
    return pd.DataFrame(rows)
