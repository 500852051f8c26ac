"""Denoising feature matching (Warde-Farley and Bengio 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, softplus

from bench.core.run_context import Stateful
from bench.core.types import Gan
from bench.gans.networks import Discriminator, xavier
from bench.gans.objectives.base import Critic, Objective, OptimizerOptions
from bench.gans.optimizers import adam, descend


class DenoisingFeatureMatching(Objective):
    """Cross-entropy, and for the generator the distance of its features to a denoiser's output.

    The denoiser r is trained to recover φ(x) of real images from φ(x) + N(0, σ²). The generator's loss has a further
    term, ``weight`` times mean (φ(G(z)) - r(φ(G(z))))², where r's output is a target without gradient (section 3 of
    the paper). φ are the discriminator's flattened last activations.

    Args:
        weight: weight of the denoiser's term.
        sigma: standard deviation of the noise on the features.
        depth: fully connected layers of the denoiser, each with batch norm and LReLU, the last one plain.
    """

    def __init__(self, weight: float, sigma: float, depth: int) -> None:
        self.weight, self.sigma, self.depth = weight, sigma, depth

    def prepare(self, gan: Gan, recipe: OptimizerOptions) -> None:
        """Create the denoiser for the width of the GAN's features."""
        assert isinstance(gan.discriminator, Discriminator)
        self.discriminator = gan.discriminator
        device = next(gan.discriminator.parameters()).device
        with torch.no_grad():
            self.features = self.discriminator.trunk(torch.zeros(2, *gan.image_shape, device=device)).flatten(1)
        self.denoiser = make_denoiser(self.features.shape[1], self.depth).to(device).train()
        self.optimizer = adam(self.denoiser.parameters(), recipe.learning_rate, (recipe.beta1, recipe.beta2))

    def state(self) -> dict[str, Stateful]:
        """Return the denoiser and its optimizer."""
        return {"denoiser": self.denoiser, "denoiser_optimizer": self.optimizer}

    def discriminator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """Return the cross-entropy; the features of the real images are kept for the denoiser."""
        features = self.discriminator.trunk(real)
        self.features = features.detach().flatten(1).float()
        return softplus(-self.discriminator.logits(features)).mean() + softplus(critic(fake)).mean()

    def learn(self) -> None:
        """Update the denoiser once on the features that were kept."""
        noisy = self.features + self.sigma * torch.randn_like(self.features)
        descend(self.optimizer, mse_loss(self.denoiser(noisy).float(), self.features))

    def generator_loss(self, critic: Critic, fake: Tensor) -> Tensor:
        """Return the cross-entropy plus the denoiser's term, both from the same features."""
        features = self.discriminator.trunk(fake)
        flat = features.flatten(1).float()
        with torch.no_grad():
            target = self.denoiser(flat).float()
        return softplus(-self.discriminator.logits(features)).mean() + self.weight * mse_loss(flat, target)


def make_denoiser(width: int, depth: int) -> nn.Sequential:
    """Features ``[B, width]`` to features: [FC - BN - LReLU] x (depth - 1), then FC."""
    layers: list[nn.Module] = []
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.LeakyReLU(0.2)]
    return xavier(nn.Sequential(*layers, nn.Linear(width, width)))
