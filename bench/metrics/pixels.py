"""Pixel metrics: mean squared and absolute error, PSNR, SSIM, as functions of uint8 batches and as metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import ContractError
from bench.core.registry import metric
from bench.core.types import EvalBatch, Images, Metric
from bench.metrics.base import ROUNDING, check_pairs, mean_summary, no_picture

LEVELS = 255
UNIT = 2 / LEVELS
"""Width of one of the 256 levels in units of [-1, 1]."""
HALF = LEVELS / 2
WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * LEVELS) ** 2, (0.03 * LEVELS) ** 2
LEAST_ERROR = 1 / 12
"""Squared error of rounding to whole levels, in squared levels (Bennett 1948)."""
PSNR_CEILING = 10 * math.log10(LEVELS**2 / LEAST_ERROR)
"""Largest PSNR that is told apart, 10·log10(255² · 12) dB: that of an error of ``LEAST_ERROR``."""


def mse(target: Tensor, output: Tensor) -> Tensor:
    """Mean squared difference of uint8 batches ``[B, C, H, W]``, in squared units of [-1, 1]; ``[B]`` float64."""
    return _difference(target, output).square_().mean(1).mul_(UNIT**2)


def mae(target: Tensor, output: Tensor) -> Tensor:
    """Mean absolute difference of uint8 batches ``[B, C, H, W]``, in units of [-1, 1]; ``[B]`` float64."""
    return _difference(target, output).abs_().mean(1).mul_(UNIT)


def psnr(target: Tensor, output: Tensor) -> Tensor:
    """Return the PSNR of uint8 batches ``[B, C, H, W]``: 10·log10(255² / MSE), MSE in squared levels.

    In units of [-1, 1] the peak-to-peak range is 2 and its square 4; taking 2 for the square loses 3.01 dB.

    Returns:
        ``[B]`` float64 in dB, at most ``PSNR_CEILING``, also where two images are identical.
    """
    return 10.0 * torch.log10(LEVELS**2 / _difference(target, output).square_().mean(1).clamp_(min=LEAST_ERROR))


def ssim(target: Tensor, output: Tensor) -> Tensor:
    """Return the structural similarity (Wang et al. 2004, section III-B) of uint8 batches ``[B, C, H, W]``.

    An 11x11 Gaussian window of sigma 1.5, population covariance, only positions where the window lies inside the
    image, K = (0.01, 0.03); colour images give the mean over channels.

    Returns:
        ``[B]`` float64, at most 1.

    Raises:
        ContractError: the batches are not uint8 of one shape, or a side is under 11.
    """
    check_pairs(target, output)
    if min(target.shape[2:]) < WINDOW:
        raise ContractError(f"SSIM needs sides of at least {WINDOW} pixels, got {tuple(target.shape[2:])}")
    luminance, structure = similarities(levels(target, output))
    similarity = luminance.mul_(structure).flatten(0, 1).mean(0)
    return similarity.view(target.shape[:2]).mean(1, dtype=torch.float64)


def levels(target: Tensor, output: Tensor) -> Tensor:
    """Return two uint8 batches ``[B, C, H, W]`` as float32 ``[H, W, 4, B·C]``: centred levels, and two empty maps.

    Variances do not depend on a shift, and small values keep E[x²] - E[x]² exact enough in float32. With the batch
    last, the window is applied by few large matrix products.
    """
    batch, channels, height, width = target.shape
    maps = torch.empty(height, width, 4, batch * channels, device=target.device)
    for position, images in enumerate((target, output)):
        torch.sub(images.flatten(0, 1).permute(1, 2, 0).contiguous(), HALF, out=maps[:, :, position])
    return maps


def similarities(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Return luminance, and contrast times structure, where the window fits (Wang et al. 2004, eq. 6, 9 and 10).

    Args:
        maps: result of ``levels``; x·y and x² + y² are written into its empty maps.

    Returns:
        Two maps ``[H - 10, W - 10, B·C]``.
    """
    x, y, products, squares = maps.unbind(2)
    torch.mul(x, y, out=products)
    torch.mul(x, x, out=squares).addcmul_(y, y)
    mean_x, mean_y, products, squares = blur(maps).unbind(2)
    mean_product, mean_squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    covariance, variances = products - mean_product, squares - mean_squares
    offset = LEVELS * (mean_x + mean_y) + 2 * HALF**2 + C1  # undoes the shift of x and y by HALF
    luminance = (2 * mean_product + offset) / (mean_squares + offset)
    return luminance, (2 * covariance + C2) / (variances + C2)


def blur(maps: Tensor) -> Tensor:
    """Apply the Gaussian window of SSIM to maps ``[H, W, ...]``, cropped to ``[H - 10, W - 10, ...]``.

    The separable window is applied as two products with banded matrices: at these sizes many times faster on a CPU
    than a convolution of one channel.
    """
    height, width, *rest = maps.shape
    down = (_band(height, maps.device) @ maps.reshape(height, -1)).view(height - WINDOW + 1, width, -1)
    return (_band(width, maps.device) @ down).view(*down.shape[:1], -1, *rest)


@cache
def _band(side: int, device: torch.device) -> Tensor:
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    band = torch.zeros(side - WINDOW + 1, side, dtype=torch.float64)
    for offset, weight in enumerate(weights / weights.sum()):
        band.diagonal(offset).fill_(float(weight))
    return band.to(device, torch.float32)


def _difference(target: Tensor, output: Tensor) -> Tensor:
    check_pairs(target, output)
    return (target.to(torch.int16) - output).flatten(1).double()


