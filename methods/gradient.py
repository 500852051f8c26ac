"""Gradient inversion: a search of the latent space for each image, without training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from bench.core.errors import NotApplicable
from bench.core.registry import method
from bench.core.types import Capacity, Inverter
from bench.gans.priors import image_noise
from methods.gradient_descent import descend, pixel_error


@method("gradient")
@dataclass
class Gradient(Inverter):
    """Gradient descent from a random code with RMSprop (creswell, algorithm 1).

    The loss of an image is its reconstruction error minus ``beta`` times the mean log density of its coordinates.
    Under a uniform prior that term is constant, and codes are clipped to the support after each step.

    Attributes:
        rec: "bce", the cross-entropy of pixels mapped to [0, 1] (the paper), or "mse" in [-1, 1] (the authors' code).
        beta: weight of the prior's log density.
        learning_rate: RMSprop's step size.
        space: space of the search: the GAN's own "z", or "w" or "w+" of a generator with styles.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget, Gan
        >>> from bench.gans.priors import Normal
        >>> from methods.gradient import Gradient
        >>> method, x = Gradient(rec="mse", beta=2.0, learning_rate=0.02), torch.rand(3, 1, 2, 2)
        >>> method.gan = Gan(torch.nn.Unflatten(1, (1, 2, 2)), None, Normal(4), (1, 2, 2))  # a code is four pixels
        >>> method.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 300, 0, timeout=60.0), seed=1)
        >>> torch.allclose(method.invert(x), x.flatten(1) / 2, atol=0.05)  # mean (x - z)^2 + z^2 is least at x / 2
        True
    """

    optimises: ClassVar[tuple[str, ...]] = ("mse", "psnr")

    rec: Literal["bce", "mse"] = "bce"
    beta: float = 0.01
    learning_rate: float = 0.01
    space: Literal["z", "w", "w+"] = "z"

    @property
    def capacity(self) -> Capacity:
        """Return the space of the search."""
        return self.space

    def build(self) -> None:
        """Refuse cross-entropy for data that are not pixels."""
        if self.rec == "bce" and self.gan.image_shape[1:] == (1, 1):
            raise NotApplicable("gradient with rec = 'bce' needs pixels in [-1, 1]; use rec = 'mse' for points")

    def invert(self, x: Tensor) -> Tensor:
        """Codes ``[B, d]`` after ``budget.search_steps`` steps."""
        prior = self.gan.prior
        return descend(
            "gradient",
            prior.from_uniform(image_noise(x, self.run.seed, prior.dim)),
            loss=lambda z: self.loss(x, z),
            optimizer=lambda moved: torch.optim.RMSprop(moved, lr=self.learning_rate),
            steps=self.run.budget.search_steps,
            run=self.run,
            project=prior.project,
        )

    def loss(self, x: Tensor, z: Tensor) -> Tensor:
        """Loss ``[B]`` of codes ``[B, d]`` for images ``[B, C, H, W]`` (creswell, equation 5)."""
        images = self.gan.decode(z)
        error = cross_entropy(x, images) if self.rec == "bce" else pixel_error(x, images)
        return error - self.beta * self.gan.prior.log_prob(z) / z.shape[1]


def cross_entropy(x: Tensor, images: Tensor) -> Tensor:
    """Mean binary cross-entropy of each image ``[B]``: pixels mapped to [0, 1], outputs kept 1e-6 inside."""
    target, output = (x + 1) / 2, ((images + 1) / 2).clamp(1e-6, 1 - 1e-6)
    return binary_cross_entropy(output, target, reduction="none").flatten(1).mean(1)
