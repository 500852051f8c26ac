"""What a regularizer may do in a step; the class itself does nothing, and is the default."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from bench.gans.objectives.base import Critic


class Regularizer:
    """Acts on the discriminator's side of a GAN's training; override what is needed."""

    def begin(self, progress: float, rng: Generator) -> None:
        """Told before each step which share of the training is done, in [0, 1), and where randomness comes from."""

    def view(self, images: Tensor) -> Tensor:
        """What the discriminator sees of images ``[B, C, H, W]``, real or generated; keeps their gradient."""
        return images

    def penalty(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor | None:
        """A scalar added to the discriminator's loss, or None; ``fake`` carries no gradient to the generator."""
        return None

    def after_update(self, discriminator: nn.Module) -> None:
        """Called after each update of the discriminator."""


def input_gradient(critic: Critic, images: Tensor) -> Tensor:
    """Gradient of the summed logits at each image, flattened to ``[B, CHW]``; differentiable itself.

    Networks with batch norm couple the images of a batch; the gradient is then that of the whole batch's sum.
    """
    images = images.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    return gradient.flatten(1).float()
