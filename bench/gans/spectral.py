"""SNGAN: the networks of dfi's Table 6, spectral norm in the discriminator; and SNGAN with a gradient penalty."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from bench.core.registry import gan
from bench.core.types import Shape
from bench.gans.convolutional import Convolutional
from bench.gans.networks import Discriminator, Trunk
from bench.gans.priors import PriorName
from bench.gans.regularizers.gradients import ZeroCentred

BOTTOM = {28: 7, 32: 4, 64: 8, 128: 16}
"""Side of the generator's first map for images of this side."""


@gan("sngan")
@dataclass
class SNGAN(Convolutional):
    """SNGAN on the networks of dfi's Table 6, with cross-entropy; 28, 32, 64 and 128 pixels, grey or colour.

    Every layer of the discriminator is normalized (Miyato et al. 2018), by one power iteration a forward pass in
    training. Its activations are named as in the paper: "actv128-0", "actv64-0", "actv64-1" ... "actv16-1".

    Example:
        >>> import torch
        >>> from bench.gans.spectral import SNGAN
        >>> gan = SNGAN(code_dim=8, width=4).build((1, 28, 28), "cpu").freeze()
        >>> gan.decode(torch.zeros(2, 8)).shape
        torch.Size([2, 1, 28, 28])
        >>> gan.discriminator.layers
        ('actv28-0', 'actv14-0', 'actv14-1', 'actv7-0', 'actv7-1', 'actv3-0', 'actv3-1', 'last')
    """

    sides = BOTTOM

    prior: PriorName = "normal"
    batch: int = 64

    def make_generator(self, image_shape: Shape) -> nn.Sequential:
        """See ``make_generator``."""
        return make_generator(image_shape, self.code_dim, self.width)

    def make_discriminator(self, image_shape: Shape) -> Discriminator:
        """See ``make_discriminator``."""
        return make_discriminator(image_shape, self.width)


@gan("sngan-0gp")
@dataclass
class SNGAN0GP(SNGAN):
    """SNGAN with a zero-centred gradient penalty on real images (dfi, section 4.3).

    Attributes:
        gamma: weight of the penalty; half of it multiplies the squared norm.

    Example:
        >>> import torch
        >>> from bench.gans.spectral import SNGAN0GP
        >>> x, constant = torch.zeros(2, 1, 2, 2), lambda images: 0 * images.flatten(1).sum(1) + 7
        >>> float(SNGAN0GP().regularizer().penalty(constant, x, x))  # a constant discriminator has no gradient
        0.0
    """

    gamma: float = 10.0

    def regularizer(self) -> ZeroCentred:
        """Return the zero-centred penalty."""
        return ZeroCentred(self.gamma)


def make_generator(image_shape: Shape, code_dim: int, width: int) -> nn.Sequential:
    """Codes to images in [-1, 1]: FC, 4x4 transposed convolutions with batch norm and ReLU, a 3x3 convolution, tanh.

    Three of them double the side; for 28 pixels two do, from 7 x 7.
    """
    channels, side, _ = image_shape
    bottom = BOTTOM[side]
    doublings = (side // bottom).bit_length() - 1
    filters = width * 2**doublings
    layers: list[nn.Module] = [nn.Linear(code_dim, bottom**2 * filters), nn.Unflatten(1, (filters, bottom, bottom))]
    for _ in range(doublings):
        layers += [
            nn.ConvTranspose2d(filters, filters // 2, kernel_size=4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(filters // 2),
        ]
        layers += [nn.ReLU()]
        filters //= 2
    return nn.Sequential(*layers, nn.Conv2d(filters, channels, kernel_size=3, stride=1, padding=1), nn.Tanh())


def make_discriminator(image_shape: Shape, width: int) -> Discriminator:
    """Images to logits: 3x3 convolutions that widen, 4x4 ones that halve the side, LReLU; then FC.

    For 28 pixels the last side is 3.
    """
    before, side, _ = image_shape
    stages: dict[str, nn.Module] = {}

    def stage(name: str, filters: int, kernel: int, stride: int) -> None:
        nonlocal before
        convolution = spectral_norm(nn.Conv2d(before, filters, kernel_size=kernel, stride=stride, padding=1))
        stages[name] = nn.Sequential(convolution, nn.LeakyReLU(0.2))
        before = filters

    for level in range(3):
        stage(f"actv{side}-{1 if level else 0}", width * 2**level, 3, 1)
        side //= 2
        stage(f"actv{side}-0", width * 2**level, 4, 2)
    stage(f"actv{side}-1", width * 8, 3, 1)
    return Discriminator(Trunk(stages), spectral_norm(nn.Linear(side**2 * before, 1)))