@dataclass
class PixelMetric(Metric):
    """Base of metrics of rounded pixels, averaged over images."""

    per_image = True

    def protocol(self) -> dict[str, Any]:
        """Return name, version, rounding and aggregation."""
        return {"metric": self.name, "version": 1, "pixels": ROUNDING, "aggregation": "mean over images"}

    def applies(self, images: Images) -> str | None:
        """Return a reason for points."""
        return no_picture(images)

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean over images."""
        return mean_summary(values)


@metric("mse")
@dataclass
class Mse(PixelMetric):
    """Mean squared error of rounded pixels, in squared units of [-1, 1].

    Formula: mean over pixels and channels of (x - y)², with x and y in [-1, 1].
    Range: 0 to 4; one of 256 levels is 2/255, so that one level everywhere is 6.2e-5. In [0, 1] it is a quarter.
    Checked against: numpy on the same arrays.

    Example:
        >>> import torch
        >>> from bench.metrics.pixels import mse
        >>> black = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
        >>> round(mse(black, black + 255).item(), 4)  # opposite images: (1 - -1)²
        4.0
    """

    name = "mse"
    higher_is_better = False

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return one value per image."""
        return mse(pairs.target_u8, pairs.output_u8)


@metric("mae")
@dataclass
class Mae(PixelMetric):
    """Mean absolute error of rounded pixels, in units of [-1, 1]: the MAE of invgan's Table 1.

    Formula: mean over pixels and channels of |x - y|, with x and y in [-1, 1].
    Range: 0 to 2. In [0, 1] it is half of this.
    Checked against: numpy on the same arrays.

    Example:
        >>> import torch
        >>> from bench.metrics.pixels import mae
        >>> black = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
        >>> round(mae(black, black + 255).item(), 4)  # opposite images: |1 - -1|
        2.0
    """

    name = "mae"
    higher_is_better = False

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return one value per image."""
        return mae(pairs.target_u8, pairs.output_u8)


@metric("psnr")
@dataclass
class Psnr(PixelMetric):
    """Peak signal-to-noise ratio in dB, averaged over all images.

    Formula: 10 log10(255² / max(MSE, 1/12)) of each image, MSE in squared levels of 256, over pixels and channels.
    Range: from 0 dB for opposite images to 58.92 dB; one level everywhere is 48.1 dB. The ceiling is the error of
    rounding to 256 levels, 1/12 squared level. Without it identical images would be infinite, and a mean that leaves
    them out would punish a perfect recovery; "at_ceiling" counts the images that reach it.
    Averaging: decibels of images, not the MSE of the set: MSEs of 1e-4 and 1e-2 give 30.0 dB, but 22.97 dB for their
    mean.
    Traps: on [-1, 1] the peak-to-peak range is 2 and its square 4; 10 log10(2 / MSE) is 3.01 dB too low. Truncating
    in place of rounding costs up to 0.6 dB. Outputs in [0, 1] or [0, 255] raise an error.
    Checked against: scikit-image (peak_signal_noise_ratio) on real and random images, grey and colour; its camera
    image with noise gives 22.409353 dB.

    Example:
        >>> import torch
        >>> from bench.metrics.pixels import psnr
        >>> grey = torch.full((1, 3, 4, 4), 100, dtype=torch.uint8)
        >>> round(psnr(grey, grey + 1).item(), 2), round(psnr(grey, grey).item(), 2)  # one level, and no difference
        (48.13, 58.92)
    """

    name = "psnr"
    higher_is_better = True
    unit = "dB"

    def protocol(self) -> dict[str, Any]:
        """Add the data range and the ceiling."""
        return {**super().protocol(), "version": 2, "data_range": LEVELS, "ceiling": round(PSNR_CEILING, 4)}

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return one value per image."""
        return psnr(pairs.target_u8, pairs.output_u8)

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean over images; "at_ceiling" counts those that are told apart no further."""
        assert values is not None
        return {**mean_summary(values), "at_ceiling": float((values >= PSNR_CEILING - 1e-9).sum())}


@metric("ssim")
@dataclass
class Ssim(PixelMetric):
    """Structural similarity (SSIM) with the Gaussian window of Wang et al. 2004.

    Formula: mean over the image of (2 μx μy + C1)(2 σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2)) (eq. 13).
    Range: -1 to 1; equal images are 1.
    Traps: implementations differ in window, border and covariance: padding instead of cropping turns .837 into .951
    on a 28 x 28 digit.
    Checked against: scikit-image (structural_similarity with gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=255) at odd sizes, on constant images, grey and colour; IPOL's .358 for
    the camera image.

    Example:
        >>> import torch
        >>> from bench.metrics.pixels import ssim
        >>> noise = torch.randint(256, (1, 3, 16, 16), dtype=torch.uint8)
        >>> round(ssim(noise, noise).item(), 4), ssim(noise, 255 - noise).item() < 0
        (1.0, True)
    """

    name = "ssim"
    higher_is_better = True

    def protocol(self) -> dict[str, Any]:
        """Add window, covariance, border, constants and treatment of colour."""
        return {
            **super().protocol(),
            "window": f"gaussian {WINDOW}x{WINDOW}, sigma {SIGMA}",
            "covariance": "population",
            "border": "cropped",
            "data_range": LEVELS,
            "k": [0.01, 0.03],
            "colour": "mean over channels",
        }

    def applies(self, images: Images) -> str | None:
        """Return a reason for points, and for images smaller than the window."""
        height, width = images.shape[1:]
        if min(height, width) < WINDOW and not no_picture(images):
            return f"{height}x{width} images are smaller than the {WINDOW}x{WINDOW} window"
        return no_picture(images)

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return one value per image."""
        return ssim(pairs.target_u8, pairs.output_u8)
