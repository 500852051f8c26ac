"""Features of an image: maps of a frozen network, flattened, averaged and concatenated to one vector."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from bench.core.errors import NotApplicable, unknown
from bench.core.types import Gan, Images
from bench.gans.imagenet import open_imagenet

Network = Literal["discriminator", "vgg16", "resnet34", "resnet50", "resnet101"]
"""The GAN's own discriminator, or a classifier of ImageNet."""
Last = Literal["flatten", "gap"]

TABLE_BYTES = 2 << 30
"""Largest table of features that is kept in memory."""


class LayeredNetwork(Protocol):
    """A network with named activation maps."""

    layers: tuple[str, ...]

    def features(self, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Return maps of the named layers, in the order given."""


def open_network(network: Network, gan: Gan, device: str) -> LayeredNetwork:
    """Return the frozen network that computes a method's features.

    Raises:
        NotApplicable: the GAN has no discriminator with named layers, or an ImageNet network cannot take such
            images.
        WeightsError: the weights of an ImageNet network are missing or have another checksum.
    """
    if network != "discriminator":
        return open_imagenet(network, gan.image_shape, device)
    if gan.discriminator is None:
        raise NotApplicable("this GAN has no discriminator, so it has no features")
    if not hasattr(gan.discriminator, "features"):
        raise NotApplicable("this GAN's discriminator has no named layers, so it has no features")
    return cast(LayeredNetwork, gan.discriminator)


def check_layers(name: Network, network: LayeredNetwork, layers: tuple[str, ...]) -> None:
    """Make sure that the network has these layers.

    Raises:
        UnknownName: it lacks one; the message lists those it has.
    """
    for layer in layers:
        if layer not in network.layers:
            raise unknown(f"{name} layer", layer, network.layers)


@dataclass(frozen=True)
class Layer:
    """One map of a frozen network, with gradients for images. Not a module: see ``FeaturePyramid``.

    Attributes:
        network: the network, frozen.
        name: name of the layer.
    """

    network: LayeredNetwork
    name: str

    def __call__(self, x: Tensor) -> Tensor:
        """Maps ``[B, F, H, W]`` of images ``[B, C, H, W]``."""
        return self.network.features(x, (self.name,))[0]


@dataclass(frozen=True)
class FeaturePyramid:
    """Features of images: the last map, then the global means of chosen maps, then one map's R x R means.

    This is not a module, because a method's state contains trained weights only and nothing here is trained.

    Attributes:
        network: the network, frozen.
        last: the last map flattened, or its mean over pixels (GAP).
        gap: layers whose means over pixels are appended (dfi, section 4.7, Table 4).
        pool: side R of the means that are appended, 0 for none (Table 5). Where R does not divide the side of the
            map, neighbouring windows overlap.
        pool_layer: layer of these means.
    """

    network: LayeredNetwork
    last: Last = "flatten"
    gap: tuple[str, ...] = ()
    pool: int = 0
    pool_layer: str = ""

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Features ``[B, F]`` of images ``[B, C, H, W]``."""
        pooled = (self.pool_layer,) if self.pool else ()
        last, *maps = self.network.features(x, ("last", *self.gap, *pooled))
        parts = [last.flatten(1) if self.last == "flatten" else last.mean((2, 3))]
        parts += [each.mean((2, 3)) for each in maps[: len(self.gap)]]
        for each in maps[len(self.gap) :]:
            if self.pool > min(each.shape[2:]):
                size = " x ".join(map(str, each.shape[2:]))
                raise NotApplicable(f"pool = {self.pool} is larger than the {size} map of {self.pool_layer}")
            parts.append(adaptive_avg_pool2d(each, self.pool).flatten(1))
        return torch.cat(parts, 1)

    def size(self, gan: Gan, device: str) -> int:
        """Return F for the images of a GAN."""
        return int(self(torch.zeros(1, *gan.image_shape, device=device)).shape[1])

    def table(self, images: Images, batch: int, draws: int) -> Tensor | None:
        """Features ``[N, F]`` of all images, or None where they do not fit or would not save time.

        Args:
            images: on the device of the network.
            batch: images at a time; the batch size of the training, so that the same kernels are used.
            draws: number of rows that will be read.
        """
        features = self(images.floats(slice(0, 1))).shape[1]
        if draws <= len(images) or 4 * features * len(images) > TABLE_BYTES:
            return None
        table = torch.empty(len(images), features, device=images.data.device)
        for start in range(0, len(images), batch):
            # Always a full batch: kernels for another number of images may round differently.
            rows = torch.arange(start, start + batch, device=table.device).clamp(max=len(images) - 1)
            part = self(images.floats(rows))
            table[start : start + batch] = part[: len(images) - start]
        return table


def with_batch_statistics(network: LayeredNetwork) -> LayeredNetwork:
    """Return a frozen copy of a network whose batch norms use the statistics of each batch, whatever its mode."""
    other = copy.deepcopy(cast(nn.Module, network)).eval().requires_grad_(False)
    for part in other.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.track_running_stats = False
            part.running_mean = part.running_var = None
    return cast(LayeredNetwork, other)
