"""Base class of recipes that train a generator and an encoder together, on DCGAN's architecture."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from bench.core.types import Gan, Shape
from bench.gans.dcgan import STAGES, last_filters, make_generator, make_trunk
from bench.gans.joint_networks import Encoder
from bench.gans.networks import Discriminator, channels_last, check_shape, xavier
from bench.gans.priors import PriorName, make_prior
from bench.gans.recipe import GanConfig


@dataclass
class Joint(GanConfig):
    """DCGAN's generator, and its discriminator's trunk as encoder; 28, 32, 64 and 128 pixels, grey or colour.

    There is no moving average: generator and encoder stay as they were trained together.

    Attributes:
        width: filters of the encoder's first convolution; the others follow from it.
    """

    sides: ClassVar[Collection[int]] = STAGES

    prior: PriorName = "normal"
    width: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1:
            raise ValueError(f"width = {self.width} must be at least 1")
        refuse_average(self)

    def build(self, image_shape: Shape, device: str) -> Gan:
        """Return untrained networks with Xavier-uniform weights; see ``GanConfig.build``."""
        check_shape(self.registered_name, image_shape, self.sides)
        generator = xavier(make_generator(image_shape, self.code_dim, self.width))
        encoder = xavier(self.make_encoder(image_shape))
        discriminator = self.make_discriminator(image_shape)
        if discriminator is not None:
            xavier(discriminator)
        prior = make_prior(self.prior, self.code_dim)
        gan = Gan(
            generator,
            discriminator,
            prior=prior,
            image_shape=image_shape,
            provenance=self.provenance(),
            encoder=encoder,
        )
        return channels_last(gan.to(device))

    def make_encoder(self, image_shape: Shape, gaussian: bool = True) -> Encoder:
        """Return the encoder, before its weights are initialised."""
        trunk = make_trunk(image_shape, self.width)
        return Encoder(trunk, self.features(image_shape), self.code_dim, gaussian)

    def features(self, image_shape: Shape) -> int:
        """Return the number of values in the trunk's last map."""
        return 16 * last_filters(image_shape, self.width)

    @abstractmethod
    def make_discriminator(self, image_shape: Shape) -> Discriminator | None:
        """Return the discriminator, before its weights are initialised; None for a model without one."""


def refuse_average(recipe: GanConfig) -> None:
    """Refuse a moving average of the generator.

    Raises:
        ValueError: ``ema`` is not 0; the encoder was not trained with an averaged generator.
    """
    if recipe.ema:
        raise ValueError(f"ema = {recipe.ema} must be 0: the encoder belongs to the generator as it was trained")
