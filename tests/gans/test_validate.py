"""Checks of GANs that come from elsewhere: each fault has its own line."""

import pytest
import torch
from torch import nn

from bench.core.errors import ContractError
from bench.core.types import Gan
from bench.gans.dcgan import DCGAN
from bench.gans.priors import Normal
from bench.gans.validate import examine, said, shape_of

SHAPE = (1, 4, 4)


class Generator(nn.Module):
    """Five numbers to a 4 x 4 image in [-1, 1], and what ``change(images, codes)`` makes of it."""

    def __init__(self, change=lambda images, codes: images):
        super().__init__()
        self.linear = nn.Linear(5, 16)
        self.change = change

    def forward(self, codes):
        return self.change(torch.tanh(self.linear(codes)).view(-1, *SHAPE), codes)


def check(generator, discriminator=None, shape=SHAPE):
    torch.manual_seed(0)
    examine(Gan(generator, discriminator, Normal(5), shape).freeze(), "cpu", "mine")


def fails(codes):
    raise ValueError("wrong size\nof something")


def test_a_gan_that_keeps_the_contract_passes():
    check(Generator())
    gan = DCGAN(width=2, code_dim=4).build((1, 28, 28), "cpu").freeze()
    examine(gan, "cpu", "dcgan")
    assert shape_of(gan.generator, gan.prior, "cpu", "dcgan") == (1, 28, 28)


def test_rounding_at_the_edge_of_the_range_passes():
    check(Generator(lambda x, z: x.sign() * 1.0005 + 0 * x))


FAULTS = {
    "fails": (lambda x, z: fails(z), r"mine: the generator fails on codes \[4, 5\]: ValueError: wrong size$"),
    "no tensor": (
        lambda x, z: {"images": x},
        r"codes \[4, 5\] gave dict, expected a tensor of images \[4, C, H, W\]",
    ),
    "flat": (lambda x, z: x.flatten(1), r"gave \[4, 16\], expected a tensor of images \[4, C, H, W\]"),
    "batch lost": (lambda x, z: x[:1], r"gave \[1, 1, 4, 4\]"),
    "NaN": (lambda x, z: x * torch.where(x > 0, torch.nan, 1.0), "NaN or infinite"),
    "bytes": (lambda x, z: (0 * x).byte() + 255 * (x > 0), r"images in \[0, 255\]; expected \[-1, 1\]"),
    "half range beyond": (lambda x, z: 2 * x.sign() + 0 * x, r"images in \[-2, 2\]; expected \[-1, 1\]"),
    "double": (lambda x, z: x.double(), "images are torch.float64; expected torch.float32"),
    "stochastic": (lambda x, z: 0.9 * x + 0.1 * torch.rand_like(x), "the generator is stochastic"),
    "coupled": (lambda x, z: 0.5 * x - 0.5 * x.mean(0), "with the other codes of its batch"),
    "detached": (lambda x, z: x.detach(), "no gradient flows from images to codes"),
    "off the path": (lambda x, z: nn.Parameter(torch.zeros(len(z), *SHAPE)), "no gradient flows"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named(fault):
    change, message = FAULTS[fault]
    torch.manual_seed(0)
    if fault == "coupled":
        change = lambda x, z: 0.5 * x - 0.5 * x.mean(0)  # noqa: E731
    with pytest.raises(ContractError, match=message) as caught:
        check(Generator(change))
    assert "\n" not in str(caught.value)


def test_batch_norm_that_stays_in_train_mode_is_found():
    class Trains(nn.Sequential):
        def train(self, mode=True):
            return super().train(True)

    generator = Trains(nn.Linear(5, 16), nn.Unflatten(1, SHAPE), nn.BatchNorm2d(1), nn.Tanh())
    with pytest.raises(ContractError, match="batch norm in train mode"):
        check(generator)
    check(nn.Sequential(*generator))


def test_a_stated_shape_that_is_not_that_of_the_images_is_refused():
    with pytest.raises(ContractError, match=r"images are \[1, 4, 4\], but image_shape is \[1, 8, 8\]"):
        check(Generator(), shape=(1, 8, 8))


class Judge(nn.Module):
    def __init__(self, layers, maps):
        super().__init__()
        self.layers, self.maps = layers, maps

    def features(self, x, layers):
        return self.maps(x)


def test_a_discriminator_has_layers_and_features():
    check(Generator(), Judge(("last",), lambda x: [x]))
    with pytest.raises(ContractError, match=r"lacks layers .* and features\(x, layers\)"):
        check(Generator(), nn.Linear(16, 1))
    with pytest.raises(ContractError, match=r"lacks layers \(names of its activation maps, 'last' among them\); add"):
        check(Generator(), Judge(("conv1",), lambda x: [x]))


def test_features_are_one_map_of_each_image():
    with pytest.raises(ContractError, match="the discriminator's features fail: IndexError"):
        check(Generator(), Judge(("last",), lambda x: x.tolist()[99]))
    for maps in (
        lambda x: [x.mean()],
        lambda x: [],
        lambda x: ["map"],
        lambda x: [x, x],
        lambda x: x,
        lambda x: None,
    ):
        with pytest.raises(ContractError, match="features of one layer of 4 images gave"):
            check(Generator(), Judge(("last",), maps))


def test_an_error_of_somebody_elses_code_is_one_line():
    assert said(ValueError()) == "ValueError: "
    assert said(KeyError("w\nx")) == r"KeyError: 'w\nx'"
    long = "The following operation failed in the TorchScript interpreter.\nTraceback ...\nRuntimeError: mat1"
    assert said(RuntimeError(long)) == "RuntimeError: mat1"
