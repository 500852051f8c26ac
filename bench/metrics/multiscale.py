"""Multi-scale structural similarity of reconstructions, and of pairs of samples as a measure of diversity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from bench.core.errors import ContractError
from bench.core.registry import metric
from bench.core.types import EvalBatch, Images, Metric
from bench.metrics.base import ROUNDING, check_pairs, mean_summary, no_picture, stated_name
from bench.metrics.pixels import LEVELS, SIGMA, WINDOW, levels, similarities

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents from the finest scale to the coarsest (Wang, Simoncelli & Bovik 2003, section 3.2)."""


def smallest_side(scales: int) -> int:
    """Return the smallest side whose coarsest scale holds the window: 161 pixels for five scales."""
    return ((WINDOW - 1) << (scales - 1)) + 1


def weights_of(scales: int) -> tuple[float, ...]:
    """Return the exponents of the finest ``scales`` scales, divided by their sum; the published ones for five."""
    if scales == len(WEIGHTS):
        return WEIGHTS
    total = sum(WEIGHTS[:scales])
    return tuple(weight / total for weight in WEIGHTS[:scales])


def ms_ssim(target: Tensor, output: Tensor, scales: int = len(WEIGHTS)) -> Tensor:
    """Return the multi-scale SSIM (Wang, Simoncelli & Bovik 2003, eq. 7) of uint8 batches ``[B, C, H, W]``.

    The product over scales of the mean over the image of contrast times structure, at the coarsest scale also times
    luminance, each raised to the scale's exponent. A negative mean, which has no power, counts as 0. Between
    scales, images are averaged over 2 x 2 pixels; an odd side is first extended by its last row or column. Window,
    constants and border are those of ``pixels.ssim``; colour images give the mean over channels.

    Args:
        target: uint8.
        output: uint8, the same shape.
        scales: 1 to 5; fewer than five use the first exponents, divided by their sum.

    Returns:
        ``[B]`` float64, from 0 to 1.

    Raises:
        ContractError: the batches are not uint8 of one shape, a side is too small, or ``scales`` is not 1 to 5.
    """
    check_pairs(target, output)
    if not 1 <= scales <= len(WEIGHTS):
        raise ContractError(f"MS-SSIM has 1 to {len(WEIGHTS)} scales, got {scales}")
    if min(target.shape[2:]) < smallest_side(scales):
        needed = smallest_side(scales)
        raise ContractError(
            f"MS-SSIM of {scales} scales needs sides of at least {needed} pixels, got {tuple(target.shape[2:])}"
        )
    maps, weights = levels(target, output), weights_of(scales)
    product = torch.ones(maps.shape[-1], dtype=torch.float64, device=maps.device)
    for scale, weight in enumerate(weights, 1):
        luminance, structure = similarities(maps)
        kept = luminance.mul_(structure) if scale == scales else structure
        product *= kept.flatten(0, 1).mean(0).double().clamp_(min=0.0) ** weight
        if scale < scales:
            maps = _halved(maps)
    return product.view(target.shape[:2]).mean(1)


def _halved(maps: Tensor) -> Tensor:
    """Return new maps with the two images of ``levels`` at half the size."""
    height, width, places, batch = maps.shape
    images = maps[:, :, :2].permute(2, 3, 0, 1)
    small = avg_pool2d(pad(images, (0, width % 2, 0, height % 2), mode="replicate"), 2)
    halved = torch.empty(*small.shape[2:], places, batch, device=maps.device)
    halved[:, :, :2] = small.permute(2, 3, 0, 1)
    return halved


