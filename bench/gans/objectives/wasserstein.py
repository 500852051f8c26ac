"""The critic's loss of Wasserstein GANs; it needs a regularizer that keeps the critic Lipschitz."""

from __future__ import annotations

from torch import Tensor

from bench.gans.objectives.base import Critic, Objective


class Wasserstein(Objective):
    """Difference of mean logits (Arjovsky et al. 2017, equation 2), as losses."""

    def discriminator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """E D(G(z)) - E D(x)."""
        return critic(fake).mean() - critic(real).mean()

    def generator_loss(self, critic: Critic, fake: Tensor) -> Tensor:
        """-E D(G(z))."""
        return -critic(fake).mean()
