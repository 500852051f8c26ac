import numpy as np
import pytest
import torch
from scipy import stats

from bench.gans.regularizers.noise import InstanceNoise


def noisy(progress, x):
    noise = InstanceNoise(0.5, 1e-3)
    noise.begin(progress, torch.Generator().manual_seed(0))
    return noise, noise.view(x)


def test_the_schedule_is_numpys_logspace():
    expected = np.geomspace(0.5, 1e-3, 11)
    found = [noisy(progress, torch.zeros(1))[0].sigma for progress in np.linspace(0, 1, 11)]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("progress", [0.0, 0.5])
def test_the_noise_is_normal_with_the_stated_deviation(progress):
    x = torch.rand(50, 1, 20, 20)
    noise, seen = noisy(progress, x)
    assert stats.kstest(((seen - x) / noise.sigma).flatten().numpy(), "norm").pvalue > 0.01


def test_each_look_has_fresh_noise_and_gradients_pass():
    x = torch.zeros(2, 1, 4, 4, requires_grad=True)
    noise, first = noisy(0.0, x)
    assert not torch.equal(first, noise.view(x))
    (gradient,) = torch.autograd.grad(first.sum(), x)
    assert torch.equal(gradient, torch.ones_like(x))
