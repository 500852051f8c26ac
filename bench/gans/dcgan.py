"""DCGAN's architecture, and the backbones that share it: LSGAN, DFM, DCGAN-0GP, WGAN-GP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import nn

from bench.core.registry import gan
from bench.core.types import Shape
from bench.gans.convolutional import Convolutional
from bench.gans.networks import Crop, Discriminator, Trunk, norm_layer
from bench.gans.objectives.denoising import DenoisingFeatureMatching
from bench.gans.objectives.least_squares import LeastSquares
from bench.gans.objectives.wasserstein import Wasserstein
from bench.gans.priors import PriorName
from bench.gans.regularizers.gradients import UnitNorm, ZeroCentred

STAGES = {28: 3, 32: 3, 64: 4, 128: 5}
"""Strided convolutions between an image of this side and a 4 x 4 map."""
WIDEST = 16
"""A layer has at most this many times ``width`` filters (reached at 64 pixels)."""

Norm = Literal["batch", "layer", "none"]


@gan("dcgan")
@dataclass
class DCGAN(Convolutional):
    """DCGAN with 5x5 kernels and cross-entropy, for 28, 32, 64 and 128 pixels, grey or colour.

    Layer sizes and defaults are those of the dfi backbones. Each of the discriminator's convolutions has twice as
    many filters as the one before it.

    Attributes:
        generator_norm: normalisation after each of the generator's layers but the last.
        discriminator_norm: normalisation after each of the discriminator's convolutions but the first.

    Example:
        >>> import torch
        >>> from bench.gans.dcgan import DCGAN
        >>> gan = DCGAN(code_dim=8, width=4).build((1, 28, 28), "cpu").freeze()
        >>> gan.decode(torch.zeros(2, 8)).shape, gan.discriminator.layers
        (torch.Size([2, 1, 28, 28]), ('actv14', 'actv7', 'actv4', 'last'))
        >>> gan.features(torch.zeros(2, 1, 28, 28)).shape  # 16 filters of 4 x 4
        torch.Size([2, 256])
    """

    sides = STAGES

    generator_norm: Norm = "batch"
    discriminator_norm: Norm = "batch"

    def make_generator(self, image_shape: Shape) -> nn.Sequential:
        """See ``make_generator``."""
        return make_generator(image_shape, self.code_dim, self.width, self.norms(image_shape)[0])

    def make_discriminator(self, image_shape: Shape) -> Discriminator:
        """Return the trunk of ``make_trunk`` with a linear head."""
        trunk = make_trunk(image_shape, self.width, self.norms(image_shape)[1])
        return Discriminator(trunk, nn.Linear(16 * last_filters(image_shape, self.width), 1))

    def norms(self, image_shape: Shape) -> tuple[Norm, Norm]:
        """Normalisation of the generator and of the discriminator for images of this shape."""
        return self.generator_norm, self.discriminator_norm


@gan("lsgan")
@dataclass
class LSGAN(DCGAN):
    """DCGAN's networks with least-squares targets (Mao et al. 2017).

    Example:
        >>> import torch
        >>> from bench.gans.dcgan import LSGAN
        >>> x = torch.zeros(2, 1, 28, 28)
        >>> objective, undecided = LSGAN().objective(), lambda images: torch.full((len(images),), 0.5)
        >>> float(objective.discriminator_loss(undecided, x, x)), float(objective.generator_loss(undecided, x))
        (0.25, 0.125)
    """

    def objective(self) -> LeastSquares:
        """Return the least-squares loss."""
        return LeastSquares()


@gan("dfm")
@dataclass
class DFM(DCGAN):
    """DCGAN with denoising feature matching for the generator (Warde-Farley and Bengio 2017).

    Attributes:
        denoiser_weight: weight of the denoiser's term in the generator's loss.
        denoiser_noise: standard deviation of the noise on features.
        denoiser_depth: fully connected layers of the denoiser.

    Example:
        >>> import torch
        >>> from bench.gans.dcgan import DFM
        >>> recipe = DFM(code_dim=8, width=4, denoiser_depth=2)
        >>> gan, objective = recipe.build((1, 28, 28), "cpu"), recipe.objective()
        >>> objective.prepare(gan, recipe)
        >>> objective.denoiser(gan.features(torch.zeros(2, 1, 28, 28))).shape  # features to features
        torch.Size([2, 256])
    """

    denoiser_weight: float = 0.03
    denoiser_noise: float = 1.0
    denoiser_depth: int = 10

    def objective(self) -> DenoisingFeatureMatching:
        """Return the cross-entropy with the denoiser's term."""
        return DenoisingFeatureMatching(self.denoiser_weight, self.denoiser_noise, self.denoiser_depth)


