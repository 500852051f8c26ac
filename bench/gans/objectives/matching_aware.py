"""The loss of conditional GANs whose discriminator learns from wrong conditions."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from bench.gans.objectives.base import Critic, Objective


class MatchingAware(Objective):
    """Cross-entropy; a real image with another image's condition counts as fake (GAN-CLS, Reed et al. 2016).

    Attributes:
        right: conditions ``[B, y]`` of the real images; the trainer sets all three for each batch.
        wrong: conditions of other real images.
        drawn: conditions of the generated images.
    """

    right: Tensor
    wrong: Tensor
    drawn: Tensor

    def discriminator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """-log D(x, y) - ½ log(1 - D(x, wrong y)) - ½ log(1 - D(G(z, y'), y')), averaged; three batches."""
        mismatched = softplus(critic(real, self.wrong)).mean()
        generated = softplus(critic(fake, self.drawn)).mean()
        return softplus(-critic(real, self.right)).mean() + 0.5 * (mismatched + generated)

    def generator_loss(self, critic: Critic, fake: Tensor) -> Tensor:
        """-log D(G(z, y'), y'), averaged."""
        return softplus(-critic(fake, self.drawn)).mean()
