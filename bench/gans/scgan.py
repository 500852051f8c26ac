"""SCGAN: spatially conditioned generation, a larger image around a given window (dfi, section 3.3)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from bench.core.registry import gan
from bench.core.run_context import RunContext
from bench.core.types import Gan, Images, Shape
from bench.gans import spectral
from bench.gans.joint import refuse_average
from bench.gans.monitor import TrainingMonitor
from bench.gans.networks import ConnectionNetwork, channels_last, check_shape, xavier
from bench.gans.priors import PriorName, make_prior
from bench.gans.recipe import GanConfig
from bench.gans.regularizers.gradients import ZeroCentred
from bench.gans.scgan_networks import JoinedTrunk, Position, SpatialDiscriminator, SpatialGenerator, Window
from bench.gans.scgan_training import Steps, train_stages

SHARED = (
    *("learning_rate", "beta1", "beta2", "batch", "discriminator_steps", "generator_steps"),
    *("flips", "precision", "compiled", "width"),
)
"""Options that also apply to the GAN of windows."""


@gan("scgan")
@dataclass
class SCGAN(GanConfig):
    """SCGAN on SNGAN's networks, for 64 and 128 pixels, grey or colour; the window has half the side.

    A code is z_center, half of its numbers, and z_edge. Three stages share the budget's training steps: an SNGAN of
    windows; its connection network, by DFI; then, with both frozen, the generator and the discriminator of whole
    images, conditioned on codes that were inferred from the windows of training images. The encoder (method
    ``encoder``) is the connection network on an image's window, with z_edge at its mean, 0: the code does not
    depend on the rest of the image, so that the surroundings are not reconstructed.

    Attributes:
        code_dim: numbers in a code, even; the paper has 64 + 64.
        window: position of the window, "middle-left" in the paper for CelebA and "top-left" for cat heads.
        glue: decode to y_glue, whose window is from the frozen generator of windows, instead of to y_full.
        centre_share: share of the training steps for the GAN of windows.
        connection_share: share for its connection network; the rest is for whole images.
        recon_weight: weight of the error of the code inferred from y_full's window; a mean over its numbers (ours).
        gamma: weight of the gradient penalty on real images; half of it multiplies the squared norm.
        connection_depth: hidden layers of the connection network.
        connection_width: units in each of them, a multiple of 32 from 128 on.
        width: filters of each discriminator's first convolution; the others follow from it.

    Example:
        >>> import torch
        >>> from bench.gans.scgan import SCGAN
        >>> recipe = SCGAN(code_dim=8, width=4, connection_width=128)
        >>> recipe.steps(1000)
        Steps(centre=300, connection=200, full=500)
        >>> gan, x = recipe.build((1, 64, 64), "cpu").freeze(), torch.zeros(1, 1, 64, 64)
        >>> codes = gan.encode(x)
        >>> x[..., 32:] = 1.0  # only outside the window, which lies at the left
        >>> torch.equal(gan.encode(x), codes)
        True
    """

    sides: ClassVar[Collection[int]] = (64, 128)

    prior: PriorName = "normal"
    batch: int = 64
    window: Position = "middle-left"
    glue: bool = False
    centre_share: float = 0.3
    connection_share: float = 0.2
    recon_weight: float = 10.0
    gamma: float = 10.0
    connection_depth: int = 2
    connection_width: int = 1024
    width: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_average(self)
        if self.code_dim % 2:
            raise ValueError(f"code_dim = {self.code_dim} must be even: one half is z_center, the other z_edge")
        if self.prior != "normal":
            raise ValueError(f"prior = '{self.prior}' must be 'normal': z_edge is")
        shares = self.centre_share, self.connection_share
        if min(shares) < 0 or sum(shares) >= 1:
            raise ValueError(
                f"centre_share = {shares[0]} and connection_share = {shares[1]} must be 0 or more, "
                "and leave a share for whole images"
            )
        if min(self.recon_weight, self.gamma) < 0:
            raise ValueError(f"recon_weight = {self.recon_weight} and gamma = {self.gamma} must be 0 or more")
        if self.connection_depth < 0 or self.connection_width < 128 or self.connection_width % 32:
            raise ValueError(
                f"connection_depth = {self.connection_depth} and connection_width = {self.connection_width}: "
                "expected 0 or more, and a multiple of 32 from 128 on"
            )
        if self.width < 1:
            raise ValueError(f"width = {self.width} must be at least 1")

    def build(self, image_shape: Shape, device: str) -> Gan:
        """Return untrained networks of all stages; see ``GanConfig.build``."""
        check_shape(self.registered_name, image_shape, self.sides)
        generator, discriminator = self.make_generator(image_shape), self.make_discriminator(image_shape)
        prior = make_prior(self.prior, self.code_dim)
        made = Gan(
            xavier(generator),
            xavier(discriminator),
            prior=prior,
            image_shape=image_shape,
            provenance=self.provenance(),
        )
        return channels_last(made.to(device))

    def make_generator(self, image_shape: Shape) -> SpatialGenerator:
        """Return G_center and G_full, before their weights are initialised."""
        window = Window.at(self.window, image_shape[1])
        centre = spectral.make_generator(_window_shape(image_shape), self.code_dim // 2, self.width)
        full = spectral.make_generator(image_shape, self.code_dim, self.width)
        return SpatialGenerator(centre, full, window, self.glue)

    def make_discriminator(self, image_shape: Shape) -> SpatialDiscriminator:
        """Return D_center, D_full and the connection network; a 3 x 3 convolution computes the logits (ours)."""
        centre = spectral.make_discriminator(_window_shape(image_shape), self.width)
        full = spectral.make_discriminator(image_shape, self.width)
        trunk = JoinedTrunk(full.trunk, centre.trunk, Window.at(self.window, image_shape[1]))
        filters = 8 * self.width
        head = spectral_norm(nn.Conv2d(2 * filters, 1, kernel_size=3, stride=1, padding=1))
        numbers = (image_shape[1] // 16) ** 2 * filters
        depth, units = self.connection_depth, self.connection_width
        connection = ConnectionNetwork(numbers, self.code_dim // 2, depth, units)
        return SpatialDiscriminator(trunk, head, centre.head, connection)

    def regularizer(self) -> ZeroCentred:
        """Return the zero-centred penalty on D_full, of the mean logit of an image's places."""
        return ZeroCentred(self.gamma)

    def centre_recipe(self) -> spectral.SNGAN:
        """Return the recipe of the GAN of windows: SNGAN with this recipe's optimizer and batch, without penalty."""
        return spectral.SNGAN(code_dim=self.code_dim // 2, **{name: getattr(self, name) for name in SHARED})

    def steps(self, total: int) -> Steps:
        """Divide the training steps of a budget among the stages; shares are rounded to whole steps."""
        centre = round(total * self.centre_share)
        connection = min(round(total * self.connection_share), total - centre)
        return Steps(centre, connection, total - centre - connection)

    def train(self, gan: Gan, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        """Train all stages; see ``GanConfig.train``. The monitor is called in the last one, with its steps only."""
        train_stages(gan, self, images=images, run=run, monitor=monitor)


def _window_shape(image_shape: Shape) -> Shape:
    channels, side, _ = image_shape
    return channels, side // 2, side // 2
