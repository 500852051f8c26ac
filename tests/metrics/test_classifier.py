"""Training, saving and loading of domain classifiers, on scikit-learn's digits."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits

from bench.core.errors import DataError, WeightsError
from bench.core.run_context import RunContext
from bench.core.types import Budget, Dataset, Images
from bench.metrics.attribute_classifier import AttributeClassifierConfig
from bench.metrics.classifier import (
    accuracy,
    classifier_metadata,
    load_classifier,
    recipe_kind,
    save_classifier,
    train_classifier,
)
from bench.metrics.label_classifier import LabelClassifierConfig

QUICK = LabelClassifierConfig(epochs=3, batch=64)
FREE = Budget("test", 0, 0, 0, 0, 0, 0, 0, timeout=1e9)


@pytest.fixture(scope="module")
def digits():
    """1,797 digits of 8x8 pixels."""
    found = load_digits()
    pixels = torch.from_numpy(found.images * (255 / 16)).round().to(torch.uint8)[:, None]
    images = Images(pixels, torch.from_numpy(found.target).long())
    splits = [images.take(slice(*ends)) for ends in ((0, 1300), (1300, 1500), (1500, 1797))]
    return Dataset("digits", splits[0], splits[1], test=splits[2])


@pytest.fixture(scope="module")
def trained(digits):
    """One network, trained by the quick recipe from seed 1."""
    return train_classifier(digits.without_test(), RunContext(FREE, 1), QUICK)


def test_it_learns(digits, trained):
    assert accuracy(trained, digits.test) > 0.85
    assert trained.head.out_features == 10
    assert not trained.training


def test_the_seed_decides_everything(digits, trained):
    run = RunContext(FREE, 1)
    torch.manual_seed(99)
    again = train_classifier(digits.without_test(), run, QUICK).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in trained.state_dict().items())
    other = train_classifier(
        digits.without_test(), RunContext(FREE, 2), LabelClassifierConfig(epochs=1, batch=1300)
    ).state_dict()
    assert not torch.equal(other["head.weight"], again["head.weight"])


def test_an_interrupted_training_ends_the_same(digits, trained, tmp_path):
    steps = QUICK.steps(len(digits.train))

    def stop(what, step, total, figures):
        if step == 50:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "classifier.pt"
    interrupted = RunContext(FREE, 1, checkpoint=checkpoint, progress=stop, checkpoint_seconds=0.0)
    assert steps > 50
    with pytest.raises(KeyboardInterrupt):
        train_classifier(digits.without_test(), interrupted, QUICK)
    assert checkpoint.is_file()
    resumed = train_classifier(digits.without_test(), RunContext(FREE, 1, checkpoint=checkpoint), QUICK)
    assert torch.equal(resumed.head.weight, trained.head.weight)
    assert not checkpoint.exists()


def test_what_is_saved_is_what_is_loaded(digits, trained, tmp_path):
    path = tmp_path / "digits-cnn.safetensors"
    metadata = save_classifier(path, trained, digits, 1, QUICK)
    assert classifier_metadata(path) == metadata
    assert path.stat().st_size < 300_000
    assert float(metadata["test_accuracy"]) == pytest.approx(accuracy(trained, digits.test), abs=1e-4)
    assert json.loads(metadata["recipe"])["epochs"] == 3
    assert json.loads(metadata["image_shape"]) == [1, 8, 8]
    loaded = load_classifier(path)
    x = digits.test.floats(slice(0, 20))
    torch.testing.assert_close(loaded(x).logits, trained(x).logits, rtol=0, atol=0)


def test_files_that_say_less_are_read_as_classifiers_of_labels(digits, trained, tmp_path):
    path = tmp_path / "old.safetensors"
    save_classifier(path, trained, digits, 1, QUICK)
    save_file(load_file(path), path, {"channels": "1", "classes": "10"})
    x = digits.test.floats(slice(0, 20))
    torch.testing.assert_close(load_classifier(path)(x).logits, trained(x).logits, rtol=0, atol=0)


def _without(tensors):
    del tensors["head.bias"]


def _with_more(tensors):
    tensors["head.more"] = torch.zeros(2)


def _reshaped(tensors):
    tensors["head.bias"] = torch.zeros(9)


@pytest.mark.parametrize("change", [_without, _with_more, _reshaped])
def test_missing_extra_and_misshapen_tensors_are_refused(change, trained, digits, tmp_path):
    path = tmp_path / "network.safetensors"
    save_classifier(path, trained, digits, 1, QUICK)
    with safe_open(path, framework="pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    change(tensors)
    save_file(tensors, path, metadata)
    with pytest.raises(WeightsError, match="not a classifier of this suite") as caught:
        load_classifier(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("metadata", [{"channels": "1", "classes": "ten"}, {"network": "other"}, {}])
def test_files_of_something_else_are_refused(metadata, tmp_path):
    path = tmp_path / "network.safetensors"
    save_file({"a": torch.zeros(2)}, path, metadata)
    with pytest.raises(WeightsError, match="not a classifier of this suite"):
        load_classifier(path)


def test_damaged_files_are_refused(trained, digits, tmp_path):
    path = tmp_path / "network.safetensors"
    save_classifier(path, trained, digits, 1, QUICK)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match=str(path)):
        load_classifier(path)


def test_labels_come_before_attributes_and_neither_is_refused(digits):
    facts = digits.train.labels[:, None] > 4
    both = Images(digits.train.data, digits.train.labels, facts, ("High",))
    only = Images(digits.train.data, None, facts, ("High",))
    bare = Images(digits.train.data)
    assert recipe_kind(Dataset("both", both, both, test=both)) is LabelClassifierConfig
    assert recipe_kind(Dataset("only", only, only, test=only)) is AttributeClassifierConfig
    with pytest.raises(DataError, match="'bare': a classifier needs pictures with labels or attributes"):
        recipe_kind(Dataset("bare", bare, bare, test=bare))


def test_images_without_labels_are_refused(digits):
    bare = Dataset("bare", Images(digits.train.data), Images(digits.val.data), test=digits.test)
    with pytest.raises(DataError, match="'bare': a classifier needs labelled pictures"):
        train_classifier(bare.without_test(), RunContext(FREE, 1), QUICK)
