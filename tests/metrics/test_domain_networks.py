"""Domain networks: the two that ship read their datasets as well as their files say; and those trained here."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from bench.core.errors import BenchError, DataError, WeightsError
from bench.core.files import sha256
from bench.core.options import create
from bench.core.registry import entries
from bench.core.run_context import RunContext
from bench.core.types import Budget, Dataset, Images
from bench.datasets.faces.people import ATTRIBUTES
from bench.metrics import weights
from bench.metrics.attribute_classifier import AttributeClassifierConfig
from bench.metrics.classifier import accuracy, classifier_metadata, save_classifier, train_classifier
from bench.metrics.domain_networks import DrawnFacesCnn, halved
from bench.metrics.label_classifier import LabelClassifierConfig
from bench.metrics.weights import classifier_file, classifiers_folder

FREE = Budget("test", 0, 0, 0, 0, 0, 0, 0, timeout=1e9)
FAC = ATTRIBUTES[:13]


def noise(count, shape, labels=False, names=()):
    generator = torch.Generator().manual_seed(0)
    data = torch.randint(256, (count, *shape), generator=generator, dtype=torch.uint8)
    facts = torch.rand(count, len(names), generator=generator) < 0.5 if names else None
    return Images(data, torch.arange(count) % 4 if labels else None, facts, names)


def keep(name, images, recipe):
    """Train a classifier for one step and store it as ``ganinv train-classifier`` does."""
    data = Dataset(name, images, images, test=images)
    path = classifiers_folder() / classifier_file(name)
    save_classifier(path, train_classifier(data.without_test(), RunContext(FREE, 1), recipe), data, 1, recipe)
    return path


@pytest.fixture(scope="module")
def shipped():
    """The network of drawn faces, loaded."""
    network = create("features", "drawn-faces-cnn")
    network.load("cpu")
    return network


@pytest.mark.parametrize("name", ["fashion-mnist-cnn", "drawn-faces-cnn"])
def test_shipped_networks_look_at_their_own_shape_alone(name):
    assert name in entries("features")
    network = create("features", name)
    assert network.accepts(network.shape) is None
    assert network.accepts((2, 28, 28)) is not None
    assert network.accepts((network.shape[0], 32, 32)) is not None
    assert weights.NETWORKS[name].find().stat().st_size < 5_000_000


def test_a_refusal_names_both_shapes():
    reason = create("features", "fashion-mnist-cnn").accepts((3, 32, 32))
    assert reason == "fashion-mnist-cnn requires 28x28x1 images, got 32x32x3"


def test_the_shipped_network_reads_fashion_mnist_as_well_as_it_says():
    metadata = classifier_metadata(weights.FASHION_MNIST_CNN.find())
    assert float(metadata["test_accuracy"]) >= 0.92
    assert metadata["dataset"] == "fashion-mnist"
    network = create("features", "fashion-mnist-cnn")
    network.load("cpu")
    try:
        test = create("dataset", "fashion-mnist").load().test.first(1500)
    except DataError:
        pytest.skip("Fashion-MNIST is not on this machine")
    assert accuracy(network.network, test) == pytest.approx(float(metadata["test_accuracy"]), abs=0.02)
    embedding = network.embed(test.data[:5])
    assert embedding.features.shape == (5, 128)
    assert embedding.logits.shape == (5, 10)
    assert len(embedding.maps) == len(network.layers)


def test_the_network_of_drawn_faces_says_that_it_sees_its_attributes():
    metadata = classifier_metadata(weights.DRAWN_FACES_CNN.find())
    assert metadata["dataset"] == "drawn-faces"
    assert tuple(json.loads(metadata["attributes"])) == ATTRIBUTES == DrawnFacesCnn.attributes
    right, balanced = (json.loads(metadata[f"test_{what}"]) for what in ("accuracies", "balanced_accuracies"))
    assert sum(right[name] for name in FAC) / 13 >= 0.97
    assert min(balanced.values()) >= 0.95


def test_the_network_of_drawn_faces_reads_new_ones_as_well_as_it_says(shipped):
    options = {"train": 1, "val": 1, "test": 400, "seed": 7}
    test = create("dataset", "drawn-faces", options).load().test
    metadata = classifier_metadata(weights.DRAWN_FACES_CNN.find())
    assert accuracy(shipped.network, test) == pytest.approx(float(metadata["test_accuracy"]), abs=0.01)
    embedding = shipped.embed(test.data[:5])
    assert embedding.features.shape == (5, 512)
    assert embedding.logits.shape == (5, 15)
    assert [m.shape[2] for m in embedding.maps] == [64, 32, 16, 8, 4]
    assert len(shipped.layers) == 5


def test_large_faces_are_seen_as_their_small_pictures(shipped):
    splits = {"train": 1, "val": 1, "test": 4}
    large, small = (create("dataset", "drawn-faces", {**splits, "side": side}).load().test for side in (128, 64))
    assert shipped.accepts((3, 128, 128)) is None
    assert torch.equal(halved(large.data), small.data)
    torch.testing.assert_close(shipped.embed(large.data).logits, shipped.embed(small.data).logits, rtol=0, atol=0)
    assert "2x2" in shipped.protocol()["resize"]


def test_a_file_that_tells_something_else_is_refused(monkeypatch, own_home):
    path = keep("other", noise(8, (3, 64, 64), names=("A", "B")), AttributeClassifierConfig(epochs=1, batch=8))
    foreign = dataclasses.replace(weights.DRAWN_FACES_CNN, file=path.name, sha256=sha256(path), where="trained")
    monkeypatch.setitem(weights.NETWORKS, "drawn-faces-cnn", foreign)
    with pytest.raises(WeightsError, match="trained on other attributes than drawn-faces-cnn"):
        create("features", "drawn-faces-cnn").load("cpu")


def test_a_classifier_of_labels_that_was_trained_here_is_found(own_home):
    path = keep("mine", noise(16, (1, 20, 24), labels=True), LabelClassifierConfig(epochs=1, batch=8))
    network = create("features", "trained:mine")
    assert (network.name, network.classes, network.attributes) == ("trained:mine", 4, ())
    assert network.accepts((1, 20, 24)) is None
    assert network.accepts((3, 20, 24)) == "trained:mine requires 20x24x1 images, got 20x24x3"
    protocol = network.protocol()
    assert (protocol["name"], protocol["weights_sha256"]) == ("trained:mine", sha256(path))
    network.load("cpu")
    embedding = network.embed(torch.zeros(2, 1, 20, 24, dtype=torch.uint8))
    assert embedding.logits.shape == (2, 4)
    assert len(embedding.maps) == len(network.layers) == 3


def test_a_classifier_of_attributes_that_was_trained_here_is_found(own_home):
    keep("mine", noise(16, (3, 32, 40), names=("A", "B")), AttributeClassifierConfig(epochs=1, batch=8))
    network = create("features", "trained:mine")
    assert (network.classes, network.attributes) == (0, ("A", "B"))
    network.load("cpu")
    embedding = network.embed(torch.zeros(2, 3, 32, 40, dtype=torch.uint8))
    assert embedding.logits.shape == (2, 2)
    assert len(embedding.maps) == len(network.layers) == 5


def test_training_again_changes_the_protocol(own_home):
    images = noise(16, (1, 20, 24), labels=True)
    keep("mine", images, LabelClassifierConfig(epochs=1, batch=8))
    before = create("features", "trained:mine").protocol()
    keep("mine", images, LabelClassifierConfig(epochs=2, batch=8))
    after = create("features", "trained:mine").protocol()
    assert {k: v for k, v in before.items() if v != after[k]}.keys() == {"weights_sha256"}


@pytest.mark.parametrize("ask", ["protocol", "load"])
def test_a_missing_classifier_names_file_and_command(ask, own_home):
    network = create("features", "trained:celeba")
    file = "celeba-cnn.safetensors"
    reason = (
        rf"weights {file} not found \(looked in {own_home / 'models'}\); train it: ganinv train-classifier celeba"
    )
    with pytest.raises(WeightsError, match=reason):
        network.protocol() if ask == "protocol" else network.load("cpu")
    assert network.accepts((3, 64, 64)) == f"{file} is not there; train it: ganinv train-classifier celeba"
    with pytest.raises(BenchError, match="option dataset is required"):
        create("features", "trained")


def test_a_file_of_something_else_is_refused_at_once(own_home):
    from safetensors.torch import save_file

    classifiers_folder().mkdir(parents=True)
    save_file({"a": torch.zeros(2)}, classifiers_folder() / "mine-cnn.safetensors")
    with pytest.raises(WeightsError, match=r"mine-cnn.safetensors: not a classifier of this suite"):
        create("features", "trained:mine")


def test_the_command_trains_what_trained_finds(call, own_home):
    words = ("train-classifier", "drawn-faces?train=32&val=4&test=6", "--recipe", "epochs=2&batch=16&cycle=true")
    code, out, err = call(*words)
    assert code == 0, err
    path = own_home / "models" / "drawn-faces-cnn.safetensors"
    assert "test accuracy" in out + err
    metadata = classifier_metadata(path)
    assert json.loads(metadata["recipe"])["epochs"] == 2
    network = create("features", "trained:drawn-faces")
    assert network.attributes == ATTRIBUTES
    network.load("cpu")
    assert list(path.parent.iterdir()) == [path]  # no checkpoint is left


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("digits", "--recipe", "epoch=2"), "unknown option 'epoch'; did you mean 'epochs'"),
        (("digits", "--recipe", "epochs=few"), "option epochs = 'few' should be int"),
        (("digits", "--recipe", "epochs"), "expected OPTION=VALUE"),
    ],
)
def test_wrong_recipes_are_one_line(words, reason, call):
    code, _, err = call("train-classifier", *words)
    assert code == 2
    assert reason in " ".join(err.split())
