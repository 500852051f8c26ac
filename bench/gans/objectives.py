"""GAN objectives: what the discriminator and the generator minimise, one small class each."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn.functional import softplus


class Objective(ABC):
    """The two losses of a GAN, as scalars. They are given the discriminator, so a penalty may look inside it."""

    @abstractmethod
    def discriminator_loss(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Loss of the discriminator on images ``[B, C, H, W]``; ``fake`` carries no gradient to the generator."""

    @abstractmethod
    def generator_loss(self, discriminator: nn.Module, fake: Tensor) -> Tensor:
        """Loss of the generator on the images that it made."""


class NonSaturating(Objective):
    """Binary cross-entropy; the generator maximises log D(G(z)) (Goodfellow et al. 2014, section 3)."""

    def discriminator_loss(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """-log D(x) - log(1 - D(G(z))), averaged; real and fake images are two batches for batch norm."""
        return softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()

    def generator_loss(self, discriminator: nn.Module, fake: Tensor) -> Tensor:
        """-log D(G(z)), averaged."""
        return softplus(-discriminator(fake)).mean()
