"""InvGAN: a GAN whose discriminator also infers codes, on the architectures of DCGAN, small BigGAN and StyleGAN."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from bench.core.registry import gan
from bench.core.run_context import RunContext
from bench.core.types import Gan, Images, Shape
from bench.gans import biggan, dcgan, stylegan
from bench.gans.invgan_training import InvGANTrainer
from bench.gans.joint import refuse_average
from bench.gans.joint_networks import InvertibleDiscriminator, MappedGenerator, MappedStyleGenerator, make_mapping
from bench.gans.monitor import TrainingMonitor
from bench.gans.networks import channels_last, check_shape, xavier
from bench.gans.objectives.hinge import Hinge
from bench.gans.priors import PriorName, make_prior
from bench.gans.recipe import GanConfig
from bench.gans.style_layers import EqualLinear


@gan("invgan")
@dataclass
class InvGAN(GanConfig):
    """InvGAN on DCGAN's architecture, for 28, 32, 64 and 128 pixels, grey or colour.

    A mapping network computes w from z, and the generator's input is w; the discriminator's second head infers the w
    of an image. The spaces are "z" and "w", and the method ``encoder`` (space = "w") returns codes w. All weights
    are 1 in the paper, of squared norms; here these are means over elements (ours), so that a term does not grow
    with the number of features.

    Attributes:
        variant: "naive" trains the encoder on generated images alone; "augmented" also generates from codes of
            real images, replayed from the previous batch; "full" has all terms of equation 3.
        latent_weight: weight of the errors of inferred codes.
        feature_weight: weight of the feature error of reconstructions.
        mmd_weight: weight of the discrepancy between codes of the prior and of real images.
        width: filters of the discriminator's first convolution; the others follow from it.

    Example:
        >>> import torch
        >>> from bench.gans.invgan import InvGAN
        >>> gan, z = InvGAN(code_dim=8, width=4).build((1, 28, 28), "cpu").freeze(), torch.zeros(2, 8)
        >>> w = gan.view("w")
        >>> torch.equal(w.decode(w.translate(z)), gan.decode(z))
        True
        >>> gan.encode(gan.decode(z)).shape
        torch.Size([2, 8])
    """

    sides: ClassVar[Collection[int]] = dcgan.STAGES

    prior: PriorName = "normal"
    variant: Literal["naive", "augmented", "full"] = "full"
    latent_weight: float = 1.0
    feature_weight: float = 1.0
    mmd_weight: float = 1.0
    width: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_average(self)
        if self.width < 1:
            raise ValueError(f"width = {self.width} must be at least 1")
        weights = {n: getattr(self, n) for n in ("latent_weight", "feature_weight", "mmd_weight")}
        if min(weights.values()) < 0:
            raise ValueError(f"{' and '.join(f'{n} = {w}' for n, w in weights.items())} must be 0 or more")

    def build(self, image_shape: Shape, device: str) -> Gan:
        """Untrained networks; see ``GanConfig.build``."""
        check_shape(self.registered_name, image_shape, self.sides)
        generator, discriminator = self.make_generator(image_shape), self.make_discriminator(image_shape)
        prior = make_prior(self.prior, self.code_dim)
        return channels_last(
            Gan(generator, discriminator, prior=prior, image_shape=image_shape, provenance=self.provenance()).to(
                device
            )
        )

    def make_generator(self, image_shape: Shape) -> nn.Module:
        """Return mapping and synthesis, with initial weights."""
        synthesis = dcgan.make_generator(image_shape, self.code_dim, self.width)
        return xavier(MappedGenerator(make_mapping(self.code_dim), synthesis))

    def make_discriminator(self, image_shape: Shape) -> InvertibleDiscriminator:
        """Return a trunk and two heads, with initial weights."""
        features = 16 * dcgan.last_filters(image_shape, self.width)
        trunk = dcgan.make_trunk(image_shape, self.width)
        return xavier(InvertibleDiscriminator(trunk, nn.Linear(features, 1), nn.Linear(features, self.code_dim)))

    def train(self, gan: Gan, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        """See ``GanConfig.train``."""
        InvGANTrainer(gan, self, images=images, run=run, monitor=monitor).train()


@gan("invgan-biggan")
@dataclass
class InvGANBigGAN(InvGAN):
    """InvGAN on the small BigGAN, for 28 and 32 pixels, grey or colour; hinge loss.

    Attributes:
        width: filters of the discriminator; the generator has twice as many.

    Example:
        >>> import torch
        >>> from bench.gans.invgan import InvGANBigGAN
        >>> gan = InvGANBigGAN(code_dim=8, width=4).build((1, 28, 28), "cpu").freeze()
        >>> x = gan.decode(torch.zeros(2, 8))
        >>> x.shape, gan.encode(x).shape
        (torch.Size([2, 1, 28, 28]), torch.Size([2, 8]))
    """

    sides: ClassVar[Collection[int]] = biggan.SIDES

    beta1: float = 0.0
    batch: int = 64
    width: int = 128

    def make_generator(self, image_shape: Shape) -> nn.Module:
        """See ``InvGAN.make_generator``."""
        synthesis = biggan.make_generator(image_shape, self.code_dim, 2 * self.width)
        return xavier(MappedGenerator(make_mapping(self.code_dim), synthesis))

    def make_discriminator(self, image_shape: Shape) -> InvertibleDiscriminator:
        """See ``InvGAN.make_discriminator``; the second head also sums over pixels and has spectral norm."""
        plain = biggan.make_discriminator(image_shape, self.width)
        code_head = nn.Sequential(biggan.SumPool(self.width), spectral_norm(nn.Linear(self.width, self.code_dim)))
        return xavier(InvertibleDiscriminator(plain.trunk, plain.head, code_head))

    def objective(self) -> Hinge:
        """Return the hinge loss."""
        return Hinge()


@gan("invgan-stylegan")
@dataclass
class InvGANStyleGAN(stylegan.StyleTraining, InvGAN):
    """InvGAN on StyleGAN, for 32, 64 and 128 pixels, grey or colour; logistic loss with R1, no moving average.

    The spaces are "z", "w" and "w+", one style for each layer; the second head infers w.

    Example:
        >>> from bench.gans.invgan import InvGANStyleGAN
        >>> gan = InvGANStyleGAN(code_dim=8, width=8).build((3, 32, 32), "cpu").freeze()
        >>> [gan.view(space).code_dim for space in ("z", "w", "w+")]  # eight layers at 32 pixels
        [8, 8, 64]
        >>> gan.discriminator.code_space
        'w'
    """

    sides: ClassVar[Collection[int]] = stylegan.SIDES

    def make_generator(self, image_shape: Shape) -> nn.Module:
        """See ``InvGAN.make_generator``."""
        return MappedStyleGenerator(image_shape, self.code_dim, self.width)

    def make_discriminator(self, image_shape: Shape) -> InvertibleDiscriminator:
        """See ``InvGAN.make_discriminator``; the second head is one FC on the 4 x 4 map."""
        plain = stylegan.make_discriminator(image_shape, self.width)
        code_head = EqualLinear(16 * stylegan.channels(4, self.width), self.code_dim, gain=1.0)
        return InvertibleDiscriminator(plain.trunk, plain.head, code_head)
