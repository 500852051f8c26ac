"""The GANs of creswell: plain, with instance noise, and Wasserstein with weight clipping."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from bench.core.registry import gan
from bench.core.types import Shape
from bench.gans.convolutional import Convolutional
from bench.gans.networks import Discriminator, Trunk
from bench.gans.objectives.wasserstein import Wasserstein
from bench.gans.priors import PriorName
from bench.gans.regularizers.clipping import WeightClipping
from bench.gans.regularizers.noise import InstanceNoise

BOTTOM = {28: 7, 32: 2, 64: 4, 128: 8}
"""Side of the generator's first map for images of this side: a sixteenth, but a quarter of 28."""


@gan("gan")
@dataclass
class PlainGAN(Convolutional):
    """GAN of creswell: 4x4 kernels, LReLU in both networks; 28, 32, 64 and 128 pixels, grey or colour.

    Layer sizes at 64 and 128 pixels are the authors' (batch norm in every layer of the discriminator), and so is
    training with flips. At 28 pixels two layers, not four, change the side.

    Example:
        >>> import torch
        >>> from bench.gans.creswell import PlainGAN
        >>> gan = PlainGAN(code_dim=8, width=4).build((3, 64, 64), "cpu").freeze()
        >>> gan.decode(torch.zeros(2, 8)).shape
        torch.Size([2, 3, 64, 64])
        >>> gan.discriminator.layers
        ('actv32', 'actv16', 'actv8', 'actv4', 'last')
    """

    sides = BOTTOM

    code_dim: int = 100
    prior: PriorName = "normal"
    flips: bool = True

    def make_generator(self, image_shape: Shape) -> nn.Sequential:
        """See ``make_generator``."""
        return make_generator(image_shape, self.code_dim, self.width)

    def make_discriminator(self, image_shape: Shape) -> Discriminator:
        """See ``make_discriminator``."""
        return make_discriminator(image_shape, self.width)


@gan("gan-noise")
@dataclass
class NoisyGAN(PlainGAN):
    """GAN with decaying normal noise on all images given to the discriminator (creswell, section V).

    Attributes:
        first_noise: standard deviation at the start.
        last_noise: standard deviation at the end; its logarithm falls linearly.

    Example:
        >>> import torch
        >>> from bench.gans.creswell import NoisyGAN
        >>> noise = NoisyGAN(first_noise=0.5, last_noise=0.005).regularizer()
        >>> for progress in (0.0, 0.5, 1.0):
        ...     noise.begin(progress, torch.Generator())
        ...     print(round(noise.sigma, 3))
        0.5
        0.05
        0.005
    """

    first_noise: float = 0.5
    last_noise: float = 1e-3

    def regularizer(self) -> InstanceNoise:
        """Return the instance noise."""
        return InstanceNoise(self.first_noise, self.last_noise)


@gan("wgan")
@dataclass
class ClippedWGAN(PlainGAN):
    """Wasserstein GAN with weight clipping (Arjovsky et al. 2017), trained by RMSprop.

    The critic takes ``many_steps`` updates in each of the first 25 steps and in every 500th.

    Attributes:
        clip: bound of every weight of the critic.
        many_steps: updates of the critic in these steps.

    Example:
        >>> from torch import nn
        >>> from bench.gans.creswell import ClippedWGAN
        >>> recipe, critic = ClippedWGAN(clip=0.01), nn.Linear(3, 1)
        >>> [recipe.discriminator_updates(step) for step in (0, 24, 25, 500)]
        [100, 100, 5, 100]
        >>> recipe.regularizer().after_update(critic)
        >>> all(bool((p.abs() <= 0.01).all()) for p in critic.parameters())
        True
    """

    learning_rate: float = 5e-5
    batch: int = 64
    discriminator_steps: int = 5
    many_steps: int = 100
    clip: float = 0.01

    def objective(self) -> Wasserstein:
        """Return the Wasserstein loss."""
        return Wasserstein()

    def regularizer(self) -> WeightClipping:
        """Return the weight clipping."""
        return WeightClipping(self.clip)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return RMSprop with torch's defaults except the learning rate."""
        return torch.optim.RMSprop(network.parameters(), lr=self.learning_rate)

    def discriminator_updates(self, step: int) -> int:
        """Return ``many_steps`` for steps 0 to 24 and every 500th, else ``discriminator_steps``."""
        return self.many_steps if step < 25 or step % 500 == 0 else self.discriminator_steps


def make_generator(image_shape: Shape, code_dim: int, width: int) -> nn.Sequential:
    """Codes to images in [-1, 1]: FC, 4x4 transposed convolutions with batch norm and LReLU, tanh."""
    channels, side, _ = image_shape
    bottom = BOTTOM[side]
    doublings = (side // bottom).bit_length() - 1
    filters = [width * 2 ** (doublings - 1 - n) for n in range(doublings)]
    layers: list[nn.Module] = [nn.Linear(code_dim, bottom**2 * filters[0], bias=False)]
    layers += [nn.Unflatten(1, (filters[0], bottom, bottom)), nn.BatchNorm2d(filters[0]), nn.LeakyReLU(0.2)]
    for before, after in pairwise(filters):
        layers += [
            nn.ConvTranspose2d(before, after, kernel_size=4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.LeakyReLU(0.2),
        ]
    return nn.Sequential(
        *layers, nn.ConvTranspose2d(filters[-1], channels, kernel_size=4, stride=2, padding=1), nn.Tanh()
    )


def make_discriminator(image_shape: Shape, width: int) -> Discriminator:
    """Images to logits: 4x4 strided convolutions with batch norm and LReLU, down to the generator's first map; FC.

    Layers are named by the side of their map.
    """
    before, side, _ = image_shape
    stages: dict[str, nn.Module] = {}
    for index in range((side // BOTTOM[side]).bit_length() - 1):
        after, side = width * 2**index, side // 2
        convolution = nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1, bias=False)
        stages[f"actv{side}"] = nn.Sequential(convolution, nn.BatchNorm2d(after), nn.LeakyReLU(0.2))
        before = after
    return Discriminator(Trunk(stages), nn.Linear(side**2 * before, 1))
