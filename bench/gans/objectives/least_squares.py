"""LSGAN's loss."""

from __future__ import annotations

from torch import Tensor

from bench.gans.objectives.base import Critic, Objective


class LeastSquares(Objective):
    """Squared distance of the raw logit to 1 for real and 0 for fake images (Mao et al. 2017, equation 9)."""

    def discriminator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """½ (D(x) - 1)² + ½ D(G(z))², averaged."""
        return 0.5 * (critic(real) - 1).square().mean() + 0.5 * critic(fake).square().mean()

    def generator_loss(self, critic: Critic, fake: Tensor) -> Tensor:
        """½ (D(G(z)) - 1)², averaged."""
        return 0.5 * (critic(fake) - 1).square().mean()
