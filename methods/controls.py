"""Controls: a random code, and the best of many random codes. Every method should have lower errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from bench.core.registry import method
from bench.core.types import Gan, Inverter
from bench.gans.priors import image_noise

CHUNK = 250


@method("random_code")
@dataclass
class RandomCode(Inverter):
    """A random code of the prior, independent of the image: a control that every method should beat.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget, Gan
        >>> from bench.gans.priors import Normal
        >>> from methods.controls import RandomCode
        >>> method, x = RandomCode(), torch.rand(3, 1, 2, 2)
        >>> method.gan = Gan(torch.nn.Unflatten(1, (1, 2, 2)), None, Normal(4), (1, 2, 2))  # a code is four pixels
        >>> method.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 0, 0, timeout=60.0), seed=1)
        >>> torch.equal(method.invert(x.flip(0)), method.invert(x).flip(0))  # an image has its code in any batch
        True
    """

    control: ClassVar[bool] = True

    def invert(self, x: Tensor) -> Tensor:
        """Return codes ``[B, d]``; the code of an image is the same in every batch."""
        return self.gan.prior.from_uniform(image_noise(x, self.run.seed, self.gan.code_dim))


@method("best_of_random")
@dataclass
class BestOfRandom(Inverter):
    """The random code with the least pixel error among ``count`` that are shared by all images: a control.

    Attributes:
        count: number of codes; they are decoded once, in the first call.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget, Gan
        >>> from bench.gans.priors import Normal
        >>> from methods.controls import BestOfRandom
        >>> method = BestOfRandom(count=100)
        >>> method.gan = Gan(torch.nn.Unflatten(1, (1, 2, 2)), None, Normal(4), (1, 2, 2))  # a code is four pixels
        >>> method.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 0, 0, timeout=60.0), seed=1)
        >>> codes = method.gan.prior.sample(100, method.run.rng)  # the codes that this seed draws
        >>> torch.equal(method.invert(method.gan.decode(codes)), codes)
        True
    """

    control: ClassVar[bool] = True
    optimises: ClassVar[tuple[str, ...]] = ("mse", "psnr")

    count: int = 1000
    _bank: tuple[Gan, Tensor, Tensor] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count = {self.count} must be at least 1")

    def build(self) -> None:
        """Discard the codes of another seed."""
        self._bank = None

    def invert(self, x: Tensor) -> Tensor:
        """Codes ``[B, d]`` of the nearest images."""
        if self._bank is None or self._bank[0] is not self.gan:
            self._bank = self.gan, *self._draw()
        _, codes, images = self._bank
        targets = x.detach().flatten(1).double()
        best = torch.full((len(x),), torch.inf, dtype=torch.float64, device=x.device)
        index = torch.zeros(len(x), dtype=torch.long, device=x.device)
        for start in range(0, self.count, CHUNK):
            part = images[start : start + CHUNK].double()
            distances = torch.cdist(targets, part, compute_mode="donot_use_mm_for_euclid_dist")
            nearest, place = distances.min(1)
            index = torch.where(nearest < best, place + start, index)
            best = torch.minimum(nearest, best)
        return codes[index]

    @torch.no_grad()
    def _draw(self) -> tuple[Tensor, Tensor]:
        """Codes ``[count, d]`` and their flattened images ``[count, F]``."""
        rng = torch.Generator(self.run.device).manual_seed(self.run.seed)
        codes = self.gan.prior.sample(self.count, rng)
        return codes, torch.cat([self.gan.decode(part).flatten(1) for part in codes.split(CHUNK)])
