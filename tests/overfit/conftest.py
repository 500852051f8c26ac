"""Generators with known guilt that are linear, so that a recovery error is a least-squares residual."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from bench.core.types import Gan, Images
from bench.gans.priors import Normal
from bench.harness.store import Store
from bench.overfit.inputs import OpenedGan, Real
from bench.overfit.recovery import Recovery, Search

SIDE, DIM, COUNT = 8, 40, 60


class Span(nn.Module):
    """G(z) = W z: any image in the span of 40 others. Those of training images make it a memoriser."""

    def __init__(self, weight):
        super().__init__()
        self.register_buffer("weight", weight)

    def forward(self, z):
        return (z @ self.weight).reshape(-1, 1, 8, 8).clamp(-1.0, 1.0)


def pixels(count, seed):
    return torch.from_numpy(np.random.default_rng(seed).integers(64, 192, (count, 1, SIDE, SIDE), np.uint8))


def basis_of(images):
    """Rows ``[40, 64]`` that span the first 40 images, so short that samples stay within [-1, 1]."""
    rows = Images(images).floats(slice(0, DIM)).double().flatten(1)
    return (torch.linalg.qr(rows.T).Q.T / 4).float().contiguous()


def span_of(images):
    return Gan(Span(basis_of(images)), None, Normal(DIM), (1, SIDE, SIDE)).freeze()


@pytest.fixture(scope="session")
def known(real):
    """Weights of the memoriser."""
    return basis_of(real.train.data)


@pytest.fixture(scope="session")
def unknown():
    """Weights of the honest one."""
    return basis_of(pixels(DIM, 3))


@pytest.fixture(scope="session")
def real():
    return Real(Images(pixels(DIM, 1)), Images(pixels(COUNT, 2)), "noise")


@pytest.fixture(scope="session")
def memoriser(real):
    return span_of(real.train.data)


@pytest.fixture(scope="session")
def honest():
    return span_of(pixels(DIM, 3))


@pytest.fixture
def recovery(tmp_path):
    def make(gan, steps=40, **options):
        return Recovery(gan, Search(steps=steps, **options), Store(tmp_path / "store"))

    return make


@pytest.fixture
def opened():
    return lambda gan, title="a-gan", **facts: OpenedGan(gan, title, **facts)


@pytest.fixture
def folders(tmp_path, real):
    """Training and unseen images as folders of PNGs."""
    for name, images in (("seen", real.train), ("unseen", real.test)):
        (tmp_path / name).mkdir()
        for number, image in enumerate(images.data.numpy()):
            Image.fromarray(image[0]).save(tmp_path / name / f"{number:03}.png")
    return tmp_path / "seen", tmp_path / "unseen"


@pytest.fixture
def scripted(tmp_path):
    """Saves a generator as TorchScript, and says how it is called."""

    def save(module, name="gan.pt"):
        torch.jit.script(module).save(tmp_path / name)
        return f"checkpoint:{tmp_path / name}"

    return save


@pytest.fixture
def undrawn(monkeypatch):
    """Pages with an empty picture, which is drawn in a moment."""
    monkeypatch.setattr("bench.overfit.figure.draw", lambda e: Figure())
