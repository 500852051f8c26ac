"""A GAN seen through another space of its codes: one that its generator offers, or its codes and its weights.

The second is what methods that tune the generator for one image return.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call, vmap

from bench.core.errors import NotApplicable
from bench.core.types import Gan, Prior

VALUES = 2**24
"""Weights that are laid out at once: 65 images of a generator with 257,000 of them, 64 MiB."""


class LatentSpaceView(Gan):
    """A GAN whose codes enter its generator elsewhere; networks, weights and provenance are those of the source.

    Args:
        source: the GAN.
        generator: from flat codes of the space to images; ``translate(z)`` gives the codes that stand for z.
        prior: of the codes.
    """

    def __init__(self, source: Gan, generator: nn.Module, prior: Prior) -> None:
        super().__init__(
            generator,
            source.discriminator,
            prior=prior,
            image_shape=source.image_shape,
            provenance=source.provenance,
            encoder=source.encoder,
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


def in_latent_space(gan: Gan, space: str) -> Gan:
    """A GAN with the codes of a capacity class: ``Gan.view``, and besides it "weights" for any generator.

    Raises:
        NotApplicable: the generator has no such codes, or no weights that may be changed.
    """
    return GeneratorWeightsView(gan) if space == "weights" else gan.view(space)


def tunable(generator: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that a code may change: all but those of fully connected layers.

    A fully connected layer that takes one code gives one vector, which it can be brought to whatever the others do:
    its matrix would be free numbers by the hundred thousand for the freedom of that vector.
    """
    dense = {
        f"{name}.{own}" if name else own
        for name, module in generator.named_modules()
        if isinstance(module, nn.Linear)
        for own, _ in module.named_parameters(recurse=False)
    }
    return {name: tensor for name, tensor in generator.named_parameters() if name not in dense}


class GeneratorWeightsView(LatentSpaceView):
    """A GAN whose code is one of the source's, followed by what is added to each tunable weight.

    Args:
        source: the GAN, in whatever space its codes are.

    Raises:
        NotApplicable: the generator has fully connected layers alone.
    """

    def __init__(self, source: Gan) -> None:
        weights = tunable(source.generator)
        if not weights:
            raise NotApplicable("this generator has no weights outside fully connected layers, so none to tune")
        generator = TunedGenerator(source.generator, weights, source.prior.dim)
        super().__init__(source, generator, PivotPrior(source.prior, generator.changes))

    def decode(self, codes: Tensor) -> Tensor:
        """See ``Gan.decode``; the calls count for every GAN that this one is a view of."""
        if isinstance(self.source, LatentSpaceView):
            self.source.source.calls += len(codes)
        return super().decode(codes)

    def translate(self, z: Tensor) -> Tensor:
        """Codes ``[B, d]`` of z: those of the source, with unchanged weights."""
        return self.unchanged(self.source.translate(z))

    def unchanged(self, codes: Tensor) -> Tensor:
        """Codes ``[B, d]`` of this view that make the same images as codes of the source."""
        return torch.cat([codes, codes.new_zeros(len(codes), self.code_dim - codes.shape[1])], 1)


class TunedGenerator(nn.Module):
    """Codes ``[B, c + k]`` to images: c numbers enter the generator, k are added to its weights, image by image.

    Args:
        generator: in eval mode; never changed.
        weights: those that may change, by name; k is the count of their numbers.
        code_dim: c.
    """

    def __init__(self, generator: nn.Module, weights: Mapping[str, nn.Parameter], code_dim: int) -> None:
        super().__init__()
        self.generator, self.weights, self.code_dim = generator, dict(weights), code_dim
        self.changes = sum(weight.numel() for weight in self.weights.values())

    def forward(self, codes: Tensor) -> Tensor:
        """Images ``[B, C, H, W]``."""
        chunk = max(1, VALUES // self.changes)
        images: Tensor = vmap(self._one, chunk_size=chunk)(codes[:, : self.code_dim], codes[:, self.code_dim :])
        return images

    def _one(self, code: Tensor, change: Tensor) -> Tensor:
        parts = change.split([weight.numel() for weight in self.weights.values()])
        tuned = {
            name: weight + part.view_as(weight)
            for (name, weight), part in zip(self.weights.items(), parts, strict=True)
        }
        image: Tensor = functional_call(self.generator, tuned, (code[None],))[0]
        return image


class PivotPrior(Prior):
    """The source's prior for the first numbers of a code; the changes of weights have none, and are drawn as 0.

    Args:
        source: prior of the first numbers.
        changes: how many follow.
    """

    def __init__(self, source: Prior, changes: int) -> None:
        self.name = source.name  # type: ignore[misc]
        self.source, self.changes, self.dim = source, changes, source.dim + changes

    def _joined(self, codes: Tensor, rest: Tensor | None = None) -> Tensor:
        rest = codes.new_zeros(len(codes), self.changes) if rest is None else rest
        return torch.cat([codes, rest], 1)

    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw ``[count, dim]`` codes of the unchanged generator."""
        return self._joined(self.source.sample(count, rng))

    def from_uniform(self, u: Tensor) -> Tensor:
        """Map numbers in (0, 1) to codes of the unchanged generator."""
        return self._joined(self.source.from_uniform(u[:, : self.source.dim]))

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density ``[B]`` of the first numbers, in nats."""
        return self.source.log_prob(z[:, : self.source.dim])

    def project(self, z: Tensor) -> Tensor:
        """The first numbers in the source's support; changes are unbounded."""
        return self._joined(self.source.project(z[:, : self.source.dim]), z[:, self.source.dim :])

    def noise_of(self, codes: Tensor) -> Tensor:
        """The source's."""
        return self.source.noise_of(codes[:, : self.source.dim])

    def conditions_of(self, codes: Tensor) -> Tensor | None:
        """The source's."""
        return self.source.conditions_of(codes[:, : self.source.dim])
