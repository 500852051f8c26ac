"""The suite ``backbones`` at its smallest budget: every registered GAN, at every size that it supports."""

from __future__ import annotations

import numpy as np
import pytest

from bench.core.errors import NotApplicable
from bench.core.options import create
from bench.core.registry import entries
from bench.core.types import Shape
from bench.harness.runner import run_cells
from bench.harness.suite import open_suite

SIDES = (28, 32, 64, 128)
WITHOUT_DFI = {"cgan": "condition", "vae": "no discriminator"}
"""GANs whose discriminator gives dfi no features, and a word of the reason."""
BUILT_IN = [name for name, entry in entries("gan").items() if entry.origin == "built in"]
TINY = {"width": 4, "code_dim": 4, "batch": 4}
MORE = {"cgan": {"conditions": 2}, "ali": {"pair_width": 16}, "alice": {"pair_width": 16}}


def supported(name: str) -> set[int]:
    """Sides for which the GAN builds networks, 1 for points."""
    given = {"options": TINY} if name == "tiled" else TINY | MORE.get(name, {})
    found = set()
    for side in (1, *SIDES):
        shape: Shape = (2, 1, 1) if side == 1 else (3, side, side)
        try:
            create("gan", name, given).build(shape, "cpu")
        except NotApplicable:
            continue
        found.add(side)
    return found


def side_of(dataset: str, options) -> int:
    return 1 if dataset == "gaussians8" else int(options.get("side", 28))


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_gan_takes_part_at_every_size_that_it_supports(name):
    cells = [c for c in open_suite("backbones").cells("smoke") if c.gan.name == name]
    sides = {side_of(c.dataset.name, c.dataset.options) for c in cells}
    assert sides == supported(name)


def test_every_cell_is_of_one_of_these():
    assert {cell.gan.name for cell in open_suite("backbones").cells("smoke")} <= set(BUILT_IN)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_backbone_trains_and_is_inverted(name):
    cells = [cell for cell in open_suite("backbones").cells("smoke") if cell.gan.name == name]
    for cell, record in zip(cells, run_cells(cells), strict=True):
        place = f"{cell.dataset.title}, {cell.gan.title}, {cell.method.title}: {record.status}: {record.reason}"
        if cell.method.name == "dfi" and cell.gan.name in WITHOUT_DFI:
            assert record.status == "not applicable", place
            assert WITHOUT_DFI[cell.gan.name] in record.reason, place
            continue
        assert record.status == "done", place
        assert np.isfinite(record.metrics["own"]["code_mse"]["value"]), place
        if cell.dataset.name == "gaussians8":
            assert "points" in record.skipped["test/psnr"], place
            continue
        assert {"psnr", "ssim", "mse", "mae"} <= record.metrics["test"].keys(), place
        network = "lpips@fashion-mnist-cnn"
        assert (network in record.metrics["test"]) == (cell.dataset.title == "digits-28"), place
        assert network in record.metrics["test"] or "28x28x1" in record.skipped[f"test/{network}"], place
