"""LPIPS: distance between the activations of a network, per channel and position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import WeightsError
from bench.core.registry import metric
from bench.core.types import EvalBatch, Images
from bench.metrics.base import NetworkMetric, mean_summary
from bench.metrics.networks import read_state
from bench.metrics.weights import DEFAULT_NETWORK, LPIPS_HEADS

EPSILON = 1e-10


def lpips(target: Sequence[Tensor], output: Sequence[Tensor], heads: Sequence[Tensor] | None = None) -> Tensor:
    """Return the learned perceptual distance (Zhang et al. 2018, eq. 1) between two batches of maps.

    Activations are scaled to unit length over channels at each position; squared differences are weighted, summed
    over channels, averaged over positions and summed over layers.

    Args:
        target: one map ``[B, C, H, W]`` per layer.
        output: maps of the same shapes.
        heads: weights ``[C]`` per layer; None weights every channel with 1.

    Returns:
        ``[B]``, 0 for equal maps.
    """
    layers = []
    for layer, (x, y) in enumerate(zip(target, output, strict=True)):
        difference = (_unit(x) - _unit(y)).square().mean((2, 3))
        layers.append(difference.sum(1) if heads is None else difference @ heads[layer])
    return torch.stack(layers).sum(0)


def _unit(maps: Tensor) -> Tensor:
    return maps / (maps.square().sum(1, keepdim=True).sqrt() + EPSILON)


def read_heads(network: str, device: str) -> list[Tensor]:
    """Read the lpips package's weights ``[C]`` of each layer, version 0.1.

    Raises:
        WeightsError: the package's file is missing, altered, or holds something else.
    """
    path = LPIPS_HEADS[network].find()
    state = read_state(path)
    try:
        return [state[f"lin{layer}.model.1.weight"].flatten().to(device) for layer in range(len(state))]
    except KeyError as error:
        raise WeightsError(f"weights {path}: no LPIPS heads ({error} is missing)") from error


@metric("lpips")
@dataclass
class Lpips(NetworkMetric):
    """Perceptual distance: LPIPS v0.1 with the networks alex and vgg; with others, all channels have equal weight.

    Formula: sum over layers of the mean over positions of Σ w (x̂ - ŷ)², x̂ and ŷ scaled to unit length over channels
    (Zhang et al. 2018, eq. 1).
    Range: 0 for equal images. Values of different networks cannot be compared.
    Traps: images in [0, 1] where [-1, 1] is expected give .022 in place of .085; AlexNet needs sides of 31 pixels, so
    that smaller sides than 64 are enlarged; the package loads a weights file without any matching key.
    Checked against: the lpips package with the same weights.

    Example:
        >>> import torch
        >>> from bench.metrics.perceptual import lpips
        >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(2, 1, 2, 1, 1)  # orthogonal activations
        >>> lpips([x], [y]).item(), lpips([x], [7 * x]).item()  # the length of an activation does not count
        (2.0, 0.0)
    """

    network: str = DEFAULT_NETWORK["lpips"]

    higher_is_better = False
    per_image = True

    def protocol(self) -> dict[str, Any]:
        """Add the weights of the channels and the aggregation."""
        learned = LPIPS_HEADS.get(self.network)
        heads = f"lpips package v0.1, SHA-256 {learned.sha256}" if learned else "every channel 1"
        return {**super().protocol(), "channel_weights": heads, "aggregation": "mean over images"}

    def applies(self, images: Images) -> str | None:
        """Return a reason for a network without maps, and for shapes that the network does not accept."""
        if not self.extractor.layers:
            return f"{self.network} has no spatial maps"
        return super().applies(images)

    def prepare(self, device: str) -> None:
        """Load the learned channel weights, if the network is a trunk of LPIPS.

        Raises:
            WeightsError: the weights are missing or altered; the message states how to get them.
        """
        self._heads = read_heads(self.network, device) if self.network in LPIPS_HEADS else None

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return one value per image."""
        target, output = pairs.embed(self.extractor, "target"), pairs.embed(self.extractor, "output")
        return lpips(target.maps, output.maps, self._heads)

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean over images."""
        return mean_summary(values)
