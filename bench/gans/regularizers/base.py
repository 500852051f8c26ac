"""Base class of regularizers; the class itself has no effect, and is the default."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from bench.gans.objectives.base import Critic


class Regularizer:
    """A regularizer of the discriminator; subclasses override the methods that they need."""

    def begin(self, progress: float, rng: Generator) -> None:
        """Called before each step with the share of the training done, in [0, 1), and the random generator."""

    def view(self, images: Tensor) -> Tensor:
        """Return the discriminator's input for images ``[B, C, H, W]``, real or generated; differentiable."""
        return images

    def penalty(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor | None:
        """Return a scalar for the discriminator's loss, or None; ``fake`` carries no gradient to the generator."""
        return None

    def after_update(self, discriminator: nn.Module) -> None:
        """Called after each update of the discriminator."""


def input_gradient(critic: Critic, images: Tensor) -> Tensor:
    """Return the gradient of the summed logits at each image, flattened to ``[B, CHW]``; itself differentiable.

    With batch norm, the logit of an image depends on the batch; the gradient is then that of the whole sum.
    """
    images = images.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    return gradient.flatten(1).float()
