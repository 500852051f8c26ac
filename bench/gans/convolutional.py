"""Base class of most backbones: two convolutional networks determined by the image's shape and a width."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from bench.core.types import Gan, Shape
from bench.gans.networks import Discriminator, channels_last, check_shape, xavier
from bench.gans.priors import make_prior
from bench.gans.recipe import GanConfig


@dataclass
class Convolutional(GanConfig):
    """A recipe for square images, grey or colour, of the supported sides; weights are Xavier-uniform.

    Attributes:
        width: filters of the discriminator's first convolution; the others follow from it.
    """

    sides: ClassVar[Collection[int]]
    """Supported sides of images, in pixels."""

    width: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1:
            raise ValueError(f"width = {self.width} must be at least 1")

    def build(self, image_shape: Shape, device: str) -> Gan:
        """Return untrained networks; see ``GanConfig.build``."""
        check_shape(self.registered_name, image_shape, self.sides)
        generator = xavier(self.make_generator(image_shape))
        discriminator = xavier(self.make_discriminator(image_shape))
        prior = make_prior(self.prior, self.code_dim)
        return channels_last(
            Gan(generator, discriminator, prior=prior, image_shape=image_shape, provenance=self.provenance()).to(
                device
            )
        )

    @abstractmethod
    def make_generator(self, image_shape: Shape) -> nn.Module:
        """The generator, before its weights are drawn: codes ``[B, code_dim]`` to images in [-1, 1]."""

    @abstractmethod
    def make_discriminator(self, image_shape: Shape) -> Discriminator:
        """The discriminator, before its weights are drawn."""
