"""The sides of an evaluation that belong to dataset and GAN: seen once, then read, the same for every method."""

import pytest
import torch

from bench.core.errors import ContractError
from bench.core.types import Budget, Cell, ComponentSpec
from bench.datasets.source import shuffled
from bench.harness.context import HarnessContext, load_data, seed_of
from bench.harness.executor import STAGES, StageTask
from bench.harness.feature_cache import MOST_SAMPLES, StoredReference
from bench.harness.invert_stage import own_images
from bench.harness.keys import keys_of
from bench.harness.stages import run_stage
from bench.harness.store import Store
from bench.harness.train_stage import train
from bench.metrics.base import to_u8
from bench.metrics.domain_networks import FashionMnistCnn
from bench.metrics.frechet import frechet_distance

BUDGET = Budget("smoke", 0, 12, 10, 6, 3, 2, 2, 120.0)


def cell(method="random_code", metrics=(), gan=None, seed=0):
    gan = gan or ComponentSpec("dcgan", {"width": 4, "code_dim": 6, "batch": 8})
    return Cell(ComponentSpec("digits"), gan, ComponentSpec(method), seed, BUDGET, tuple(metrics))


@pytest.fixture
def bench(tmp_path):
    return HarnessContext(Store(tmp_path / "store"), "cpu")


@pytest.fixture
def network(monkeypatch):
    """The shipped classifier, and how many images it was shown."""
    loaded = FashionMnistCnn()
    loaded.load("cpu")
    shown, embed = [], loaded.embed
    monkeypatch.setattr(loaded, "embed", lambda images: shown.append(len(images)) or embed(images), raising=False)
    loaded.shown = shown
    return loaded


def reference(bench, asked):
    keys = keys_of(asked)
    return StoredReference(bench, asked, keys, train(bench, asked, keys)[0])


def test_training_images_come_in_a_fixed_random_order(bench, network):
    found = reference(bench, cell()).embed(network, "train", 30)
    images = load_data(bench, cell()).train
    expected = FashionMnistCnn.embed(network, images.data[torch.from_numpy(shuffled(len(images))[:30])])
    torch.testing.assert_close(found.features, expected.features)
    torch.testing.assert_close(found.logits, expected.logits)


def test_samples_are_of_codes_that_the_cells_share(bench, network):
    asked = cell()
    source = reference(bench, asked)
    found = source.embed(network, "sample", 20)
    codes = source.gan.prior.sample(20, torch.Generator().manual_seed(seed_of("sample", asked)))
    with torch.no_grad():
        expected = FashionMnistCnn.embed(network, to_u8(source.gan.generator(codes)))
    torch.testing.assert_close(found.features, expected.features)
    assert seed_of("sample", cell("dfi")) == seed_of("sample", asked) != seed_of("sample", cell(seed=1))
    assert seed_of("sample", asked) != seed_of("own", asked)


def test_what_was_seen_once_is_read(bench, network, tmp_path):
    first = reference(bench, cell()).embed(network, "train", 30)
    assert sum(network.shown) == 30
    again = reference(HarnessContext(Store(tmp_path / "store"), "cpu"), cell("dfi")).embed(network, "train", 30)
    assert sum(network.shown) == 30
    assert torch.equal(first.features, again.features)
    reference(bench, cell()).embed(network, "train", 31)
    assert sum(network.shown) == 61


def test_other_gans_have_other_samples_and_the_same_training_images(bench, network):
    other = cell(gan=ComponentSpec("dcgan", {"width": 4, "code_dim": 7, "batch": 8}))
    for asked in (cell(), other):
        reference(bench, asked).embed(network, "sample", 10)
        reference(bench, asked).embed(network, "train", 10)
    assert sum(network.shown) == 30


def test_there_are_as_many_as_there_are(bench):
    source = reference(bench, cell())
    assert source.count("train") == len(load_data(bench, cell()).train)
    assert source.count("sample") == MOST_SAMPLES


def test_a_gan_outside_the_range_is_named(bench, network):
    source = reference(bench, cell())
    source.gan.generator.register_forward_hook(lambda module, args, output: output + 3)
    with pytest.raises(ContractError, match=r"samples: pixels lie in .*expected \[-1, 1\]"):
        source.embed(network, "sample", 5)


def test_a_cell_is_measured_against_the_training_images_and_says_how_many(bench, network):
    names = ["ts_rec_fid:9@fashion-mnist-cnn", "rand_fid:500@fashion-mnist-cnn", "rand_is:40@fashion-mnist-cnn"]
    asked = cell(metrics=names)
    for stage in STAGES:
        run_stage(bench, StageTask(stage, asked, keys_of(asked), "suite"))
    record = bench.store.record(keys_of(asked).cell)
    source = reference(bench, asked)
    samples, images = source.embed(network, "sample", 500), source.embed(network, "train", 500)
    found = record.metrics["own"]["rand_fid:500@fashion-mnist-cnn"]
    assert found == {"value": frechet_distance(images.features, samples.features), "n": 500.0, "features": 128.0}
    assert record.metrics["test"]["ts_rec_fid:9@fashion-mnist-cnn"]["n"] == 9
    assert record.metrics["own"]["rand_is:40@fashion-mnist-cnn"]["n"] == 40
    assert record.protocol[names[1]]["sets"] == [
        "images of codes drawn from the prior",
        "training images, in a fixed random order",
    ]


def test_images_of_a_conditional_gan_carry_what_was_asked_for(bench):
    asked = cell(gan=ComponentSpec("cgan", {"width": 4, "code_dim": 6, "batch": 8}))
    gan, _ = train(bench, asked, keys_of(asked))
    images, codes = own_images(bench, asked, gan)
    assert torch.equal(images.labels, gan.prior.conditions_of(codes).argmax(1))
    assert len(images.labels.unique()) > 3
    plain, _ = own_images(bench, cell(), train(bench, cell(), keys_of(cell()))[0])
    assert plain.labels is None
