"""The stages on a GAN that is a closed form: a code is the pixels of its image, and nothing is trained."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, replace

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.core import registry
from bench.core.errors import ContractError
from bench.core.types import Budget, Cell, ComponentSpec, Gan, Images
from bench.datasets.digits import Digits
from bench.gans.priors import Uniform
from bench.harness.context import HarnessContext
from bench.harness.fit_stage import fit
from bench.harness.invert_stage import invert as invert_and_store
from bench.harness.invert_stage import invert_images, own_images
from bench.harness.keys import Keys
from bench.harness.measure_stage import measure
from bench.harness.store import Store

BUDGET = Budget("test", 5, 7, 6, 0, 0, 0, 0, 60.0)
PIXELS = 28 * 28
METHODS = '''
import time
from dataclasses import dataclass

import torch
from torch import nn

from bench.core.registry import method
from bench.core.types import Inverter

fits = []


@method("pixels")
@dataclass
class Pixels(Inverter):
    """The pixels of an image, which are its code; learns the mean training image."""

    change: bool = False

    def build(self):
        self.mean = nn.Linear(1, 784, bias=False)

    def fit(self, data):
        fits.append((len(data.train), getattr(data, "test", None)))
        for _ in self.run.loop("mean", 3, {}):
            self.gan.decode(torch.zeros(1, 784))
        with torch.no_grad():
            self.mean.weight[:, 0] = data.train.floats(slice(None)).flatten(1).mean(0)
        if self.change:
            self.gan.generator.shift += 1

    def invert(self, x):
        self.gan.decode(torch.zeros(len(x), 784))
        return x.flatten(1)


@method("cut")
@dataclass
class Cut(Inverter):
    """Three steps of a generator call and some time each; the second is cut once."""

    def fit(self, data):
        self.run.checkpoint_seconds = 0.0
        for step in self.run.loop("cut", 3, {}):
            self.gan.decode(torch.zeros(10, 784))
            time.sleep(0.1)
            if step == 1 and len(fits) == 0:
                fits.append(step)
                raise RuntimeError("cut")

    def invert(self, x):
        return x.flatten(1)


@method("means")
@dataclass
class Means(Pixels):
    """The mean training image, whatever the image."""

    def invert(self, x):
        return self.mean.weight[:, 0].expand(len(x), -1).clone()
'''
numbers = itertools.count()


class Identity(nn.Module):
    """A code is the pixels of its image."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(1))

    def forward(self, codes: Tensor) -> Tensor:
        return codes.view(-1, 1, 28, 28) + self.shift


@dataclass(frozen=True)
class Classed(Uniform):
    """Codes that ask for a class: the largest of their first ``kinds`` numbers."""

    kinds: int = 10

    def conditions_of(self, codes: Tensor) -> Tensor:
        return nn.functional.one_hot(codes[:, : self.kinds].argmax(1), self.kinds).float()


def closed(prior=None):
    return Gan(Identity(), None, prior or Uniform(PIXELS), (1, 28, 28)).freeze()


@pytest.fixture
def bench(tmp_path):
    return HarnessContext(Store(tmp_path / "store"), "cpu")


@pytest.fixture
def fits(tmp_path):
    """The plug-in's methods are known; a list of what each fit was given."""
    path = tmp_path / f"pixels{next(numbers)}.py"
    path.write_text(METHODS)
    registry.add_plugin(path)
    known = registry.load("method", "pixels")
    return sys.modules[known.__module__].fits


def cell(method="pixels", seed=0, budget=BUDGET, **options):
    return Cell(ComponentSpec("digits"), ComponentSpec("closed"), ComponentSpec(method, options), seed, budget, ())


def keys(name="k"):
    return Keys(f"{name}t", f"{name}f", f"{name}i", f"{name}c")


def invert(bench, cell, keys, gan):
    """The stored codes and facts."""
    artefact = invert_and_store(bench, cell, keys, gan)
    return load_file(artefact.file("codes.safetensors")), artefact.meta


def test_a_method_learns_from_the_first_training_images_and_is_restored(bench, fits):
    method, facts = fit(bench, cell(), keys(), closed())
    assert fits == [(5, None)], "five images, and no test images"
    expected = Digits().load().train.first(5).floats(slice(None)).flatten(1).mean(0)
    torch.testing.assert_close(method.base.mean.weight[:, 0], expected)
    counted = ("steps", "generator_calls", "trained_parameters")
    assert [facts[name] for name in counted] == [3, 3, PIXELS]
    again, same = fit(bench, cell(), keys(), closed())
    assert len(fits) == 1, "read from the store"
    assert same == facts
    assert torch.equal(again.base.mean.weight, method.base.mean.weight)
    fit(bench, cell(), keys("other"), closed())
    assert len(fits) == 2, "another key is other work"


