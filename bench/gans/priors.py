"""Priors of latent codes, and random numbers that depend on an image alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from bench.core.types import Prior

PriorName = Literal["uniform", "normal"]


@dataclass(frozen=True)
class Normal(Prior):
    """Independent standard normal coordinates."""

    name: ClassVar[str] = "normal"
    dim: int

    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw ``[count, dim]`` codes on the generator's device."""
        return torch.randn((count, self.dim), generator=rng, device=rng.device)

    def from_uniform(self, u: Tensor) -> Tensor:
        """Map numbers in (0, 1) to codes by the inverse normal distribution function."""
        codes: Tensor = torch.special.ndtri(u)
        return codes

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density ``[B]`` in nats, summed over coordinates."""
        return -0.5 * (z.square().sum(1) + self.dim * math.log(2 * math.pi))

    def project(self, z: Tensor) -> Tensor:
        """Return the code itself; the support is unbounded."""
        return z


@dataclass(frozen=True)
class Uniform(Prior):
    """Independent coordinates, uniform between ``low`` and ``high``."""

    name: ClassVar[str] = "uniform"
    dim: int
    low: float = -1.0
    high: float = 1.0

    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw ``[count, dim]`` codes on the generator's device."""
        return self.from_uniform(torch.rand((count, self.dim), generator=rng, device=rng.device))

    def from_uniform(self, u: Tensor) -> Tensor:
        """Scale numbers in (0, 1) to the support."""
        return self.low + (self.high - self.low) * u

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density ``[B]`` in nats, summed over coordinates; -inf outside the support."""
        inside = ((z >= self.low) & (z <= self.high)).all(1)
        density = -self.dim * math.log(self.high - self.low)
        return torch.where(inside, density, -math.inf).to(z.dtype)

    def project(self, z: Tensor) -> Tensor:
        """Return the nearest code in the support: each coordinate clipped."""
        return z.clamp(self.low, self.high)


def make_prior(name: PriorName, dim: int) -> Prior:
    """Return the prior named "uniform" (on [-1, 1]) or "normal"."""
    return Uniform(dim) if name == "uniform" else Normal(dim)


# ---------------------------------------------------------------------------------------- noise of an image

_GOLDEN = -0x61C8864680B583EB  # splitmix64's increment 0x9E3779B97F4A7C15 as a signed 64-bit number


def image_noise(x: Tensor, seed: int, dim: int) -> Tensor:
    """Return numbers in (0, 1) that are a function of ``seed`` and of each image's own pixels.

    A search that starts from them starts an image at the same code in every batch, at every place and batch size.
    The generator is counter-based (splitmix64: Steele, Lea and Flood, OOPSLA 2014): number ``k`` of an image is a
    hash of its pixels (at 256 levels on [-1, 1]), the seed and ``k``.

    Args:
        x: images ``[B, C, H, W]``.
        seed: any 64-bit number.
        dim: numbers of an image; several starts are ``dim * starts`` numbers.

    Returns:
        ``[B, dim]`` float32, strictly between 0 and 1 (the centres of 2**23 equal bins).
    """
    levels = ((x.detach().flatten(1).double() + 1.0) * 127.5).round().long()
    places = torch.arange(levels.shape[1], device=x.device)
    content = _mix(levels + _mix(places * _GOLDEN)).sum(1)
    start = _mix(content ^ _mix(torch.tensor(_signed(seed), device=x.device) + _GOLDEN))
    counters = torch.arange(1, dim + 1, device=x.device) * _GOLDEN
    bits = _shift(_mix(start[:, None] + counters), 41)
    return ((bits.double() + 0.5) / 2**23).float()


def _mix(n: Tensor) -> Tensor:
    """The finaliser of splitmix64 on int64 numbers, whose products wrap around."""
    n = (n ^ _shift(n, 30)) * _signed(0xBF58476D1CE4E5B9)
    n = (n ^ _shift(n, 27)) * _signed(0x94D049BB133111EB)
    return n ^ _shift(n, 31)


def _shift(n: Tensor, bits: int) -> Tensor:
    """Shift right, filling with zeros (torch fills with the sign)."""
    return (n >> bits) & ((1 << (64 - bits)) - 1)


def _signed(n: int) -> int:
    """The int64 number with the same 64 bits."""
    return (n + 2**63) % 2**64 - 2**63