@gan("dcgan-0gp")
@dataclass
class DCGAN0GP(DCGAN):
    """DCGAN with a zero-centred gradient penalty on real images (dfi, section 4.3).

    Attributes:
        gamma: weight of the penalty; half of it multiplies the squared norm.

    Example:
        >>> import torch
        >>> from bench.gans.dcgan import DCGAN0GP
        >>> x, slope = torch.zeros(2, 1, 2, 2), 3.0
        >>> critic = lambda images: slope * images.flatten(1).sum(1)
        >>> float(DCGAN0GP(gamma=10.0).regularizer().penalty(critic, x, x))  # 10 / 2 * 4 pixels * slope ** 2
        180.0
    """

    learning_rate: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.99
    gamma: float = 10.0

    def regularizer(self) -> ZeroCentred:
        """Return the zero-centred penalty."""
        return ZeroCentred(self.gamma)


@gan("wgan-gp")
@dataclass
class WGANGP(DCGAN):
    """Wasserstein GAN with gradient penalty (Gulrajani et al. 2017), on DCGAN's networks.

    Normalisation follows the authors' code: none at 28 pixels, batch norm in the generator above, layer norm in the
    discriminator from 64 pixels. The output is tanh, which is their sigmoid rescaled to [-1, 1]. They set
    width = 64 with batch = 50 at 28 pixels, width = 128 with batch = 64 at 32, and beta1 = 0 at 64.

    Attributes:
        penalty: weight of the gradient penalty.

    Example:
        >>> import torch
        >>> from bench.gans.dcgan import WGANGP
        >>> regularizer, x, slope = WGANGP(penalty=10.0).regularizer(), torch.zeros(2, 1, 2, 2), 3.0
        >>> regularizer.begin(0.0, torch.Generator().manual_seed(0))
        >>> critic = lambda images: slope * images.flatten(1).sum(1)
        >>> round(float(regularizer.penalty(critic, x, x)), 3)  # 10 * (sqrt(4 pixels) * slope - 1) ** 2
        250.0
    """

    prior: PriorName = "normal"
    learning_rate: float = 1e-4
    beta2: float = 0.9
    batch: int = 64
    discriminator_steps: int = 5
    penalty: float = 10.0

    def objective(self) -> Wasserstein:
        """Return the Wasserstein loss."""
        return Wasserstein()

    def regularizer(self) -> UnitNorm:
        """Return the penalty on gradients of norm other than one."""
        return UnitNorm(self.penalty)

    def norms(self, image_shape: Shape) -> tuple[Norm, Norm]:
        """Return the norms for the image's size; the options of the base class are ignored."""
        side = image_shape[1]
        return "none" if side == 28 else "batch", "layer" if side >= 64 else "none"


def filters(side: int, width: int) -> list[int]:
    """Filters of the discriminator's convolutions, from the image on."""
    return [width * min(2**stage, WIDEST) for stage in range(STAGES[side])]


def last_filters(image_shape: Shape, width: int) -> int:
    """Filters of the discriminator's last map, which is 4 x 4."""
    return filters(image_shape[1], width)[-1]


def make_generator(image_shape: Shape, code_dim: int, width: int, norm: Norm = "batch") -> nn.Sequential:
    """Codes ``[B, code_dim]`` to images in [-1, 1].

    FC to 4 x 4, then transposed convolutions that double the side and halve the filters, normalisation and ReLU;
    tanh at the end. For 28 pixels the 8 x 8 map is cropped to 7 x 7.
    """
    channels, side, _ = image_shape
    deep_to_shallow = [min(2 * f, WIDEST * width) for f in reversed(filters(side, width))]
    first = deep_to_shallow[0]
    plain = norm == "none"
    layers = [nn.Linear(code_dim, 16 * first, bias=plain), nn.Unflatten(1, (first, 4, 4))]
    layers += [*norm_layer(norm, first), nn.ReLU()]
    layers += _upsampling(deep_to_shallow, norm, crop=side == 28)
    layers += [
        nn.ConvTranspose2d(deep_to_shallow[-1], channels, kernel_size=5, stride=2, padding=2, output_padding=1),
        nn.Tanh(),
    ]
    return nn.Sequential(*layers)


def _upsampling(deep_to_shallow: list[int], norm: Norm, crop: bool) -> Iterator[nn.Module]:
    for index, (before, after) in enumerate(pairwise(deep_to_shallow)):
        yield nn.ConvTranspose2d(
            before, after, kernel_size=5, stride=2, padding=2, output_padding=1, bias=norm == "none"
        )
        yield from norm_layer(norm, after)
        yield nn.ReLU()
        if crop and index == 0:
            yield Crop(7)


def make_trunk(image_shape: Shape, width: int, norm: Norm = "batch") -> Trunk:
    """Images to a 4 x 4 map: strided convolutions, normalisation except in the first, LReLU.

    Layers are named by the side of their map, "actv14", "actv7", "actv4" for 28 pixels, and "last".
    """
    before, side, _ = image_shape
    stages: dict[str, nn.Module] = {}
    for index, after in enumerate(filters(side, width)):
        side = (side + 1) // 2
        normalize = norm_layer(norm, after) if index else []
        convolution = nn.Conv2d(before, after, kernel_size=5, stride=2, padding=2, bias=not normalize)
        stages[f"actv{side}"] = nn.Sequential(convolution, *normalize, nn.LeakyReLU(0.2))
        before = after
    return Trunk(stages)
