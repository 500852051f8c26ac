"""Optimizers of all trainings."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def adam(parameters: Iterable[nn.Parameter], learning_rate: float, betas: tuple[float, float]) -> torch.optim.Adam:
    """Adam with fused updates: one pass over the weights, the same bits on every run."""
    return torch.optim.Adam(parameters, lr=learning_rate, betas=betas, fused=True)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step of the optimizer on a loss, from cleared gradients."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
