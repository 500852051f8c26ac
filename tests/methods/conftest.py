import dataclasses

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import interpolate

from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, FitData, Gan, Images
from bench.gans.dcgan import DCGAN
from bench.gans.priors import Normal
from bench.gans.training import train_gan

BUDGET = Budget("tiny", 0, 0, 0, 150, 150, 60, 20, 600.0)


@pytest.fixture(scope="session")
def digits() -> FitData:
    """Scikit-learn's 8 x 8 digits at 28 x 28: 1500 to learn from, 64 to invert (called ``val`` here)."""
    pixels = torch.tensor(load_digits().images).float()[:, None] * (255 / 16)
    data = interpolate(pixels, size=(28, 28), mode="bilinear").round().byte()
    return FitData("digits", Images(data[:1500]), Images(data[1500:1564]))


@pytest.fixture(scope="session")
def trained(digits) -> Gan:
    recipe = DCGAN(width=4, code_dim=6, batch=32, learning_rate=2e-3)
    return train_gan(recipe, digits.train, RunContext(BUDGET, 0))


@pytest.fixture(scope="session")
def made(trained) -> FitData:
    """Images that the GAN made: an image loss can reach zero on them, whatever the tiny GAN cannot draw."""
    with torch.no_grad():
        images = trained.decode(trained.prior.sample(1000, torch.Generator().manual_seed(6)))
    return FitData("made", Images(images), Images(images))


@pytest.fixture
def own(trained) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes and the images that the GAN makes of them."""
    codes = trained.prior.sample(64, torch.Generator().manual_seed(5))
    with torch.no_grad():
        return codes, trained.decode(codes)


class Linear(nn.Module):
    """x = A z + b as a 1 x 4 x 4 image: the generator whose inversion has a closed form."""

    def __init__(self) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.register_buffer("a", torch.linalg.qr(torch.randn(16, 3, generator=rng)).Q * 2)
        self.register_buffer("b", torch.randn(16, generator=rng) * 0.1)

    def forward(self, z):
        return (z @ self.a.T + self.b).view(-1, 1, 4, 4)

    def solve(self, x):
        """Least squares."""
        return torch.linalg.lstsq(self.a, (x.flatten(1) - self.b).T).solution.T


@pytest.fixture
def linear() -> Gan:
    return Gan(Linear(), None, Normal(3), (1, 4, 4))


@pytest.fixture
def ready():
    """``ready(name, gan, seed=1, steps..., **options)``: a method or refiner, bound and built."""

    def make(name, gan, seed=1, kind="method", budget=None, **options):
        part = create(kind, name, options)
        part.gan, part.run = gan, RunContext(dataclasses.replace(BUDGET, **(budget or {})), seed)
        if kind == "method":
            part.build()
        return part

    return make


@pytest.fixture
def error():
    """``error(gan, codes, x)``: mean squared error of each image."""

    def measure(gan, codes, x):
        with torch.no_grad():
            return (gan.decode(codes) - x).square().flatten(1).mean(1)

    return measure
