"""Views of a GAN with codes of another latent space: one that its generator offers, or codes with changes of weights.

The second is the space of methods that tune the generator for each image.
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
"""Weights that are in memory at once: 65 images of a generator with 257,000 of them, 64 MiB."""


class LatentSpaceView(Gan):
    """A GAN with codes of another latent space; networks, weights and provenance are those of the source.

    Args:
        source: the GAN.
        generator: from flat codes of the space to images; ``translate(z)`` returns the codes equivalent to z.
        prior: prior of the codes.
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
        """See ``Gan.decode``; the calls are counted for every GAN that this one is a view of."""
        source: Gan | None = self.source
        while source is not None:
            source.calls += len(codes)
            source = source.source if isinstance(source, LatentSpaceView) else None
        return super().decode(codes)

    def view(self, space: str) -> Gan:
        """Return a view of the source with codes of this space."""
        return self.source.view(space)

    def translate(self, z: Tensor) -> Tensor:
        """Return codes ``[B, d]`` of the images that the source generates from codes ``z``; no generator call."""
        codes: Tensor = self.generator.translate(z)  # type: ignore[operator]
        return codes

    def checksum(self) -> str:
        """Return the checksum of the source."""
        return self.source.checksum()


class FittedNormal(Prior):
    """Independent normal coordinates, each with its own mean and standard deviation.

    Args:
        mean: ``[dim]``.
        std: ``[dim]``; at least 1e-6, also for coordinates that do not vary.
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
    """Return a GAN with the codes of a capacity class: that of ``Gan.view``, or "weights" for any generator.

    Raises:
        NotApplicable: the generator has no such codes, or no tunable weights.
    """
    return GeneratorWeightsView(gan) if space == "weights" else gan.view(space)


def tunable(generator: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that a code may change: all but those of fully connected layers.

    The output of a fully connected layer for one code is one vector. Tuning its matrix would add hundreds of
    thousands of free numbers but no more freedom than that vector has.
    """
    dense = {
        f"{name}.{own}" if name else own
        for name, module in generator.named_modules()
        if isinstance(module, nn.Linear)
        for own, _ in module.named_parameters(recurse=False)
    }
    return {name: tensor for name, tensor in generator.named_parameters() if name not in dense}


class GeneratorWeightsView(LatentSpaceView):
    """A GAN whose code is a code of the source, followed by the changes of all tunable weights.

    Args:
        source: the GAN, with codes of any space.

    Raises:
        NotApplicable: the generator has only fully connected layers.
    """

    def __init__(self, source: Gan) -> None:
        weights = tunable(source.generator)
        if not weights:
            raise NotApplicable("this generator has no weights outside fully connected layers, so none to tune")
        generator = TunedGenerator(source.generator, weights, source.prior.dim)
        super().__init__(source, generator, PivotPrior(source.prior, generator.changes))

    def translate(self, z: Tensor) -> Tensor:
        """Return codes ``[B, d]`` of z: those of the source, with unchanged weights."""
        return self.unchanged(self.source.translate(z))

    def unchanged(self, codes: Tensor) -> Tensor:
        """Return codes ``[B, d]`` of this view with the same images as codes of the source."""
        return torch.cat([codes, codes.new_zeros(len(codes), self.code_dim - codes.shape[1])], 1)


class TunedGenerator(nn.Module):
    """Codes ``[B, c + k]`` to images: c numbers are the generator's input, k are added to its weights.

    Args:
        generator: in eval mode; never changed.
        weights: the tunable weights by name; k is their number of elements.
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
    """The source's prior for the first numbers of a code; the changes of weights have no prior and are 0 in samples.

    Args:
        source: prior of the first numbers.
        changes: number of changes of weights.
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
        """Return the log density ``[B]`` of the first numbers, in nats."""
        return self.source.log_prob(z[:, : self.source.dim])

    def project(self, z: Tensor) -> Tensor:
        """Project the first numbers to the source's support; changes are unbounded."""
        return self._joined(self.source.project(z[:, : self.source.dim]), z[:, self.source.dim :])

    def noise_of(self, codes: Tensor) -> Tensor:
        """Return the source prior's noise."""
        return self.source.noise_of(codes[:, : self.source.dim])

    def conditions_of(self, codes: Tensor) -> Tensor | None:
        """Return the source prior's conditions."""
        return self.source.conditions_of(codes[:, : self.source.dim])
