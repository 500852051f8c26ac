"""Check of a stranger's method within a run: on the suite's GAN, under its budget, on a sample of its test images."""

from __future__ import annotations

from functools import partial
from typing import get_args

import torch
from torch import Tensor

from bench.core.errors import ContractError
from bench.core.run_context import silent
from bench.core.types import Capacity, Cell, Gan
from bench.harness.bound_method import BoundMethod, checked_codes
from bench.harness.clock import timed
from bench.harness.context import HarnessContext, load_data, open_run
from bench.harness.coupling import coupling, repeats
from bench.harness.fit_stage import built, restore, state_of
from bench.harness.guard import guarded
from bench.harness.keys import Keys

SAMPLE = 8
"""Images whose codes are compared, with as many companions in their batch."""


def check_in_run(bench: HarnessContext, cell: Cell, keys: Keys, method: BoundMethod, gan: Gan) -> None:
    """Check a fitted method of a plug-in.

    Raises:
        ContractError: the method fails; names the check and the reason.
    """
    run = open_run(bench, cell, keys.invert, "invert")
    run.checkpoint, run.progress = None, silent
    method.bind(gan, run)
    sample, *companions = _images(bench, cell)

    def invert(bound: BoundMethod, images: Tensor) -> Tensor:
        run.reseed()
        with guarded(bench, "invert", gan):
            return checked_codes(bound.invert(images), images, bound.view).detach()

    with timed(bench.clock, "check", cell.budget.timeout, bench.device):
        if method.spaces[-1] not in get_args(Capacity):
            raise ContractError(
                f"the method's capacity {method.spaces[-1]!r} should be one of {', '.join(get_args(Capacity))}"
            )
        plain = partial(invert, method)
        copy = built(bench, cell, gan, run)
        scramble(copy)
        restore(bench, copy, state_of(bench, method))
        faults = {
            "gives other codes for the same images from the same seed": repeats(plain, plain, sample),
            "does not invert each image on its own": coupling(plain, sample, *companions),
            "gives other codes after state() and load_state()": repeats(plain, partial(invert, copy), sample),
        }
    for what, fault in faults.items():
        if fault:
            raise ContractError(f"the method {what}: {fault}")


def scramble(method: BoundMethod) -> None:
    """Change the weights of a built method's networks, so that a state which is not loaded shows."""
    for network in method.base.networks().values():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.data.add_(1.0)


def _images(bench: HarnessContext, cell: Cell) -> list[Tensor]:
    """Return the sample, and two sets of companions; few test images are repeated."""
    test = load_data(bench, cell).test.first(cell.budget.test_images)
    rows = (torch.arange(3 * SAMPLE) % len(test)).to(test.data.device)
    return [part.to(bench.device) for part in test.floats(rows).split(SAMPLE)]
