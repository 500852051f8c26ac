"""LPIPS against the lpips package, on random trunks in the layout of the published files."""

from __future__ import annotations

import lpips as package
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bench.core import pretrained_files
from bench.core.errors import WeightsError
from bench.core.types import EvalBatch, Images
from bench.metrics import weights
from bench.metrics.evaluation import open_metrics
from bench.metrics.feature_sets import share_networks
from bench.metrics.perceptual import lpips, read_heads


def measure(metric, x, y):
    share_networks([metric], "cpu")
    metric.prepare("cpu")
    sides = {"target": x, "output": y}
    pairs = EvalBatch(x, y, x, y, x, None, None, None, (), None, lambda network, side: network.embed(sides[side]))
    return metric.update(pairs)


def reference(name, state):
    """The lpips package with its own heads and the given trunk."""
    net = package.LPIPS(net=name, pnet_rand=True, verbose=False)
    for part in range(1, 6):
        stage = getattr(net.net, f"slice{part}")
        stage.load_state_dict({key: state[f"features.{key}"] for key in stage.state_dict()})
    return net.requires_grad_(False)


def two_batches(size, channels=3, count=2):
    generator = torch.Generator().manual_seed(3)
    return torch.randint(256, (2, count, channels, size, size), generator=generator, dtype=torch.uint8)


def floats(images):
    return images.float() / 127.5 - 1


def test_alex_equals_the_lpips_package(pinned_random_weights):
    net = reference("alex", pinned_random_weights.states["alex"])
    metric = open_metrics(["lpips@alex"])[0]
    x, y = two_batches(72)
    np.testing.assert_allclose(measure(metric, x, y), net(floats(x), floats(y)).flatten(), rtol=1e-5, atol=1e-6)
    small = two_batches(28, channels=1)
    enlarged = [F.interpolate(floats(s), (64, 64), mode="bilinear").expand(-1, 3, -1, -1) for s in small]
    np.testing.assert_allclose(measure(metric, *small), net(*enlarged).flatten(), rtol=1e-5, atol=1e-6)


def test_vgg_equals_the_lpips_package(pinned_random_weights, monkeypatch):
    from torchvision.models import vgg16

    # The unused classifier of a randomly made VGG-16 costs seconds; its trunk is replaced anyway.
    with monkeypatch.context() as patch:
        patch.setattr(package.pretrained_networks.tv, "vgg16", lambda pretrained: vgg16(init_weights=False))
        net = reference("vgg", pinned_random_weights.states["vgg"])
    x, y = two_batches(64, count=1)
    ours = measure(open_metrics(["lpips@vgg"])[0], x, y)
    np.testing.assert_allclose(ours, net(floats(x), floats(y)).flatten(), rtol=1e-5, atol=1e-6)


def test_equal_weights_are_the_baseline_of_the_lpips_package(pinned_random_weights):
    net = package.LPIPS(net="alex", pnet_rand=True, lpips=False, verbose=False)
    x, y = (floats(s) for s in two_batches(64))
    maps = [net.net(net.scaling_layer(s)) for s in (x, y)]
    np.testing.assert_allclose(lpips(*maps).detach(), net(x, y).flatten().detach(), rtol=1e-5)


def test_the_domain_network_has_its_own_name_and_protocol():
    domain, learned = open_metrics(["lpips@fashion-mnist-cnn", "lpips@alex"])
    assert domain.protocol()["channel_weights"] == "every channel 1"
    assert weights.LPIPS_HEADS["alex"].sha256 in learned.protocol()["channel_weights"]
    x, y = two_batches(28, channels=1)
    values = measure(domain, x, y)
    assert values.shape == (2,)
    assert (values > 0).all()
    assert (measure(domain, x, x) == 0).all()
    assert domain.compute(values.numpy()) == {"value": pytest.approx(float(values.mean())), "n": 2.0}


def test_a_network_without_maps_and_other_shapes_give_reasons():
    assert open_metrics(["lpips@inception"])[0].applies(Images(two_batches(64)[0])) == "inception has no spatial maps"
    points = Images(torch.zeros(4, 2, 1, 1))
    assert open_metrics(["lpips@alex"])[0].applies(points) == "these are points, not pictures"


def test_heads_of_the_package_are_pinned(monkeypatch, tmp_path):
    assert [len(head) for head in read_heads("alex", "cpu")] == [64, 192, 384, 256, 256]
    (tmp_path / "alex.pth").write_bytes(b"something else")
    monkeypatch.setitem(pretrained_files.PLACES, "lpips package", lambda: (tmp_path,))
    with pytest.raises(WeightsError, match="SHA-256"):
        read_heads("alex", "cpu")
