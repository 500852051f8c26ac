import numpy as np
import pytest
import torch
from scipy import stats

from bench.core.errors import NotApplicable
from bench.gans.dcgan import DCGAN
from bench.gans.stylegan import StyleGAN
from bench.gans.views import FittedNormal


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