@dataclass
class _MultiScale(Metric):
    """Base of both metrics.

    Attributes:
        scales: 5 is MS-SSIM as published; fewer define it for smaller images, under another name: ``ms_ssim:2``.
    """

    scales: int = len(WEIGHTS)

    def __post_init__(self) -> None:
        if not 1 <= self.scales <= len(WEIGHTS):
            raise ValueError(f"scales = {self.scales}: expected 1 to {len(WEIGHTS)}")
        self.name = stated_name(self)

    def protocol(self) -> dict[str, Any]:
        """Return rounding, scales, exponents, window and downsampling."""
        return {
            "metric": self.name,
            "version": 1,
            "pixels": ROUNDING,
            "scales": self.scales,
            "exponents": [round(weight, 6) for weight in weights_of(self.scales)],
            "window": f"gaussian {WINDOW}x{WINDOW}, sigma {SIGMA}",
            "covariance": "population",
            "border": "cropped",
            "data_range": LEVELS,
            "k": [0.01, 0.03],
            "downsampling": "mean of 2x2, odd sides lengthened by their last row or column",
            "negative": "counts as 0",
            "colour": "mean over channels",
        }

    def applies(self, images: Images) -> str | None:
        """Return a reason for points, and for images that are too small for the scales."""
        side, needed = min(images.shape[1:]), smallest_side(self.scales)
        if no_picture(images) is None and side < needed:
            fitting = [s for s in range(1, self.scales) if smallest_side(s) <= side]
            hint = f"; {self.registered_name}:{fitting[-1]} fits" if fitting else ""
            return f"{self.scales} scales need sides of {needed} pixels, these have {side}{hint}"
        return no_picture(images)


@metric("ms_ssim")
@dataclass
class MsSsim(_MultiScale):
    """Multi-scale structural similarity of target and reconstruction (Wang, Simoncelli & Bovik 2003).

    Formula: luminance at the coarsest scale times contrast-structure at each, raised to its exponent (eq. 7).
    Range: 0 to 1; equal images are 1.
    Sizes: five scales need sides of 161 pixels; ``ms_ssim:4`` 81, ``ms_ssim:3`` 41, ``ms_ssim:2`` 21. Fewer scales
    take the first exponents divided by their sum and never share a column with the published variant.
    Checked against: pytorch-msssim, for even sides.

    Example:
        >>> import torch
        >>> from bench.metrics.multiscale import ms_ssim, smallest_side
        >>> [smallest_side(scales) for scales in (5, 4, 3, 2)]
        [161, 81, 41, 21]
        >>> noise = torch.randint(256, (1, 1, 21, 21), dtype=torch.uint8)
        >>> round(ms_ssim(noise, noise, scales=2).item(), 4)
        1.0
    """

    higher_is_better = True
    per_image = True

    def protocol(self) -> dict[str, Any]:
        """Add the aggregation."""
        return {**super().protocol(), "aggregation": "mean over images"}

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return one value per image."""
        return ms_ssim(pairs.target_u8, pairs.output_u8, self.scales)

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean over images."""
        return mean_summary(values)


@metric("rand_ms_ssim")
@dataclass
class RandMsSsim(_MultiScale):
    """MS-SSIM between each of the GAN's own images and the next: low if they differ (recycling, section 4).

    Formula and sizes as for ``ms_ssim``. Lower means more diverse; a collapsed generator gives 1. The metric
    does not measure quality: noise is diverse.

    Example:
        >>> import torch
        >>> from bench.metrics.multiscale import ms_ssim
        >>> noise = torch.randint(256, (5, 1, 21, 21), dtype=torch.uint8)
        >>> collapsed = noise[:1].expand(5, -1, -1, -1)
        >>> diversity = [ms_ssim(x[:-1], x[1:], scales=2).mean().item() for x in (noise, collapsed)]
        >>> diversity[0] < 0.5, round(diversity[1], 4)
        (True, 1.0)
    """

    higher_is_better = False
    per_image = False
    tracks: ClassVar = ("own",)

    def protocol(self) -> dict[str, Any]:
        """Add the pairing."""
        return {
            **super().protocol(),
            "pairs": "each image of random codes and the next",
            "aggregation": "mean over pairs",
        }

    def applies(self, images: Images) -> str | None:
        """Return a reason for a single image, besides those of the base class."""
        return "needs at least 2 images, got 1" if len(images) < 2 else super().applies(images)

    def prepare(self, device: str) -> None:
        """Reset sums and the last image."""
        self._last: Tensor | None = None
        self._sum, self._pairs = 0.0, 0

    def update(self, pairs: EvalBatch) -> None:
        """Compare neighbouring images, including the last of one batch and the first of the next."""
        images = pairs.target_u8 if self._last is None else torch.cat([self._last, pairs.target_u8])
        if len(images) > 1:
            self._sum += float(ms_ssim(images[:-1], images[1:], self.scales).sum())
            self._pairs += len(images) - 1
        self._last = images[-1:]

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean over pairs, and their number."""
        return {"value": self._sum / self._pairs, "n": float(self._pairs)}
