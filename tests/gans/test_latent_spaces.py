"""A GAN seen through w, w+ and its weights; the last against a generator whose weights were really changed."""

import copy

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from bench.core.errors import NotApplicable
from bench.core.options import create
from bench.core.types import Gan
from bench.gans.dcgan import DCGAN
from bench.gans.latent_spaces import FittedNormal, GeneratorWeightsView, in_latent_space, tunable
from bench.gans.priors import make_prior
from bench.gans.stylegan import StyleGAN


@pytest.fixture
def gan():
    torch.manual_seed(0)
    return StyleGAN(width=8, code_dim=12).build((1, 32, 32), "cpu").freeze()


@pytest.fixture
def z(gan):
    return gan.prior.sample(5, torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("space", "dim"), [("w", 12), ("w+", 8 * 12)])
def test_codes_of_a_view_make_the_same_images(gan, z, space, dim):
    view = gan.view(space)
    codes = view.translate(z)
    assert codes.shape == (5, dim)
    assert view.code_dim == dim
    assert torch.equal(view.decode(codes), gan.decode(z))
    assert (view.calls, gan.calls) == (5, 10)


def test_each_style_of_w_plus_acts_on_its_own(gan, z):
    view = gan.view("w+")
    codes = view.translate(z)
    mixed = codes.clone()
    mixed[:, -12:] = 0
    assert not torch.allclose(view.decode(mixed), view.decode(codes))


@pytest.mark.parametrize("space", ["w", "w+"])
def test_the_prior_of_a_view_is_fitted_to_mapped_codes(gan, space):
    view = gan.view(space)
    drawn = view.prior.sample(4000, torch.Generator().manual_seed(1))
    mapped = view.translate(gan.prior.sample(4000, torch.Generator().manual_seed(2)))
    spread = mapped.std(0)
    assert float(((drawn.mean(0) - mapped.mean(0)) / spread).abs().max()) < 0.1
    torch.testing.assert_close(drawn.std(0), spread, rtol=0.1, atol=0)
    assert torch.equal(drawn, gan.view(space).prior.sample(4000, torch.Generator().manual_seed(1)))


def test_a_view_shares_what_the_gan_is(gan, z):
    view = gan.view("w")
    assert view.view("z") is gan
    assert view.view("w+").code_dim == 96
    assert view.checksum() == gan.checksum()
    assert view.provenance == gan.provenance
    images = gan.decode(z)
    assert torch.equal(view.features(images), gan.features(images))


def test_a_gan_without_styles_has_its_own_codes_only():
    gan = DCGAN(width=4, code_dim=6).build((1, 28, 28), "cpu")
    assert gan.view("z") is gan
    assert torch.equal(gan.translate(torch.ones(2, 6)), torch.ones(2, 6))
    with pytest.raises(NotApplicable, match="this GAN has no w codes; it has z"):
        gan.view("w")


def test_an_unknown_space_is_refused_with_those_there_are(gan):
    with pytest.raises(NotApplicable, match=r"no features codes; it has z, w, w\+"):
        gan.view("features")


def test_a_fitted_normal_agrees_with_scipy():
    mean, std = torch.tensor([1.0, -2.0, 0.0]), torch.tensor([0.5, 3.0, 1.0])
    prior, reference = FittedNormal(mean, std), stats.norm(mean.numpy(), std.numpy())
    codes = prior.sample(2000, torch.Generator().manual_seed(0))
    for k in range(3):
        assert stats.kstest(codes[:, k].numpy(), stats.norm(mean[k], std[k]).cdf).pvalue > 0.01
    np.testing.assert_allclose(prior.log_prob(codes), reference.logpdf(codes.numpy()).sum(1), rtol=1e-5, atol=1e-5)
    u = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)).clamp(0.01, 0.99)
    np.testing.assert_allclose(prior.from_uniform(u), reference.ppf(u.numpy()), atol=1e-4)
    assert torch.equal(prior.project(codes * 9), codes * 9)


def test_a_coordinate_that_does_not_vary_keeps_a_density():
    prior = FittedNormal(torch.zeros(2), torch.tensor([1.0, 0.0]))
    assert prior.log_prob(torch.zeros(1, 2)).isfinite().all()


# --------------------------------------------------------------------------------------------------- weights


@pytest.fixture(scope="module")
def plain():
    torch.manual_seed(0)
    gan = create("gan", "dcgan", {"width": 4, "code_dim": 6}).build((1, 28, 28), "cpu")
    with torch.no_grad():  # statistics that differ from those of a new network
        gan.generator.train()(torch.randn(32, 6))
    return gan.freeze()


def codes_of(view, count=3):
    codes = view.prior.sample(count, torch.Generator().manual_seed(1))
    codes[:, 6:] = torch.randn(count, view.code_dim - 6, generator=torch.Generator().manual_seed(2)) * 0.05
    return codes


def test_each_image_comes_from_its_own_generator(plain):
    view = GeneratorWeightsView(plain)
    codes = codes_of(view)
    expected = []
    for code in codes:
        generator = copy.deepcopy(plain.generator)
        rest = code[6:]
        for name, weight in generator.named_parameters():
            if name in tunable(plain.generator):
                weight.data += rest[: weight.numel()].view_as(weight)
                rest = rest[weight.numel() :]
        assert not len(rest)
        expected.append(generator(code[None, :6]))
    torch.testing.assert_close(view.decode(codes), torch.cat(expected), rtol=1e-4, atol=1e-5)


def test_fully_connected_layers_stay_and_every_other_parameter_counts(plain):
    layers = {id(p) for m in plain.generator.modules() if isinstance(m, nn.Linear) for p in m.parameters()}
    others = sum(p.numel() for p in plain.generator.parameters() if id(p) not in layers)
    assert layers
    assert GeneratorWeightsView(plain).code_dim == 6 + others


def test_codes_of_the_prior_change_nothing(plain):
    view = GeneratorWeightsView(plain)
    z = plain.prior.sample(4, torch.Generator().manual_seed(3))
    torch.testing.assert_close(view.decode(view.translate(z)), plain.decode(z), rtol=1e-4, atol=1e-5)
    assert (view.prior.sample(4, torch.Generator().manual_seed(3))[:, 6:] == 0).all()
    codes = codes_of(view)
    assert torch.equal(view.prior.log_prob(codes), plain.prior.log_prob(codes[:, :6]))
    assert torch.equal(view.prior.project(codes)[:, 6:], codes[:, 6:])


def test_calls_count_for_the_gan_and_its_weights_stay(plain):
    before, calls = plain.checksum(), plain.calls
    view = in_latent_space(plain, "weights")
    view.decode(codes_of(view))
    assert plain.calls - calls == 3
    assert view.checksum() == plain.checksum() == before
    assert view.view("z") is plain


def test_a_style_generator_is_tuned_around_its_styles():
    torch.manual_seed(0)
    gan = create("gan", "stylegan", {"width": 4, "code_dim": 8}).build((1, 32, 32), "cpu").freeze()
    view = in_latent_space(gan.view("w"), "weights")
    z = gan.prior.sample(2, torch.Generator().manual_seed(0))
    torch.testing.assert_close(view.decode(view.translate(z)), gan.decode(z), rtol=1e-3, atol=1e-4)
    assert gan.calls == 4  # two images of each, whichever way they were asked for


def test_a_generator_of_fully_connected_layers_has_nothing_to_tune():
    gan = Gan(nn.Sequential(nn.Linear(3, 4)), None, make_prior("normal", 3), (4, 1, 1))
    with pytest.raises(NotApplicable, match="no weights outside fully connected layers"):
        in_latent_space(gan, "weights")
