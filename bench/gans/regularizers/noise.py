"""Instance noise."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from bench.gans.regularizers.base import Regularizer


class InstanceNoise(Regularizer):
    """Normal noise on every image that the discriminator sees, real or generated (creswell, section V).

    Its standard deviation falls from ``first`` to ``last`` along the training, in equal steps of its logarithm.

    Args:
        first: standard deviation at the start, for images in [-1, 1].
        last: at the end.
    """

    def __init__(self, first: float, last: float) -> None:
        self.first, self.last = first, last

    def begin(self, progress: float, rng: Generator) -> None:
        """Set this step's standard deviation."""
        self.sigma: float = self.first * (self.last / self.first) ** progress
        self._rng = rng

    def view(self, images: Tensor) -> Tensor:
        """The images with fresh noise; may leave [-1, 1]."""
        noise = torch.randn(images.shape, generator=self._rng, device=images.device)
        return images + self.sigma * noise
