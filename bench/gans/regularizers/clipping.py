"""Weight clipping."""

from __future__ import annotations

import torch
from torch import nn

from bench.gans.regularizers.base import Regularizer


class WeightClipping(Regularizer):
    """Keep every parameter of the critic in [-limit, limit] (Arjovsky et al. 2017, algorithm 1).

    Args:
        limit: c in the paper.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit

    @torch.no_grad()
    def after_update(self, discriminator: nn.Module) -> None:
        """Clip in place."""
        for parameter in discriminator.parameters():
            parameter.clamp_(-self.limit, self.limit)
