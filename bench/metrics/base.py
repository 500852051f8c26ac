"""What metrics share: 8-bit images, reasons why a metric does not apply, and metrics that look through a network."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import ContractError
from bench.core.options import create
from bench.core.types import FeatureExtractor, Images, Metric

ROUNDING = "clamped to [-1, 1], rounded to the nearest of 256 levels"
RANGE_TOLERANCE = 1e-3


def to_u8(x: Tensor) -> Tensor:
    """Pixels in [-1, 1] as uint8: clamped, then rounded to the nearest level, as a saved image would be."""
    return x.float().clamp(-1.0, 1.0).add(1.0).mul(127.5).round().to(torch.uint8)


def check_range(x: Tensor, what: str) -> None:
    """Refuse images that are not in [-1, 1].

    Raises:
        ContractError: NaN, infinite, or outside by more than 0.001; says what was found.
    """
    low, high = (float(v) for v in torch.aminmax(x))
    if not (low >= -1 - RANGE_TOLERANCE and high <= 1 + RANGE_TOLERANCE):
        raise ContractError(f"{what}: pixels lie in [{low:.4g}, {high:.4g}], expected [-1, 1]")


def check_pairs(target: Tensor, output: Tensor) -> None:
    """Refuse anything but two uint8 batches ``[B, C, H, W]`` of one shape.

    Raises:
        ContractError: another type or shape.
    """
    if target.dtype != torch.uint8 or output.dtype != torch.uint8:
        raise ContractError(f"pixel metrics compare uint8 images, got {target.dtype} and {output.dtype}")
    if target.shape != output.shape or target.dim() != 4:
        raise ContractError(f"expected two batches [B, C, H, W], got {tuple(target.shape)} and {tuple(output.shape)}")


def check_features(first: Tensor, second: Tensor, smallest: int) -> None:
    """Refuse anything but two sets of finite features ``[N, d]`` and ``[M, d]`` with enough of each.

    Raises:
        ContractError: says what was given, and how many it takes.
    """
    if first.dim() != 2 or second.dim() != 2 or first.shape[1] != second.shape[1]:
        raise ContractError(
            f"expected features [N, d] and [M, d], got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    fewer = min(len(first), len(second))
    if fewer < smallest:
        raise ContractError(f"needs at least {smallest:,} samples a side, got {fewer:,}")
    if not (torch.isfinite(first).all() and torch.isfinite(second).all()):
        raise ContractError("features hold values that are not finite")


def no_picture(images: Images) -> str | None:
    """The reason why a metric of pictures does not apply to these images, or None."""
    if not images.is_picture and images.shape[1:] == (1, 1):
        return "these are points, not pictures"
    return None


def mean_summary(values: np.ndarray[Any, Any] | None) -> dict[str, float]:
    """Mean and number of per-image values."""
    assert values is not None
    return {"value": float(np.mean(values)), "n": float(len(values))}


def stated_name(metric: Metric, *but: str) -> str:
    """Registered name, with the first option unless it has its default: ``kid:500``. Options ``but`` do not count."""
    for option in dataclasses.fields(metric):  # type: ignore[arg-type]
        if option.init and option.name not in but:
            value = getattr(metric, option.name)
            return metric.registered_name + ("" if value == option.default else f":{value}")
    return metric.registered_name


@dataclass
class NetworkMetric(Metric):
    """A metric that looks through a feature network, which is part of its name: ``fid@inception``.

    The evaluation loads one network for all metrics that look through it, and sets ``extractor``.

    Attributes:
        network: registered name of the feature network.
    """

    network: str

    def __post_init__(self) -> None:
        self.extractor: FeatureExtractor = create("features", self.network)
        self.name = f"{stated_name(self, 'network')}@{self.network}"

    def applies(self, images: Images) -> str | None:
        """Points and shapes that the network cannot look at give a reason."""
        return no_picture(images) or self.extractor.accepts(images.shape)

    def protocol(self) -> dict[str, Any]:
        """Name, version, rounding, and the network's own protocol."""
        return {"metric": self.name, "version": 1, "pixels": ROUNDING, "network": self.extractor.protocol()}
