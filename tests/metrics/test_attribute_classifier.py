"""The classifier of attributes: its layers, its recipe, and what it learns of noise whose colours are attributes."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from torch import nn

from bench.core.errors import DataError
from bench.core.run_context import RunContext
from bench.core.types import Budget, Dataset, Images
from bench.metrics.attribute_classifier import AttributeClassifier, AttributeClassifierConfig
from bench.metrics.classifier import accuracy, classifier_metadata, load_classifier, save_classifier, train_classifier

NAMES = ("Red", "Green")
QUICK = AttributeClassifierConfig(epochs=8, batch=32, rate=2e-3, cycle=True)
FREE = Budget("test", 0, 0, 0, 0, 0, 0, 0, timeout=1e9)


def squares(count, seed):
    """Noise of 32x32 pixels; attributes say whether its red and its green are bright."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(120, (count, 3, 32, 32), generator=generator)
    facts = torch.rand(count, 2, generator=generator) < torch.tensor([0.5, 0.2])
    pixels[:, :2] += 60 * facts[:, :, None, None]
    return Images(pixels.to(torch.uint8), None, facts, NAMES)


@pytest.fixture(scope="module")
def data():
    return Dataset("squares", squares(256, 0), squares(64, 1), test=squares(100, 2))


@pytest.fixture(scope="module")
def trained(data):
    return train_classifier(data.without_test(), RunContext(FREE, 1), QUICK)


def test_the_network_is_stgan_s():
    network = AttributeClassifier((3, 128, 128), tuple("a" * 40))
    shapes = [tuple(m.weight.shape) for m in network.modules() if isinstance(m, nn.Conv2d)]
    widths = [3, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256]
    assert shapes == [(after, before, 3, 3) for before, after in pairwise(widths)]
    assert tuple(network.hidden.weight.shape) == (512, 256 * 4 * 4)
    assert tuple(network.head.weight.shape) == (40, 512)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == 10
    embedding = network.eval()(torch.zeros(2, 3, 128, 128))
    assert [tuple(m.shape[1:]) for m in embedding.maps] == [
        (width, side, side) for width, side in zip((16, 32, 64, 128, 256), (128, 64, 32, 16, 8), strict=True)
    ]
    assert embedding.features.shape == (2, 512)
    assert (embedding.features >= 0).all()
    torch.testing.assert_close(embedding.logits, network.head(embedding.features))


def test_the_recipe_s_defaults_are_stgan_s():
    recipe = AttributeClassifierConfig()
    assert (recipe.epochs, recipe.batch) == (25, 64)
    optimizer, schedule = recipe.optimizer(nn.Linear(1, 1), 10)
    (group,) = optimizer.param_groups
    assert type(optimizer) is torch.optim.Adam
    assert (group["lr"], group["betas"][0], group["weight_decay"]) == (2e-4, 0.9, 1e-4)
    for _ in range(5):
        optimizer.step()
        schedule.step()
    assert group["lr"] == 2e-4


def test_a_cycle_rises_to_its_peak_and_falls_to_nothing():
    optimizer, schedule = AttributeClassifierConfig(rate=1e-2, cycle=True).optimizer(nn.Linear(1, 1), 100)
    rates = []
    for _ in range(99):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert max(rates) == pytest.approx(1e-2, rel=1e-3)
    assert rates[0] < 1e-3
    assert rates[-1] < 1e-5
    assert optimizer.param_groups[0]["betas"][0] == 0.9


def test_the_loss_is_binary_cross_entropy():
    logits, truth = torch.tensor([[0.5, -2.0], [3.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    expected = -np.log(np.where(truth.numpy() == 1, p, 1 - p)).mean()
    assert float(AttributeClassifierConfig().loss(logits, truth)) == pytest.approx(expected)


def test_it_learns(data, trained):
    assert accuracy(trained, data.test) > 0.9  # always no: 0.65
    logits = trained(data.test.floats(slice(0, 100))).logits
    assert accuracy(trained, data.test) == pytest.approx(
        float((logits > 0).eq(data.test.attributes).double().mean()), abs=1e-4
    )


def test_the_seed_decides_everything(data, trained):
    torch.manual_seed(99)
    again = train_classifier(data.without_test(), RunContext(FREE, 1), QUICK).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in trained.state_dict().items())


def test_scores_agree_with_scikit_learn(data, trained):
    generator = torch.Generator().manual_seed(0)
    logits, truth = torch.randn(200, 2, generator=generator), (torch.rand(200, 2, generator=generator) < 0.3).float()
    scores = trained.scores(logits, truth)
    for place, name in enumerate(NAMES):
        found, there = (logits[:, place] > 0).numpy(), truth[:, place].numpy() > 0.5
        assert json.loads(scores["accuracies"])[name] == pytest.approx((found == there).mean(), abs=1e-4)
        assert json.loads(scores["shares"])[name] == pytest.approx(there.mean(), abs=1e-4)
        expected = balanced_accuracy_score(there, found)
        assert json.loads(scores["balanced_accuracies"])[name] == pytest.approx(expected, abs=1e-4)
    assert float(scores["accuracy"]) == pytest.approx(
        np.mean(list(json.loads(scores["accuracies"]).values())), abs=2e-4
    )


def test_what_is_saved_is_what_is_loaded(data, trained, tmp_path):
    path = tmp_path / "squares-cnn.safetensors"
    metadata = save_classifier(path, trained, data, 1, QUICK)
    assert classifier_metadata(path) == metadata
    assert json.loads(metadata["attributes"]) == list(NAMES)
    assert json.loads(metadata["image_shape"]) == [3, 32, 32]
    assert json.loads(metadata["recipe"]) == {
        "epochs": 8, "batch": 32, "rate": 2e-3, "beta": 0.9, "l2": 1e-4, "cycle": True
    }  # fmt: skip
    assert set(json.loads(metadata["val_accuracies"])) == set(NAMES)
    loaded = load_classifier(path)
    assert loaded.attributes == NAMES
    x = data.test.floats(slice(0, 20))
    torch.testing.assert_close(loaded(x).logits, trained(x).logits, rtol=0, atol=0)


def test_what_it_cannot_learn_from_is_refused(data, trained):
    small = Images(data.train.data[:, :, :16], None, data.train.attributes, NAMES)
    with pytest.raises(DataError, match="'small': images of 16 x 32: expected sides of at least 32 pixels"):
        train_classifier(Dataset("small", small, small, test=small).without_test(), RunContext(FREE, 1))
    bare = Images(data.train.data)
    with pytest.raises(DataError, match="'bare': a classifier of attributes needs pictures with attributes"):
        train_classifier(Dataset("bare", bare, bare, test=bare).without_test(), RunContext(FREE, 1), QUICK)
    renamed = Images(data.test.data, None, data.test.attributes, ("Red", "Blue"))
    with pytest.raises(DataError, match="other attributes"):
        accuracy(trained, renamed)
