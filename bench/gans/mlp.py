"""A GAN of fully connected layers for points, such as eight Gaussians on a circle (dfi, section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from bench.core.errors import NotApplicable
from bench.core.registry import gan
from bench.core.types import Gan, Shape
from bench.gans.networks import Discriminator, Trunk, xavier
from bench.gans.priors import PriorName, make_prior
from bench.gans.recipe import GanConfig


@gan("mlp")
@dataclass
class MLP(GanConfig):
    """Three fully connected layers in each network, for points of any dimension (C x 1 x 1); outputs unbounded.

    Layers and batch norm are dfi's; width, prior and batch are ours. The discriminator's first layer has no batch
    norm (ours, as in DCGAN): real and generated points are separate batches, and a norm right after the first
    linear map would remove the location and the scale of a batch.

    Attributes:
        width: units of a hidden layer.

    Example:
        >>> import torch
        >>> from bench.gans.mlp import MLP
        >>> gan = MLP(width=8).build((2, 1, 1), "cpu").freeze()
        >>> gan.decode(torch.zeros(5, 2)).shape
        torch.Size([5, 2, 1, 1])
        >>> gan.discriminator.layers
        ('hidden1', 'hidden2', 'last')
    """

    code_dim: int = 2
    prior: PriorName = "normal"
    batch: int = 256
    width: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1:
            raise ValueError(f"width = {self.width} must be at least 1")

    def build(self, image_shape: Shape, device: str) -> Gan:
        """Untrained networks; see ``GanConfig.build``."""
        dim, height, width = image_shape
        if (height, width) != (1, 1):
            raise NotApplicable(f"{self.registered_name} draws points, images of 1x1; these are {height}x{width}")
        generator = xavier(make_generator(dim, self.code_dim, self.width))
        discriminator = xavier(make_discriminator(dim, self.width))
        prior = make_prior(self.prior, self.code_dim)
        return Gan(generator, discriminator, prior=prior, image_shape=image_shape, provenance=self.provenance()).to(
            device
        )


def make_generator(dim: int, code_dim: int, width: int) -> nn.Sequential:
    """Codes ``[B, code_dim]`` to points ``[B, dim, 1, 1]``: two hidden layers with batch norm and ReLU."""
    hidden = [*_normalized(code_dim, width), nn.ReLU(), *_normalized(width, width), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(width, dim), nn.Unflatten(1, (dim, 1, 1)))


def make_discriminator(dim: int, width: int) -> Discriminator:
    """Points to logits: two hidden layers with LReLU, "hidden1" and "hidden2", batch norm in the second."""
    stages: dict[str, nn.Module] = {
        "hidden1": nn.Sequential(nn.Flatten(), nn.Linear(dim, width), nn.LeakyReLU(0.2)),
        "hidden2": nn.Sequential(*_normalized(width, width), nn.LeakyReLU(0.2)),
    }
    return Discriminator(Trunk(stages), nn.Linear(width, 1))


def _normalized(before: int, after: int) -> list[nn.Module]:
    return [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after)]
