"""The hinge loss of SAGAN and BigGAN."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from bench.gans.objectives.base import Critic, Objective


class Hinge(Objective):
    """Margins of one around zero for the discriminator, raw logits for the generator (Lim and Ye 2017)."""

    def discriminator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))."""
        return relu(1 - critic(real)).mean() + relu(1 + critic(fake)).mean()

    def generator_loss(self, critic: Critic, fake: Tensor) -> Tensor:
        """-E D(G(z))."""
        return -critic(fake).mean()
