import math

import numpy as np
import pytest
import torch
from scipy import stats

from bench.gans.priors import Normal, Uniform, image_noise, make_prior

PRIORS = [(Normal(5), stats.norm()), (Uniform(5), stats.uniform(-1, 2)), (Uniform(5, 0.0, 3.0), stats.uniform(0, 3))]


@pytest.mark.parametrize(("prior", "reference"), PRIORS)
def test_sampling_and_density_agree_with_scipy(prior, reference):
    codes = prior.sample(4000, torch.Generator().manual_seed(1))
    assert codes.shape == (4000, 5)
    assert codes.dtype == torch.float32
    assert stats.kstest(codes.flatten().numpy(), reference.cdf).pvalue > 0.01
    expected = reference.logpdf(codes.double().numpy()).sum(1)
    np.testing.assert_allclose(prior.log_prob(codes), expected, rtol=1e-5)


@pytest.mark.parametrize(("prior", "reference"), PRIORS)
def test_from_uniform_is_the_inverse_distribution_function(prior, reference):
    u = torch.linspace(0.001, 0.999, 100)[:, None].repeat(1, 5)
    np.testing.assert_allclose(prior.from_uniform(u), reference.ppf(u.double().numpy()), atol=1e-4)


def test_codes_outside_the_support_have_no_density_and_are_clipped():
    prior = Uniform(2)
    z = torch.tensor([[0.5, 1.5], [-0.5, 0.5]])
    assert prior.log_prob(z).tolist() == [-math.inf, pytest.approx(-2 * math.log(2))]
    assert prior.project(z).tolist() == [[0.5, 1.0], [-0.5, 0.5]]
    assert torch.equal(Normal(2).project(z * 9), z * 9)


def test_a_prior_is_chosen_by_name():
    assert make_prior("uniform", 3) == Uniform(3)
    assert make_prior("normal", 3) == Normal(3)


# ---------------------------------------------------------------------------------------- noise of an image


def pictures(count: int) -> torch.Tensor:
    levels = torch.randint(0, 256, (count, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    return levels / 127.5 - 1


def test_noise_is_uniform_over_images_and_over_coordinates():
    noise = image_noise(pictures(2000), 7, 16)
    assert float(noise.min()) > 0.0
    assert float(noise.max()) < 1.0
    assert stats.kstest(noise.flatten().numpy(), "uniform").pvalue > 0.01
    assert min(stats.kstest(column.numpy(), "uniform").pvalue for column in noise.T) > 0.01 / 16
    correlation = np.corrcoef(noise.T.numpy()) - np.eye(16)
    assert abs(correlation).max() < 5 / math.sqrt(2000)


def test_noise_of_nearly_equal_images_is_independent():
    x = torch.zeros(256, 1, 16, 16)
    x.view(256, 256)[range(256), range(256)] = 1 / 127.5  # each differs from the others in two pixels, by one level
    noise = image_noise(x, 3, 16)
    assert stats.kstest(noise.flatten().numpy(), "uniform").pvalue > 0.01


def test_noise_does_not_depend_on_batch_mates():
    x = pictures(9)
    together = image_noise(x, 7, 5)
    assert torch.equal(torch.cat([image_noise(one[None], 7, 5) for one in x]), together)
    assert torch.equal(image_noise(x.flip(0), 7, 5).flip(0), together)
    assert torch.equal(image_noise(x, 7, 10)[:, :5], together)


def test_noise_depends_on_the_seed_and_on_the_place_of_a_pixel():
    x = pictures(50)
    assert not torch.isclose(image_noise(x, 7, 4), image_noise(x, 8, 4)).any(1).all()
    assert not torch.equal(image_noise(x, 7, 4), image_noise(x.flip(3), 7, 4))
    assert image_noise(x, 2**63 - 1, 4).isfinite().all()


def test_extreme_bits_stay_strictly_inside():
    noise = image_noise(pictures(1), 0, 2**22)
    assert 0.0 < float(noise.min()) < 2e-6
    assert 1 - 2e-6 < float(noise.max()) < 1.0
    assert Normal(1).from_uniform(noise).isfinite().all()
