"""Refiners: improvement of the codes of another method ("method+opt")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.core.registry import refiner
from bench.core.types import Refiner
from methods.gradient_descent import descend, pixel_error


@refiner("opt")
@dataclass
class Opt(Refiner):
    """A few Adam steps on each image's pixel error, from the method's code (dfi, section 2).

    The paper does not state the solver; here it is ``budget.refine_steps`` steps of Adam(.01; .9, .999).

    Attributes:
        learning_rate: Adam's step size.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget, Gan
        >>> from bench.gans.priors import Normal
        >>> from methods.refine import Opt
        >>> refiner, x = Opt(), torch.rand(3, 1, 2, 2)
        >>> refiner.gan = Gan(torch.nn.Unflatten(1, (1, 2, 2)), None, Normal(4), (1, 2, 2))  # a code is four pixels
        >>> refiner.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 0, 300, timeout=60.0), seed=1)
        >>> torch.allclose(refiner.refine(x, torch.zeros(3, 4)), x.flatten(1), atol=1e-3)
        True
    """

    optimises: ClassVar[tuple[str, ...]] = ("mse", "psnr")

    learning_rate: float = 0.01

    def refine(self, x: Tensor, codes: Tensor) -> Tensor:
        """Return codes ``[B, d]`` after the steps."""
        return descend(
            "opt",
            codes,
            loss=lambda z: pixel_error(x, self.gan.decode(z)),
            optimizer=lambda moved: torch.optim.Adam(moved, lr=self.learning_rate),
            steps=self.run.budget.refine_steps,
            run=self.run,
        )
