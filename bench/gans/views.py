"""A GAN seen through another space of its codes."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from bench.core.types import Gan, Prior


class View(Gan):
    """A GAN whose codes enter its generator elsewhere; networks, weights and provenance are those of the source.

    Args:
        source: the GAN.
        generator: from flat codes of the space to images; ``translate(z)`` gives the codes that stand for z.
        prior: of the codes.
    """

    def __init__(self, source: Gan, generator: nn.Module, prior: Prior) -> None:
        super().__init__(
            generator, source.discriminator, prior, source.image_shape, source.provenance, source.encoder
        )
        self.source = source

    def decode(self, codes: Tensor) -> Tensor:
        """See ``Gan.decode``; the calls count for the source too."""
        self.source.calls += len(codes)
        return super().decode(codes)

    def view(self, space: str) -> Gan:
        """The source through this space."""
        return self.source.view(space)

    def translate(self, z: Tensor) -> Tensor:
        """Codes ``[B, d]`` that make the images which the source makes of codes ``z``; no generator call."""
        codes: Tensor = self.generator.translate(z)  # type: ignore[operator]
        return codes

    def checksum(self) -> str:
        """The source's."""
        return self.source.checksum()


class FittedNormal(Prior):
    """Independent normal coordinates, each with its own mean and standard deviation.

    Args:
        mean: ``[dim]``.
        std: ``[dim]``; coordinates that do not vary are given 1e-6.
    """

    name: ClassVar[str] = "fitted normal"

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        self.dim = len(mean)
        self.mean, self.std = mean, std.clamp_min(1e-6)

    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw ``[count, dim]`` codes on the generator's device, which must be that of the mean."""
        return self.mean + self.std * torch.randn((count, self.dim), generator=rng, device=rng.device)

    def from_uniform(self, u: Tensor) -> Tensor:
        """Map numbers in (0, 1) to codes by the inverse normal distribution function."""
        codes: Tensor = self.mean + self.std * torch.special.ndtri(u)
        return codes

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density ``[B]`` in nats, summed over coordinates."""
        squares = ((z - self.mean) / self.std).square() + math.log(2 * math.pi)
        return -(0.5 * squares + self.std.log()).sum(1)

    def project(self, z: Tensor) -> Tensor:
        """The code itself: the support is unbounded."""
        return z
