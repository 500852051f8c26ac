"""Instance noise."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from bench.gans.regularizers.base import Regularizer


class InstanceNoise(Regularizer):
    """Normal noise on every input image of the discriminator, real or generated (creswell, section V).

    The logarithm of its standard deviation falls linearly from ``first`` to ``last`` during the training.

    Args:
        first: standard deviation at the start, for images in [-1, 1].
        last: standard deviation at the end.
    """

    def __init__(self, first: float, last: float) -> None:
        self.first, self.last = first, last

    def begin(self, progress: float, rng: Generator) -> None:
        """Set this step's standard deviation."""
        self.sigma: float = self.first * (self.last / self.first) ** progress
        self._rng = rng

    def view(self, images: Tensor) -> Tensor:
        """Return the images with new noise; they may leave [-1, 1]."""
        noise = torch.randn(images.shape, generator=self._rng, device=images.device)
        return images + self.sigma * noise
