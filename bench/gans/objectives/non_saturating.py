"""The loss of the first GAN, in the form whose gradient for the generator does not vanish."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from bench.gans.objectives.base import Critic, Objective


class NonSaturating(Objective):
    """Binary cross-entropy; the generator maximises log D(G(z)) (Goodfellow et al. 2014, section 3)."""

    def discriminator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """-log D(x) - log(1 - D(G(z))), averaged; real and fake images are two batches for batch norm."""
        return softplus(-critic(real)).mean() + softplus(critic(fake)).mean()

    def generator_loss(self, critic: Critic, fake: Tensor) -> Tensor:
        """-log D(G(z)), averaged."""
        return softplus(-critic(fake)).mean()
