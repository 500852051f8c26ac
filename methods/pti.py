"""Pivotal tuning: the generator's weights are tuned for each image, around the code of another method."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import torch
from torch import Tensor

from bench.core.errors import ContractError
from bench.core.registry import refiner
from bench.core.types import Capacity, Refiner
from bench.gans.latent_spaces import VALUES, GeneratorWeightsView
from bench.gans.priors import image_noise
from methods.gradient_descent import descend, pixel_error


@refiner("pti")
@dataclass
class PivotalTuning(Refiner):
    """Tuning of the generator's weights for each image, around the method's code (Roich et al. 2022, section 3).

    Adam minimises the pixel error with a fixed pivot for ``budget.refine_steps`` steps (350 in the paper). The LPIPS
    term of the paper is left out, because LPIPS is a metric here. The locality term penalises the difference between
    tuned and original generator at a random code near the pivot (section 3.3). The generator's fully connected layers
    are not tuned. Each image has a generator of its own: the capacity class "weights" excludes the results from
    rankings of codes.

    Attributes:
        learning_rate: Adam's step size; the default is the paper's.
        locality: weight of the locality term; the default is the paper's.
        radius: distance of the locality term's code from the pivot, as a share of that to a code of the prior.
            It is 30 in the paper, in the w of StyleGAN.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget
        >>> from bench.gans.dcgan import DCGAN
        >>> from bench.gans.latent_spaces import in_latent_space
        >>> from methods.pti import PivotalTuning
        >>> refiner, pivots = PivotalTuning(), torch.zeros(2, 3)
        >>> gan = DCGAN(code_dim=3, width=4).build((1, 28, 28), "cpu").freeze()
        >>> refiner.gan = in_latent_space(gan, "weights")
        >>> refiner.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 0, 1, timeout=60.0), seed=1)
        >>> codes = refiner.refine(torch.ones(2, 1, 28, 28), pivots)
        >>> torch.equal(codes[:, :3], pivots), codes.shape[1] == refiner.gan.code_dim  # then the changes of weights
        (True, True)
    """

    capacity: ClassVar[Capacity | None] = "weights"
    optimises: ClassVar[tuple[str, ...]] = ("mse", "psnr")

    learning_rate: float = 3e-4
    locality: float = 0.1
    radius: float = 0.5

    def __post_init__(self) -> None:
        if self.learning_rate <= 0 or self.locality < 0 or not 0 <= self.radius <= 1:
            raise ValueError(
                f"learning_rate = {self.learning_rate} must be above 0, locality = {self.locality} at least 0, "
                f"radius = {self.radius} in [0, 1]"
            )

    @torch.no_grad()
    def refine(self, x: Tensor, codes: Tensor) -> Tensor:
        """Return codes ``[B, c + k]``: the method's, then the changes of the weights; some images at a time."""
        if not isinstance(self.gan, GeneratorWeightsView):
            raise ContractError("pti requires a GeneratorWeightsView of the GAN (bench.gans.latent_spaces)")
        group = max(1, VALUES // self.gan.code_dim)
        parts = zip(x.split(group), codes.split(group), strict=True)
        return torch.cat([self._tuned(self.gan, *part) for part in parts])

    def _tuned(self, gan: GeneratorWeightsView, x: Tensor, pivots: Tensor) -> Tensor:
        start = gan.unchanged(pivots)
        steps = count()

        def loss(change: Tensor) -> Tensor:
            errors = pixel_error(x, gan.decode(torch.cat([pivots, change], 1)))
            if self.locality:
                errors = errors + self.locality * self._drift(gan, x, pivots=pivots, change=change, step=next(steps))
            return errors

        change = descend(
            "pti",
            start[:, pivots.shape[1] :],
            loss=loss,
            optimizer=lambda moved: torch.optim.Adam(moved, lr=self.learning_rate),
            steps=self.run.budget.refine_steps,
            run=self.run,
        )
        return torch.cat([pivots, change], 1)

    def _drift(self, gan: GeneratorWeightsView, x: Tensor, pivots: Tensor, change: Tensor, step: int) -> Tensor:
        """Return the difference ``[B]`` of tuned and original generator, at a new code for each image and step."""
        source = gan.source
        noise = image_noise(x, self.run.seed + 1 + step, source.prior.dim)
        around = pivots + self.radius * (source.prior.from_uniform(noise).to(pivots.dtype) - pivots)
        with torch.no_grad():
            original = source.decode(around)
        return pixel_error(original, gan.decode(torch.cat([around, change], 1)))
