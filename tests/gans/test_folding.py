"""Folded networks against the networks themselves in double precision, and what must not be folded."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.gans.checkpoints import load_gan
from bench.gans.folding import folded
from bench.gans.zoo import gan_file


def lively(network):
    """Statistics, scales and shifts as training leaves them; eval mode, frozen, float64."""
    torch.manual_seed(3)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None:
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.1, 4.0)
            if layer.affine:
                nn.init.normal_(layer.weight)
                nn.init.normal_(layer.bias)
    return network.eval().requires_grad_(False).double()


def generator(affine=True, bias=False):
    return nn.Sequential(
        nn.Linear(6, 4 * 9, bias=bias),
        nn.Unflatten(1, (4, 3, 3)),
        nn.BatchNorm2d(4, affine=affine),
        nn.ReLU(),
        nn.Sequential(nn.ConvTranspose2d(4, 5, 4, 2, 1, bias=bias), nn.BatchNorm2d(5, affine=affine), nn.ReLU()),
        nn.Conv2d(5, 2, 3, 1, 1, bias=bias),
        nn.BatchNorm2d(2, eps=0.01, affine=affine),
        nn.Tanh(),
    )


def norms(network):
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_the_function_stays_and_the_norms_go(affine, bias):
    network, codes = lively(generator(affine, bias)), torch.randn(7, 6, dtype=torch.float64)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    short = folded(network)
    assert norms(short) == 0
    assert not short.training
    assert not any(weight.requires_grad for weight in short.parameters())
    torch.testing.assert_close(short(codes), network(codes), rtol=1e-11, atol=1e-12)
    assert norms(network) == 3
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_shipped_generator_keeps_its_images():
    gan = load_gan(gan_file("fashion-mnist/dcgan")).freeze()
    short, codes = folded(gan.generator), gan.prior.sample(16, torch.Generator().manual_seed(1))
    assert norms(gan.generator) == 3
    assert norms(short) == 0
    assert (short(codes) - gan.decode(codes)).abs().max() < 1e-5


class Own(nn.Sequential):
    """A class of its own may compute what it likes."""


def hooked(network, place):
    network[place].register_forward_hook(lambda layer, inputs, output: output)
    return network


@pytest.mark.parametrize(
    ("network", "kept"),
    [
        (lambda: Own(*lively(generator())), 3),
        (lambda: lively(generator()).train(), 3),
        (lambda: lively(generator()).requires_grad_(True), 3),
        (lambda: hooked(lively(generator()), 2), 1),
        (lambda: hooked(lively(generator()), 5), 1),
        (lambda: lively(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3))), 1),
        (lambda: lively(nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1))), 1),
        (lambda: lively(nn.Sequential(nn.ConvTranspose2d(4, 4, 3, groups=2), nn.BatchNorm2d(4))), 1),
        (lambda: lively(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False))), 1),
        (lambda: lively(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))), 0),
    ],
)
def test_what_may_compute_otherwise_stays(network, kept):
    network = network()
    short = folded(network)
    assert norms(short) == kept
    assert (short is network) == (kept == norms(network))


def test_groups_of_a_plain_convolution_are_folded():
    network = lively(nn.Sequential(nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6)))
    images = torch.randn(2, 4, 5, 5, dtype=torch.float64)
    assert norms(folded(network)) == 0
    torch.testing.assert_close(folded(network)(images), network(images), rtol=1e-11, atol=1e-12)
