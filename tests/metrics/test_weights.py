"""Weights files: where they are looked for, what is said when one is missing or altered, and what identifies them."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
import torch

from bench.core.errors import WeightsError
from bench.core.options import create
from bench.core.pretrained_files import torch_hub_checkpoints
from bench.metrics import weights
from bench.metrics.weights import weights_available, weights_identity


@pytest.mark.parametrize(
    "variables", [{}, {"XDG_CACHE_HOME": "/x/cache"}, {"TORCH_HOME": "~/torch", "XDG_CACHE_HOME": "/y"}]
)
def test_torch_hub_is_found_as_torch_finds_it(variables, monkeypatch):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(torch_hub_checkpoints()) == f"{torch.hub.get_dir()}/checkpoints"


@pytest.mark.parametrize("name", ["lpips@alex", "lpips", "lpips@vgg", "fid@inception", "fid", "fid@vgg"])
def test_a_missing_file_is_one_line_with_file_places_and_address(name, no_weights, own_home):
    reason = weights_available(name)
    assert reason is not None
    assert "\n" not in reason
    file = weights.weights_files(name)[0]
    for part in (file.file, str(no_weights), str(own_home / "data" / "weights"), "https://"):
        assert part in reason
    with pytest.raises(WeightsError, match=file.file):
        create("features", weights.network_of(name)).load("cpu")


@pytest.mark.parametrize("name", ["psnr", "code_mse", "fid@my-own-network"])
def test_metrics_without_known_files_need_none(name):
    assert weights_identity(name) == ""
    assert weights_available(name) is None


@pytest.mark.parametrize(
    ("metric", "network"),
    [
        ("fac@trained:celeba", "trained:celeba"),
        ("rand_fid:500@fashion-mnist-cnn", "fashion-mnist-cnn"),
        ("fid@alex", "alex"),
        ("fid", "inception"),
        ("rand_fid:500", "inception"),
        ("folder:x", ""),
        ("psnr", ""),
    ],
)
def test_the_network_follows_the_at_sign_or_is_the_metric_s_own(metric, network):
    assert weights.network_of(metric) == network


@pytest.mark.parametrize(
    ("dataset", "file"),
    [("celeba", "celeba-cnn.safetensors"), ("folder:/a/b c", "folder-a-b-c-cnn.safetensors")],
)
def test_classifiers_have_plain_file_names(dataset, file):
    assert weights.classifier_file(dataset) == file


def test_a_classifier_that_was_trained_here_counts_by_its_content(own_home):
    reason = weights_available("fac@trained:celeba")
    assert reason is not None
    for part in ("celeba-cnn.safetensors", str(own_home / "models"), "ganinv train-classifier celeba"):
        assert part in reason
    assert "\n" not in reason
    file = own_home / "models" / "celeba-cnn.safetensors"
    file.parent.mkdir()
    identities = [weights_identity("fac@trained:celeba")]
    for content in (b"one", b"another"):
        file.write_bytes(content)
        assert weights_available("fac@trained:celeba") is None
        identities.append(weights_identity("fac@trained:celeba"))
    assert identities == ["", hashlib.sha256(b"one").hexdigest(), hashlib.sha256(b"another").hexdigest()]


def test_identity_names_every_file():
    assert weights_identity("fid@fashion-mnist-cnn") == weights.FASHION_MNIST_CNN.sha256
    assert weights_identity("label_accuracy") == weights.FASHION_MNIST_CNN.sha256
    assert weights_identity("lpips") == f"{weights.ALEX.sha256}+{weights.LPIPS_HEADS['alex'].sha256}"
    assert weights_identity("fid@alex") == weights.ALEX.sha256


def test_shipped_files_are_here_and_intact():
    assert weights_available("fid@fashion-mnist-cnn") is None
    assert weights_available("fid@drawn-faces-cnn") is None
    for heads in weights.LPIPS_HEADS.values():
        assert heads.find().name == heads.file


@pytest.mark.parametrize("change", ["truncated", "altered"])
def test_a_file_that_is_not_the_pinned_one_is_refused(change, pinned_random_weights, monkeypatch, tmp_path):
    file = weights.NETWORKS["alex"]
    content = bytearray((pinned_random_weights.folder / file.file).read_bytes())
    if change == "truncated":
        del content[-100:]
    else:
        content[len(content) // 2] ^= 1
    other = tmp_path / "hub" / "checkpoints"
    other.mkdir(parents=True)
    (other / file.file).write_bytes(content)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    reason = weights_available("fid@alex")
    assert reason is not None
    assert f"expected {file.sha256[:12]}" in reason
    assert str(other / file.file) in reason
    with pytest.raises(WeightsError, match="SHA-256"):
        create("features", "alex").load("cpu")


def test_a_repaired_file_is_read_again(no_weights, pinned_random_weights, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    target = tmp_path / "hub" / "checkpoints" / weights.NETWORKS["alex"].file
    target.parent.mkdir(parents=True)
    target.write_bytes(b"half a download")
    assert weights_available("fid@alex") is not None
    target.write_bytes((pinned_random_weights.folder / target.name).read_bytes())
    assert weights_available("fid@alex") is None


def test_the_preflight_does_not_load_torch():
    use = "from bench.metrics.weights import weights_available; weights_available('lpips')"
    code = f"import sys; {use}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
