"""Building blocks that GANs and methods share: a discriminator with named activations, the connection network."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from bench.core.errors import NotApplicable
from bench.core.types import Gan, Shape

M = TypeVar("M", bound=nn.Module)

POWER_ITERATIONS = 15
"""Power iterations for the first estimate of a largest singular value, as in torch's spectral norm."""


class Trunk(nn.Module):
    """Named stages, one after the other: images ``[B, C, H, W]`` to the last activation map.

    Args:
        stages: stages in order. ``layers`` are their names and "last", another name of the last one.
    """

    def __init__(self, stages: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleDict(stages)
        self.layers: tuple[str, ...] = (*stages, "last")

    def features(self, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Activation maps of the named layers, in the order given; later stages are not computed."""
        maps: dict[str, Tensor] = {}
        wanted = {self.layers[-2] if name == "last" else name for name in layers}
        for name, stage in self.stages.items():
            if wanted <= maps.keys():
                break
            x = maps[name] = stage(x)
        return [maps[self.layers[-2] if name == "last" else name] for name in layers]

    def forward(self, x: Tensor) -> Tensor:
        """The last activation map."""
        return self.features(x, ("last",))[0]


class Discriminator(nn.Module):
    """A trunk and a head: images ``[B, C, H, W]`` to logits ``[B]``, positive for real.

    Args:
        trunk: has ``layers`` and ``features``; methods that train an encoder copy its architecture.
        head: from the flattened last map ``[B, F]`` to ``[B, 1]``.
    """

    def __init__(self, trunk: Trunk, head: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.layers = trunk.layers

    def features(self, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Activation maps of the named layers; "last" is the last convolution's, before the logit."""
        return self.trunk.features(x, layers)

    def logits(self, last: Tensor) -> Tensor:
        """Logits ``[B]`` float32 from the last activation map."""
        logits: Tensor = self.head(last.flatten(1))
        return logits.squeeze(1).float()

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[B]`` float32."""
        return self.logits(self.trunk(x))


class Crop(nn.Module):
    """Keep the upper left ``side`` x ``side`` pixels of a map."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, side, side]``."""
        return x[:, :, : self.side, : self.side]


class ConnectionNetwork(nn.Module):
    """From flat features ``[B, F]`` to codes ``[B, dim]``: [FC - GN - LReLU] x depth, then FC (dfi, section 3.1).

    The paper does not state the groups of the group normalisation; here there are 32.

    Args:
        features: F.
        dim: numbers in a code.
        depth: hidden layers (2 in dfi, 1 to 5 in its Table 7).
        width: units of a hidden layer, a multiple of 32.
    """

    def __init__(self, features: int, dim: int, depth: int = 2, width: int = 1024) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [nn.Linear(features, width), nn.GroupNorm(32, width), nn.LeakyReLU(0.2)]
            features = width
        self.layers = nn.Sequential(*layers, nn.Linear(features, dim))
        xavier(self)

    def forward(self, features: Tensor) -> Tensor:
        """Codes, unbounded."""
        codes: Tensor = self.layers(features)
        return codes


def norm_layer(norm: str, filters: int) -> list[nn.Module]:
    """Batch norm, layer norm (over channels and pixels), or nothing, as a list to splice in."""
    if norm == "batch":
        return [nn.BatchNorm2d(filters)]
    return [nn.GroupNorm(1, filters)] if norm == "layer" else []


def check_shape(name: str, image_shape: Shape, sides: Iterable[int], channels: Collection[int] = (1, 3)) -> None:
    """Check that there is an architecture for images of this shape.

    Raises:
        NotApplicable: another size, or another number of channels; the message lists the supported ones.
    """
    found, height, width = image_shape
    if height != width or height not in sides:
        known = ", ".join(f"{side}x{side}" for side in sides)
        raise NotApplicable(f"{name} has no architecture for {height}x{width} images; it has {known}")
    if found not in channels:
        raise NotApplicable(f"{name} draws images of {' or '.join(map(str, channels))} channels, not {found}")


def channels_last(gan: Gan) -> Gan:
    """Lay out the weights of both networks for channels-last convolutions; returns the GAN."""
    for network in gan.modules():
        network.to(memory_format=torch.channels_last)
    return gan


def xavier(module: M) -> M:
    """Give every convolution and linear layer Xavier-uniform weights and zero biases; returns the module.

    For a layer with spectral norm, the weights before normalisation are drawn, and their largest singular value
    is estimated again.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            if is_parametrized(part, "weight"):
                _redraw_normalized(part)
            else:
                nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return module


def _redraw_normalized(part: nn.Module) -> None:
    """Draw Xavier weights for a layer with spectral norm, and estimate their norm by power iterations."""
    training = part.training
    part.train()
    with torch.no_grad():
        weight: Tensor = part.weight  # type: ignore[assignment]
        part.weight = nn.init.xavier_uniform_(torch.empty_like(weight))
        for _ in range(POWER_ITERATIONS):
            _ = part.weight  # in training mode, each access is a power iteration
    part.train(training)


def fresh_copy(module: M) -> M:
    """Return the same architecture, trainable, with new Xavier weights and new normalisation statistics."""
    fresh = copy.deepcopy(module)
    for part in fresh.modules():
        reset = getattr(part, "reset_parameters", None)
        if callable(reset):
            reset()
    return xavier(fresh.requires_grad_(True))
