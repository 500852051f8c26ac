"""Generator calls, counted by the harness at the generator's last module, whichever way a method calls it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn

from bench.core.types import Gan


class CallCounter:
    """Counts the images that a generator makes, also through ``gan.generator`` and copies of it.

    A method's own count (``gan.calls``) is used where it is larger: derivatives along many directions are one pass
    through the modules. A method that computes with the weights alone is not counted.

    Args:
        gan: the GAN in its own latent space; two images of it are made to find the last module.
    """

    def __init__(self, gan: Gan) -> None:
        self.gan = gan
        self._rows, self._per_image, self._calls = 0.0, 1.0, gan.calls
        last = self._last_module()
        self._handle = None if last is None else last.register_forward_pre_hook(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copies of the generator are counted by the same counter."""
        return self

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Count the rows of a batch on its way through the module."""
        self._rows += _rows(inputs)

    @property
    def total(self) -> int:
        """Number of images since the counter was made."""
        return max(self.gan.calls - self._calls, round(self._rows / self._per_image))

    def remove(self) -> None:
        """Take the counter off the generator."""
        if self._handle is not None:
            self._handle.remove()

    @torch.no_grad()
    def _last_module(self) -> nn.Module | None:
        order: list[nn.Module] = []
        rows: dict[int, int] = {}

        def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            order.append(module)
            rows[id(module)] = rows.get(id(module), 0) + _rows(inputs)

        python = [m for m in self.gan.generator.modules() if not isinstance(m, torch.jit.ScriptModule)]
        handles = [module.register_forward_pre_hook(note) for module in python]
        device = next((p.device for p in self.gan.generator.parameters()), torch.device("cpu"))
        rng = torch.Generator(device).manual_seed(0)
        try:
            with torch.random.fork_rng([device] if device.type == "cuda" else []):  # a generator may draw noise
                self.gan.generator(self.gan.prior.sample(2, rng))
        finally:
            for handle in handles:
                handle.remove()
        if not order or not rows[id(order[-1])]:
            return None
        self._per_image = rows[id(order[-1])] / 2
        return order[-1]


@contextmanager
def counted(gan: Gan) -> Iterator[CallCounter]:
    """Count the generator calls of a block."""
    counter = CallCounter(gan)
    try:
        yield counter
    finally:
        counter.remove()


def _rows(inputs: tuple[Any, ...]) -> int:
    return next((len(each) for each in inputs if isinstance(each, Tensor) and each.dim()), 0)
