"""Recovery errors of linear generators, which are least-squares residuals; chunks, and searches that are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from bench.core.errors import BenchError, ContractError, UnknownName
from bench.core.types import ComponentSpec, Gan, Images
from bench.gans.priors import Normal
from bench.overfit import recovery as module
from bench.overfit.recovery import Search, open_search


def residuals(gan, images):
    """The least error of each image, by NumPy."""
    basis = gan.generator.weight.T.double().numpy()
    targets = images.floats(slice(None)).flatten(1).double().numpy().T
    codes = np.linalg.lstsq(basis, targets, rcond=None)[0]
    return np.square(basis @ codes - targets).mean(0)


def test_errors_are_least_squares_residuals(recovery, honest, real):
    found = recovery(honest, method=ComponentSpec("lbfgs")).recover({"test": real.test})[
        "test"
    ]  # plain pixels, no stretch
    assert found.errors == pytest.approx(residuals(honest, real.test), rel=1e-3)
    assert found.errors.min() > 0.01


def test_a_memoriser_knows_its_training_images(recovery, memoriser, real):
    found = recovery(memoriser).recover({"train": real.train, "test": real.test})
    assert found["train"].errors.max() < 1e-6 < found["test"].errors.min()
    assert found["train"].log_prob == pytest.approx(
        -0.5 * (np.square(found["train"].codes).sum(1) + 40 * np.log(2 * np.pi)), rel=1e-4
    )


def test_finished_chunks_are_read_and_more_images_change_nothing(recovery, honest, real, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 10)
    few = recovery(honest).recover({"test": real.test.take(slice(0, 20))})["test"]
    ask, asked = recovery(honest), []
    invert = ask.method.invert
    monkeypatch.setattr(ask.method, "invert", lambda x: asked.append(len(x)) or invert(x))
    more = ask.recover({"test": real.test.take(slice(0, 35))})["test"]
    assert asked == [10, 5]
    assert np.array_equal(more.errors[:20], few.errors)


def test_another_search_or_seed_is_measured_anew(recovery, honest):
    identities = {recovery(honest, steps, seed=seed)._identity for steps, seed in ((5, 0), (6, 0), (5, 1))}
    assert len(identities) == 3
    assert recovery(honest, 6).at(5)._identity == recovery(honest, 5)._identity


class Stretched(nn.Module):
    """G(z) = W (psi z), where psi is no weight."""

    def __init__(self, weight, psi):
        super().__init__()
        self.register_buffer("weight", weight)
        self.psi = psi

    def forward(self, z):
        return (self.psi * z @ self.weight).reshape(-1, 1, 8, 8).clamp(-1.0, 1.0)


def test_another_generator_of_the_same_weights_is_measured_anew(recovery, known, real):
    one, other = (Gan(Stretched(known, psi), None, Normal(40), (1, 8, 8)).freeze() for psi in (1.0, 0.5))
    assert one.checksum() == other.checksum()
    codes = [recovery(gan, 100).recover({"train": real.train})["train"].codes for gan in (one, other)]
    assert codes[1] == pytest.approx(2 * codes[0], abs=0.02)
    assert np.abs(codes[0]).max() > 1


def test_progress_counts_images(recovery, honest, real):
    seen, ask = [], recovery(honest, steps=2)
    ask.progress = lambda what, done, total, figures: seen.append((done, total))
    ask.recover({"train": real.train, "test": real.test})
    assert seen[-1] == (100, 100)
    assert seen == sorted(seen)


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.ones(2, 4))

    def forward(self, z):
        return (z @ self.weight).reshape(-1, 1, 2, 2) * torch.nan


def test_nan_is_named(recovery):
    gan = Gan(Broken(), None, Normal(2), (1, 2, 2)).freeze()
    images = Images(torch.zeros(3, 1, 2, 2, dtype=torch.uint8))
    with pytest.raises(ContractError, match="NaN or infinite pixels for the codes of 3 test images"):
        recovery(gan, method=ComponentSpec("random_code")).recover({"test": images})


def test_images_of_another_size_are_refused(recovery, honest):
    with pytest.raises(BenchError, match=r"expected \(1, 8, 8\) as the generator's"):
        recovery(honest).recover({"test": Images(torch.zeros(2, 1, 4, 4, dtype=torch.uint8))})


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("dfi", BenchError, "is trained on"),
        ("lbfsg", UnknownName, "did you mean 'lbfgs'"),
    ],
)
def test_searches_that_say_nothing_of_a_generator(name, error, text):
    with pytest.raises(error, match=text):
        open_search(ComponentSpec(name))


def test_the_default_search_is_stated():
    assert Search().facts() == {"method": "lbfgs", "options": {"stretch": 0.9}, "steps": 400, "seed": 0}
