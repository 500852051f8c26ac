"""A GAN seen through its weights, against a generator whose weights were really changed."""

import copy

import pytest
import torch
from torch import nn

from bench.core.errors import NotApplicable
from bench.core.options import create
from bench.core.types import Gan
from bench.gans.priors import make_prior
from bench.gans.weights_view import WeightsView, seen, tunable


@pytest.fixture(scope="module")
def gan():
    torch.manual_seed(0)
    gan = create("gan", "dcgan", {"width": 4, "code_dim": 6}).build((1, 28, 28), "cpu")
    with torch.no_grad():  # statistics that differ from those of a new network
        gan.generator.train()(torch.randn(32, 6))
    return gan.freeze()


def codes_of(view, count=3):
    codes = view.prior.sample(count, torch.Generator().manual_seed(1))
    codes[:, 6:] = torch.randn(count, view.code_dim - 6, generator=torch.Generator().manual_seed(2)) * 0.05
    return codes


def test_each_image_comes_from_its_own_generator(gan):
    view = WeightsView(gan)
    codes = codes_of(view)
    expected = []
    for code in codes:
        generator = copy.deepcopy(gan.generator)
        rest = code[6:]
        for name, weight in generator.named_parameters():
            if name in tunable(gan.generator):
                weight.data += rest[: weight.numel()].view_as(weight)
                rest = rest[weight.numel() :]
        assert not len(rest)
        expected.append(generator(code[None, :6]))
    torch.testing.assert_close(view.decode(codes), torch.cat(expected), rtol=1e-4, atol=1e-5)


def test_fully_connected_layers_stay_and_every_other_parameter_counts(gan):
    layers = {id(p) for m in gan.generator.modules() if isinstance(m, nn.Linear) for p in m.parameters()}
    others = sum(p.numel() for p in gan.generator.parameters() if id(p) not in layers)
    assert layers
    assert WeightsView(gan).code_dim == 6 + others


def test_codes_of_the_prior_change_nothing(gan):
    view = WeightsView(gan)
    z = gan.prior.sample(4, torch.Generator().manual_seed(3))
    torch.testing.assert_close(view.decode(view.translate(z)), gan.decode(z), rtol=1e-4, atol=1e-5)
    assert (view.prior.sample(4, torch.Generator().manual_seed(3))[:, 6:] == 0).all()
    codes = codes_of(view)
    assert torch.equal(view.prior.log_prob(codes), gan.prior.log_prob(codes[:, :6]))
    assert torch.equal(view.prior.project(codes)[:, 6:], codes[:, 6:])


def test_calls_count_for_the_gan_and_its_weights_stay(gan):
    before, calls = gan.checksum(), gan.calls
    view = seen(gan, "weights")
    view.decode(codes_of(view))
    assert gan.calls - calls == 3
    assert view.checksum() == gan.checksum() == before
    assert view.view("z") is gan


def test_a_style_generator_is_tuned_around_its_styles():
    torch.manual_seed(0)
    gan = create("gan", "stylegan", {"width": 4, "code_dim": 8}).build((1, 32, 32), "cpu").freeze()
    view = seen(gan.view("w"), "weights")
    z = gan.prior.sample(2, torch.Generator().manual_seed(0))
    torch.testing.assert_close(view.decode(view.translate(z)), gan.decode(z), rtol=1e-3, atol=1e-4)
    assert gan.calls == 4  # two images of each, whichever way they were asked for


def test_a_generator_of_fully_connected_layers_has_nothing_to_tune():
    gan = Gan(nn.Sequential(nn.Linear(3, 4)), None, make_prior("normal", 3), (4, 1, 1))
    with pytest.raises(NotApplicable, match="no weights outside fully connected layers"):
        seen(gan, "weights")
