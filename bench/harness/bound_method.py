"""Inverter and refiners as one method, with checks of its return values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.core.errors import ContractError
from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Capacity, Cell, ComponentSpec, Gan, Inverter, Refiner
from bench.gans.latent_spaces import in_latent_space


@dataclass
class BoundMethod:
    """An inverter followed by refiners."""

    base: Inverter
    refiners: list[Refiner]

    @property
    def parts(self) -> list[Inverter | Refiner]:
        """The inverter, then its refiners."""
        return [self.base, *self.refiners]

    @property
    def spaces(self) -> list[Capacity]:
        """Latent spaces of the codes after each part, the inverter's first."""
        return [part.capacity for part in self.parts if part.capacity is not None]

    def bind(self, gan: Gan, run: RunContext) -> None:
        """Bind every part to the run and to the GAN in the part's own latent space.

        Raises:
            NotApplicable: the GAN does not have that latent space.
        """
        for part in self.parts:
            gan = gan if part.capacity is None else in_latent_space(gan, part.capacity)
            part.gan, part.run = gan, run

    def invert(self, x: Tensor) -> Tensor:
        """Return codes ``[B, d]`` of images in [-1, 1]: those of the inverter, refined by each refiner in turn."""
        before: Inverter | Refiner = self.base
        codes = self.base.invert(x)
        for refiner in self.refiners:
            codes = refiner.refine(x, checked_codes(codes, x, before.gan))
            before = refiner
        return codes

    @property
    def view(self) -> Gan:
        """The GAN in the latent space of the codes that ``invert`` returns."""
        return self.parts[-1].gan

    @property
    def optimises(self) -> list[str]:
        """Metrics that any part minimises directly."""
        return sorted({name for part in self.parts for name in part.optimises})


def open_method(cell: Cell) -> BoundMethod:
    """Build a cell's method from its options.

    Raises:
        UnknownName: method, refiner or option unknown.
        ContractError: a plug-in cannot be imported.
    """
    return make_method(cell.method)


def view_of(gan: Gan, facts: Mapping[str, Any]) -> Gan:
    """Return a GAN in the latent space of stored codes.

    Args:
        gan: the GAN.
        facts: facts of the inversion: ``spaces`` as in ``BoundMethod``; older ones only contain ``capacity``.
    """
    for space in facts.get("spaces", [facts["capacity"]]):
        gan = in_latent_space(gan, space)
    return gan


def make_method(choice: ComponentSpec) -> BoundMethod:
    """Build a method, ``name`` or ``name+refiner``, from its options; see ``open_method``."""
    name, *refiners = choice.name.split("+")
    options = {k: v for k, v in choice.options.items() if k not in refiners}
    base = create("method", name, options)
    if not isinstance(base, Inverter):
        raise ContractError(f"method '{name}' is not an Inverter (bench.core.types)")
    return BoundMethod(base, [create("refiner", r, choice.options.get(r, {})) for r in refiners])


def checked_codes(codes: Any, x: Tensor, gan: Gan) -> Tensor:
    """Return the codes after checking the contract: ``[B, d]`` float32, finite.

    Raises:
        ContractError: the contract is violated; the message states the actual and the expected value.
    """
    expected = (len(x), gan.code_dim)
    if not isinstance(codes, Tensor):
        raise ContractError(f"invert returned {type(codes).__name__}, expected a tensor of codes {list(expected)}")
    if codes.shape == x.shape and codes.dim() == 4:
        raise ContractError(f"invert returned images {list(codes.shape)}, expected codes {list(expected)}")
    if tuple(codes.shape) != expected:
        raise ContractError(f"invert returned shape {list(codes.shape)}, expected codes {list(expected)}")
    if codes.dtype != torch.float32:
        raise ContractError(f"invert returned {codes.dtype}, expected torch.float32 codes")
    bad = ~torch.isfinite(codes).all(1)
    if bad.any():
        first = int(bad.nonzero()[0])
        raise ContractError(
            f"invert returned NaN or infinite codes for {int(bad.sum())} of {len(x)} images (first: {first})"
        )
    return codes


def check_untouched(gan: Gan, before: str, stage: str) -> None:
    """Check that the GAN's checksum is the same as before a stage.

    Raises:
        ContractError: the method changed the weights.
    """
    if gan.checksum() != before:
        raise ContractError(f"the method changed the GAN's weights during {stage}")


def batch_size(gan: Gan) -> int:
    """Return the number of images per batch: 500 at 28x28, fewer for larger images, so that search fits in memory."""
    _, height, width = gan.image_shape
    return max(16, min(500, 400_000 // (height * width)))
