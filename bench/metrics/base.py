"""Shared parts of metrics: conversion to 8 bits, checks of inputs, and the base of metrics with a feature network."""

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
    """Return pixels in [-1, 1] as uint8: clamped, then rounded to the nearest level, as in a saved image."""
    return x.float().clamp(-1.0, 1.0).add(1.0).mul(127.5).round().to(torch.uint8)


def check_range(x: Tensor, what: str) -> None:
    """Check that images lie in [-1, 1].

    Raises:
        ContractError: a pixel is NaN, infinite, or outside by more than 0.001; the message states the range found.
    """
    low, high = (float(v) for v in torch.aminmax(x))
    if not (low >= -1 - RANGE_TOLERANCE and high <= 1 + RANGE_TOLERANCE):
        raise ContractError(f"{what}: pixels lie in [{low:.4g}, {high:.4g}], expected [-1, 1]")


def check_pairs(target: Tensor, output: Tensor) -> None:
    """Check that the arguments are two uint8 batches ``[B, C, H, W]`` of one shape.

    Raises:
        ContractError: they have another type or shape.
    """
    if target.dtype != torch.uint8 or output.dtype != torch.uint8:
        raise ContractError(f"pixel metrics compare uint8 images, got {target.dtype} and {output.dtype}")
    if target.shape != output.shape or target.dim() != 4:
        raise ContractError(f"expected two batches [B, C, H, W], got {tuple(target.shape)} and {tuple(output.shape)}")


def check_features(first: Tensor, second: Tensor, smallest: int) -> None:
    """Check that the arguments are two large enough sets of finite features ``[N, d]`` and ``[M, d]``.

    Raises:
        ContractError: they are not; the message states the shapes or the required number.
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
    """Return the reason why a metric of pictures does not apply to these images, or None."""
    if not images.is_picture and images.shape[1:] == (1, 1):
        return "these are points, not pictures"
    return None


def mean_summary(values: np.ndarray[Any, Any] | None) -> dict[str, float]:
    """Return the mean and the number of per-image values."""
    assert values is not None
    return {"value": float(np.mean(values)), "n": float(len(values))}


def stated_name(metric: Metric, *but: str) -> str:
    """Return the registered name with the first option not in ``but``, unless it has its default: ``kid:500``."""
    for option in dataclasses.fields(metric):  # type: ignore[arg-type]
        if option.init and option.name not in but:
            value = getattr(metric, option.name)
            return metric.registered_name + ("" if value == option.default else f":{value}")
    return metric.registered_name


@dataclass
class NetworkMetric(Metric):
    """Base of metrics that use a feature network, which is part of their name: ``fid@inception``.

    The evaluation loads each network once for all metrics that use it, and sets ``extractor``.

    Attributes:
        network: registered name of the feature network.
    """

    network: str

    def __post_init__(self) -> None:
        self.extractor: FeatureExtractor = create("features", self.network)
        self.name = f"{stated_name(self, 'network')}@{self.network}"

    def applies(self, images: Images) -> str | None:
        """Return a reason for points, and for shapes that the network does not accept."""
        return no_picture(images) or self.extractor.accepts(images.shape)

    def protocol(self) -> dict[str, Any]:
        """Return name, version, rounding, and the network's own protocol."""
        return {"metric": self.name, "version": 1, "pixels": ROUNDING, "network": self.extractor.protocol()}
