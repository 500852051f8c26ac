"""Feature networks against torchvision and torch-fidelity, on random weights."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from bench.core.errors import WeightsError
from bench.core.files import sha256
from bench.core.options import create
from bench.metrics import weights


def pixels(*shape, seed=0):
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


@pytest.mark.parametrize(("name", "width"), [("alex", 256), ("vgg", 512)])
def test_trunks_give_torchvision_s_activations(name, width, pinned_random_weights):
    from torchvision import models

    network = create("features", name)
    network.load("cpu")
    images = pixels(2, 3, 70, 66)
    embedding = network.embed(images)
    assert embedding.features.shape == (2, width)
    assert len(embedding.maps) == len(network.layers)
    with torch.device("meta"):
        reference = getattr(models, {"alex": "alexnet", "vgg": "vgg16"}[name])(weights=None)
    reference.load_state_dict(pinned_random_weights.states[name], assign=True)
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    x = ((images.double() / 127.5 - 1) - shift.view(1, 3, 1, 1)) / scale.view(1, 3, 1, 1)
    last = reference.features[:-1](x.float())
    torch.testing.assert_close(embedding.maps[-1], last, rtol=1e-4, atol=1e-4)


def test_small_images_are_enlarged_and_grey_ones_repeated(pinned_random_weights):
    network = create("features", "alex")
    network.load("cpu")
    grey = pixels(2, 1, 28, 28)
    assert network.embed(grey).maps[0].shape[2:] == network.embed(pixels(1, 3, 64, 64)).maps[0].shape[2:]
    torch.testing.assert_close(network.embed(grey).features, network.embed(grey.repeat(1, 3, 1, 1)).features)


def test_inception_equals_torch_fidelity(pinned_random_weights):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = create("features", "inception")
    network.load("cpu")
    path = pinned_random_weights.folder / weights.INCEPTION.file
    reference = FeatureExtractorInceptionV3(
        "reference", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(path)
    )
    grey = pixels(2, 1, 28, 28)
    embedding = network.embed(grey)
    assert embedding.features.shape == (2, 2048)
    features, logits = reference(grey.repeat(1, 3, 1, 1))
    torch.testing.assert_close(embedding.features, features)
    torch.testing.assert_close(embedding.logits, logits)
    assert logits.shape == (2, network.categories)
    assert network.classes == 0  # its logits are no answer to a dataset's labels


@pytest.mark.parametrize("content", [{"features.0.weight": torch.zeros(3)}, {"nothing.known": torch.zeros(3)}])
@pytest.mark.parametrize("name", ["alex", "inception"])
def test_another_architecture_is_refused(name, content, monkeypatch, tmp_path):
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    file = weights.NETWORKS[name]
    torch.save(content, folder / file.file)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    pinned = dataclasses.replace(file, sha256=sha256(folder / file.file))
    monkeypatch.setitem(weights.NETWORKS, name, pinned)
    with pytest.raises(WeightsError, match=file.file) as caught:
        create("features", name).load("cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(weights.NETWORKS))
def test_protocols_need_no_weights_and_name_the_checksum(name, no_weights):
    protocol = create("features", name).protocol()
    assert protocol["name"] == name
    assert protocol["weights_sha256"] == weights.NETWORKS[name].sha256


def test_general_networks_look_at_grey_and_rgb_of_any_size():
    for name in ("alex", "vgg", "inception"):
        network = create("features", name)
        assert network.accepts((1, 28, 28)) is None
        assert network.accepts((3, 65, 31)) is None
        assert network.accepts((2, 28, 28)) == "2 channels: the network requires 1 (grey) or 3 (RGB)"


def test_precision_settings_are_put_back(pinned_random_weights):
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    network = create("features", "alex")
    network.load("cpu")
    network.embed(pixels(1, 3, 64, 64))
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic) == before