def test_a_fit_that_changes_the_gan_is_refused_and_not_stored(bench, fits):
    with pytest.raises(ContractError, match="changed the GAN's weights during fit"):
        fit(bench, cell(change=True), keys(), closed())
    assert bench.store.artefact("fit", "kf") is None


def test_a_fit_that_was_cut_costs_the_sum_of_its_parts(bench, fits):
    with pytest.raises(RuntimeError, match="cut"):
        fit(bench, cell("cut"), keys(), closed())
    _, facts = fit(bench, cell("cut"), keys(), closed())
    assert facts["generator_calls"] == 30, "ten of the first part, twenty after it: the step that was cut is repeated"
    assert facts["seconds"] > 0.3
    assert facts["steps"] == 3


def test_own_images_are_those_of_their_codes_and_the_same_for_every_method(bench, fits):
    images, codes = own_images(bench, cell(), closed())
    assert codes.shape == (6, PIXELS)
    assert torch.equal(images.floats(slice(None)).flatten(1), codes)
    assert images.labels is None
    assert torch.equal(own_images(bench, cell("means"), closed())[1], codes)
    assert not torch.equal(own_images(bench, cell(seed=1), closed())[1], codes)


@pytest.mark.parametrize("kinds", [10, 3])
def test_own_images_carry_the_class_that_their_codes_ask_for(bench, fits, kinds):
    images, codes = own_images(bench, cell(), closed(Classed(PIXELS, kinds=kinds)))
    if kinds == 10:
        assert images.labels.tolist() == codes[:, :10].argmax(1).tolist()
    else:
        assert images.labels is None, "digits have ten classes, these codes speak of three"


def test_inversion_gives_codes_of_both_kinds_with_their_cost(bench, fits):
    gan = closed()
    codes, facts = invert(bench, cell(), keys(), gan)
    test = Digits().load().test.first(7).floats(slice(None))
    assert torch.equal(codes["test"], test.flatten(1))
    assert torch.equal(codes["own"], own_images(bench, cell(), gan)[1])
    assert facts["generator_calls_per_image"] == 1.0
    assert (facts["fit_generator_calls"], facts["fit_steps"], facts["trained_parameters"]) == (3, 3, PIXELS)
    assert (facts["spaces"], facts["capacity"], facts["control"]) == (["z"], "z", False)
    assert facts["diverged"] == {"test": 0, "own": 0}
    assert facts["invert_ms_per_image"] > 0
    stored, same = invert(bench, cell("means"), keys(), gan)  # another method, but the key says that it is known
    assert torch.equal(stored["test"], codes["test"])
    assert facts.items() <= same.items()


def test_images_are_inverted_in_batches_that_fit_and_progress_is_told(bench, fits):
    told = []
    bench.progress = lambda what, step, steps, figures: told.append((what, step, steps))
    method, _ = fit(bench, cell(), keys(), closed())
    images = Images(torch.rand(501, 1, 28, 28))
    told.clear()
    codes = invert_images(bench, method, images, "invert these")
    assert torch.equal(codes, images.data.flatten(1))
    assert told == [("invert these", 500, 501), ("invert these", 501, 501)]


def test_measuring_exact_and_mean_codes(bench, fits):
    gan = closed()
    scored = {}
    for name in ("pixels", "means"):
        asked = replace(cell(name), metrics=("mse", "code_mse"))
        codes, _ = invert(bench, asked, keys(name), gan)
        scored[name] = measure(bench, asked, keys(name), gan, codes)
    exact, means = scored["pixels"], scored["means"]
    assert exact["test"].summaries["mse"]["value"] == 0.0
    assert exact["own"].summaries["code_mse"]["value"] == 0.0
    assert "code_mse" not in exact["test"].summaries, "nobody knows the code of a test image"
    data = Digits().load()
    gap = data.test.first(7).floats(slice(None)) - data.train.first(5).floats(slice(None)).mean(0)
    assert means["test"].summaries["mse"]["value"] == pytest.approx(float(gap.square().mean()), rel=0.02)
    gap = own_images(bench, cell(), gan)[1] - data.train.first(5).floats(slice(None)).flatten(1).mean(0)
    assert means["own"].summaries["code_mse"]["value"] == pytest.approx(float(gap.square().mean()), rel=1e-4)
    assert list(means["test"].per_image["index"]) == list(range(7))
