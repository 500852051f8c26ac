"""GANs that are closed forms, and images to be changed with them; nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from bench.applications.request import ApplicationRequest
from bench.applications.subject import InversionSession
from bench.core.run_context import RunContext
from bench.core.types import Budget, Cell, ComponentSpec, Dataset, Gan, Images, Inverter
from bench.gans.priors import Normal
from bench.gans.tiling import Tiling
from bench.harness.bound_method import BoundMethod, make_method
from bench.harness.context import HarnessContext
from bench.harness.keys import Keys
from bench.harness.store import Store

SIDE = 12
BUDGET = Budget("test", 0, 0, 0, 0, 0, 300, 20, 600.0)


class Identity(nn.Module):
    """A code is the pixels of its image."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, codes: Tensor) -> Tensor:
        return codes.view(len(codes), self.channels, SIDE, SIDE)


@dataclass
class Exact(Inverter):
    """The pixels of an image."""

    def invert(self, x: Tensor) -> Tensor:
        return x.flatten(1)


@pytest.fixture
def pictures():
    """``pictures(count, side)``: smooth random images in [-.8, .8], exact floats."""

    def make(count: int, side: int = SIDE, seed: int = 0) -> Tensor:
        rng = torch.Generator().manual_seed(seed)
        coarse = torch.rand(count, 1, 4, 4, generator=rng) * 1.6 - 0.8
        return nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")

    return make


@pytest.fixture
def subject(tmp_path, pictures):
    """``subject(images, ...)``: images, with the identity GAN and an exact method unless others are given."""

    def make(
        images: Images | Tensor | None = None,
        gan: Gan | None = None,
        method: Inverter | str | None = None,
        train: Images | None = None,
        **asked: object,
    ) -> InversionSession:
        images = images if images is not None else pictures(6)
        images = images if isinstance(images, Images) else Images(images)
        gan = gan or Gan(Identity(), None, Normal(SIDE * SIDE), (1, SIDE, SIDE))
        found = make_method(ComponentSpec(method)) if isinstance(method, str) else BoundMethod(method or Exact(), [])
        cell = Cell(ComponentSpec("made"), ComponentSpec("closed"), ComponentSpec("exact"), 0, BUDGET, ())
        train = train or Images(pictures(4, seed=1))
        data = Dataset("made", train, train, test=train)
        tiling = Tiling.fitting(gan.image_shape, images.shape)
        bench = HarnessContext(Store(tmp_path / "store"), "cpu")
        keys = Keys("t", "f", "i", "c")
        made = InversionSession(
            ApplicationRequest(**asked), bench, cell, keys, data, gan.freeze(), found, images, "made images", tiling
        )
        found.bind(gan, RunContext(BUDGET, 0))
        found.base.build()
        return made

    return make
