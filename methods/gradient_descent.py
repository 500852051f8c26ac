"""Gradient descent for searches: each image's code is moved to lower that image's own loss."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from bench.core.errors import CellTimeout
from bench.core.run_context import RunContext

Loss = Callable[[Tensor], Tensor]
"""From codes ``[B, d]`` to one loss for each ``[B]``."""


def descend(
    what: str,
    codes: Tensor,
    loss: Loss,
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer],
    steps: int,
    run: RunContext,
    project: Loss | None = None,
) -> Tensor:
    """Take gradient steps on the sum of the losses; images do not influence each other.

    With the sum (not the mean) and an element-wise optimizer, a batch has the same result as its images one at a time
    (creswell, section II-A). An image whose code is no longer finite keeps its last finite one; the run counts
    such images and warns (``ImagesDiverged``).

    Args:
        what: name for the progress.
        codes: starting codes ``[B, d]``.
        loss: one loss for each code.
        optimizer: creates an element-wise optimizer (Adam, RMSprop ...) of a list of tensors.
        steps: number of steps.
        run: deadline and progress.
        project: applied to the codes after each step.

    Returns:
        The last codes ``[B, d]``.

    Raises:
        CellTimeout: the deadline passed.
    """
    z = codes.detach().clone().requires_grad_(True)
    mover, kept = optimizer([z]), codes.detach().clone()
    lost = torch.zeros(len(z), dtype=torch.bool, device=z.device)
    for step in range(steps):
        if time.monotonic() > run.deadline:
            raise CellTimeout(f"{what}: out of time at step {step} of {steps} (limit {run.budget.timeout:g} s)")
        with torch.enable_grad():
            losses = loss(z)
            (z.grad,) = torch.autograd.grad(losses.sum(), z)
        mover.step()
        with torch.no_grad():
            if project is not None:
                z.copy_(project(z))
            lost |= ~z.isfinite().all(1)
            kept = torch.where(lost[:, None], kept, z)
            z.copy_(kept)
        if step % 50 == 49 or step == steps - 1:
            run.progress(what, step + 1, steps, {"loss": float(losses.detach()[~lost].mean())})
    run.count_diverged(what, lost)
    return kept


def pixel_error(x: Tensor, images: Tensor) -> Tensor:
    """Mean squared error of each image ``[B]``, over channels and pixels in [-1, 1]."""
    return (x - images).square().flatten(1).mean(1)
