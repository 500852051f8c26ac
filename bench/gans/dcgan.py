"""DCGAN: the convolutional architecture that most backbones of the papers share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from bench.contracts import Gan, Shape
from bench.errors import NotApplicable
from bench.gans.networks import Discriminator, Trunk, xavier
from bench.gans.priors import make_prior
from bench.gans.recipe import Recipe
from bench.registry import gan

STAGES = {28: 3, 32: 3, 64: 4}
"""Strided convolutions between an image of this side and a 4 x 4 map."""


@gan("dcgan")
@dataclass
class DCGAN(Recipe):
    """DCGAN with 5x5 kernels for 28, 32 and 64 pixels, grey or colour.

    The sizes of the dfi backbones; the defaults of the base class are theirs too. Weights start Xavier-uniform.

    Attributes:
        width: filters of the discriminator's first convolution; each later one has twice as many.
    """

    width: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1:
            raise ValueError(f"width = {self.width} must be at least 1")

    def build(self, image_shape: Shape, device: str) -> Gan:
        """Untrained networks; see ``Recipe.build``."""
        check_shape(image_shape)
        generator = xavier(make_generator(image_shape, self.code_dim, self.width))
        discriminator = xavier(make_discriminator(image_shape, self.width))
        prior = make_prior(self.prior, self.code_dim)
        gan = Gan(generator, discriminator, prior, image_shape, self.provenance()).to(device)
        for network in gan.modules():
            network.to(memory_format=torch.channels_last)
        return gan


def check_shape(image_shape: Shape) -> None:
    """Raise ``NotApplicable`` if there is no architecture for images of this shape."""
    channels, height, width = image_shape
    if height != width or height not in STAGES:
        sizes = ", ".join(f"{side}x{side}" for side in STAGES)
        raise NotApplicable(f"dcgan has no architecture for {height}x{width} images; it has {sizes}")
    if channels not in {1, 3}:
        raise NotApplicable(f"dcgan draws images of 1 or 3 channels, not {channels}")


class Crop(nn.Module):
    """Keep the upper left ``side`` x ``side`` pixels of a map."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, side, side]``."""
        return x[:, :, : self.side, : self.side]


def make_generator(image_shape: Shape, code_dim: int, width: int) -> nn.Sequential:
    """Codes ``[B, code_dim]`` to images in [-1, 1].

    FC to 4 x 4, then transposed convolutions that double the side and halve the filters, batch norm and ReLU;
    tanh at the end. For 28 pixels the 8 x 8 map is cropped to 7 x 7.
    """
    channels, side, _ = image_shape
    filters = [width * 2**n for n in range(STAGES[side], 0, -1)]
    project = nn.Linear(code_dim, 16 * filters[0], bias=False)
    layers = [project, nn.Unflatten(1, (filters[0], 4, 4)), nn.BatchNorm2d(filters[0]), nn.ReLU()]
    layers += _upsampling(filters, crop=side == 28)
    layers += [nn.ConvTranspose2d(filters[-1], channels, 5, 2, 2, output_padding=1), nn.Tanh()]
    return nn.Sequential(*layers)


def _upsampling(filters: list[int], crop: bool) -> Iterator[nn.Module]:
    for index, (before, after) in enumerate(pairwise(filters)):
        yield nn.ConvTranspose2d(before, after, 5, 2, 2, output_padding=1, bias=False)
        yield nn.BatchNorm2d(after)
        yield nn.ReLU()
        if crop and index == 0:
            yield Crop(7)


def make_discriminator(image_shape: Shape, width: int) -> Discriminator:
    """Images to logits: strided convolutions down to 4 x 4, batch norm except in the first, LReLU; then FC.

    Layers are named by the side of their map, "actv14", "actv7", "actv4" for 28 pixels, and "last".
    """
    before, side, _ = image_shape
    stages: dict[str, nn.Module] = {}
    for index in range(STAGES[side]):
        after = width * 2**index
        side = (side + 1) // 2
        normalise = [nn.BatchNorm2d(after)] if index else []
        convolution = nn.Conv2d(before, after, 5, 2, 2, bias=not index)
        stages[f"actv{side}"] = nn.Sequential(convolution, *normalise, nn.LeakyReLU(0.2))
        before = after
    return Discriminator(Trunk(stages), nn.Linear(16 * before, 1))
