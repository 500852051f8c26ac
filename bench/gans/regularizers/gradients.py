"""Penalties on the discriminator's gradient with respect to its input."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from bench.gans.objectives.base import Critic
from bench.gans.regularizers.base import Regularizer, input_gradient


class ZeroCentred(Regularizer):
    """(γ/2) E‖∇D(x)‖² on real images: R1 (Mescheder et al. 2018, equation 9; dfi's "0GP").

    Args:
        gamma: γ.
    """

    def __init__(self, gamma: float) -> None:
        self.gamma = gamma

    def penalty(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """Return the mean over the batch."""
        return self.gamma / 2 * input_gradient(critic, real).square().sum(1).mean()


class UnitNorm(Regularizer):
    """weight · E(‖∇D(x̂)‖ - 1)², x̂ uniform on lines between real and fake images (Gulrajani et al. 2017, eq. 3).

    Args:
        weight: λ in the paper.
    """

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def begin(self, progress: float, rng: Generator) -> None:
        """Keep the random generator."""
        self._rng = rng

    def penalty(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """Return the mean over the batch, with one point for each pair."""
        share = torch.rand((len(real), 1, 1, 1), generator=self._rng, device=real.device, dtype=real.dtype)
        between = torch.lerp(real, fake, share)
        norms: Tensor = input_gradient(critic, between).norm(dim=1)
        return self.weight * (norms - 1).square().mean()
