"""A small unconditional BigGAN: residual networks, spectral norm in the discriminator, hinge loss (InvGAN's)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from bench.core.registry import gan
from bench.core.types import Shape
from bench.gans.convolutional import Convolutional
from bench.gans.networks import Crop, Discriminator, Trunk
from bench.gans.objectives.hinge import Hinge
from bench.gans.priors import PriorName

SIDES = (28, 32)


@gan("biggan-small")
@dataclass
class SmallBigGAN(Convolutional):
    """BigGAN's residual blocks without classes, for 28 and 32 pixels, grey or colour; hinge loss.

    At 28 pixels the generator's first 8 x 8 map is cropped to 7 x 7.

    Attributes:
        width: filters of the discriminator; the generator has twice as many.

    Example:
        >>> import torch
        >>> from bench.gans.biggan import SmallBigGAN
        >>> gan = SmallBigGAN(code_dim=8, width=4).build((1, 28, 28), "cpu").freeze()
        >>> gan.decode(torch.zeros(2, 8)).shape
        torch.Size([2, 1, 28, 28])
        >>> gan.discriminator.layers
        ('actv14-0', 'actv7-0', 'actv7-1', 'actv7-2', 'last')
    """

    sides = SIDES

    prior: PriorName = "normal"
    beta1: float = 0.0
    batch: int = 64
    width: int = 128

    def make_generator(self, image_shape: Shape) -> nn.Module:
        """See ``make_generator``."""
        return make_generator(image_shape, self.code_dim, 2 * self.width)

    def make_discriminator(self, image_shape: Shape) -> Discriminator:
        """See ``make_discriminator``."""
        return make_discriminator(image_shape, self.width)

    def objective(self) -> Hinge:
        """The hinge loss."""
        return Hinge()


class Residual(nn.Module):
    """The sum of a path and a shortcut."""

    def __init__(self, path: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.path, self.shortcut = path, shortcut

    def forward(self, x: Tensor) -> Tensor:
        """The sum."""
        total: Tensor = self.path(x) + self.shortcut(x)
        return total


class SumPool(nn.Module):
    """Sum a flattened map over its pixels: ``[B, filters * H * W]`` to ``[B, filters]``."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.filters = filters

    def forward(self, flat: Tensor) -> Tensor:
        """The sums."""
        return flat.view(len(flat), self.filters, -1).sum(2)


def make_generator(image_shape: Shape, code_dim: int, filters: int) -> nn.Sequential:
    """Codes to images in [-1, 1]: FC to 4 x 4, three residual blocks that double the side, BN-ReLU, 3x3, tanh."""
    crop = [Crop(7)] if image_shape[1] == 28 else []
    blocks = [up_block(filters), *crop, up_block(filters), up_block(filters)]
    end = [
        nn.BatchNorm2d(filters),
        nn.ReLU(),
        nn.Conv2d(filters, image_shape[0], kernel_size=3, stride=1, padding=1),
        nn.Tanh(),
    ]
    return nn.Sequential(nn.Linear(code_dim, 16 * filters), nn.Unflatten(1, (filters, 4, 4)), *blocks, *end)


def up_block(filters: int) -> Residual:
    """BN-ReLU-upsampling-3x3-BN-ReLU-3x3, in parallel to upsampling and 1x1."""
    first = [
        nn.BatchNorm2d(filters),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(filters, filters, kernel_size=3, stride=1, padding=1),
    ]
    second = [nn.BatchNorm2d(filters), nn.ReLU(), nn.Conv2d(filters, filters, kernel_size=3, stride=1, padding=1)]
    return Residual(
        nn.Sequential(*first, *second),
        nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(filters, filters, 1)),
    )


def make_discriminator(image_shape: Shape, filters: int) -> Discriminator:
    """Images to logits: two residual blocks that halve the side, two that keep it, ReLU, sum over pixels, FC.

    Layers are "actv16-0", "actv8-0", "actv8-1" and "actv8-2" at 32 pixels; the last one is after the ReLU. Spectral
    norm is on every layer, shortcuts included.
    """
    channels, side, _ = image_shape
    half, quarter = side // 2, side // 4
    # There is no activation before the first convolution; its shortcut pools first, which is cheaper.
    first = Residual(
        nn.Sequential(_conv(channels, filters), nn.ReLU(), _conv(filters, filters), nn.AvgPool2d(2)),
        nn.Sequential(nn.AvgPool2d(2), _conv(channels, filters, 1)),
    )
    second = Residual(
        nn.Sequential(*_plain_path(filters), nn.AvgPool2d(2)),
        nn.Sequential(_conv(filters, filters, 1), nn.AvgPool2d(2)),
    )
    stages: dict[str, nn.Module] = {
        f"actv{half}-0": first,
        f"actv{quarter}-0": second,
        f"actv{quarter}-1": Residual(nn.Sequential(*_plain_path(filters)), nn.Identity()),
        f"actv{quarter}-2": nn.Sequential(Residual(nn.Sequential(*_plain_path(filters)), nn.Identity()), nn.ReLU()),
    }
    return Discriminator(Trunk(stages), nn.Sequential(SumPool(filters), spectral_norm(nn.Linear(filters, 1))))


def _plain_path(filters: int) -> list[nn.Module]:
    return [nn.ReLU(), _conv(filters, filters), nn.ReLU(), _conv(filters, filters)]


def _conv(before: int, after: int, kernel: int = 3) -> nn.Module:
    return spectral_norm(nn.Conv2d(before, after, kernel_size=kernel, stride=1, padding=kernel // 2))
