from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

from bench.core.types import Gan
from bench.gans.priors import Normal
from methods.latent_bounds import Support
from methods.lbfgs import QuasiNewton
from methods.preconditioner import inverse_metric, mean_metric
from methods.reconstruction import LeastSquaresProblem


class Valley(nn.Module):
    """Rosenbrock's residuals (z, 10 (y - z^2)), twice, as a 1 x 2 x 2 image."""

    def forward(self, codes):
        z, y = codes[:, ::2], codes[:, 1::2]
        return torch.stack([z, 10 * (y - z**2)], 2).view(-1, 1, 2, 2)


@pytest.fixture
def valley():
    return Gan(Valley(), None, Normal(4), (1, 2, 2))


@pytest.fixture
def targets():
    return torch.randn(12, 1, 4, 4, generator=torch.Generator().manual_seed(3)) * 0.3


@pytest.mark.parametrize("probes", [0, 256])
def test_it_finds_the_least_squares_solution(ready, linear, targets, probes):
    method = ready("lbfgs", linear, budget={"search_steps": 30}, probes=probes)
    torch.testing.assert_close(method.invert(targets), linear.generator.solve(targets), atol=1e-3, rtol=0)


@pytest.mark.parametrize("history", [3, 20])
def test_it_ends_where_scipy_ends_in_a_curved_valley(ready, valley, history):
    rng = torch.Generator().manual_seed(0)
    x, start = torch.randn(10, 1, 2, 2, generator=rng), torch.randn(10, 4, generator=rng)
    refiner = ready(
        "lbfgs", valley, kind="refiner", budget={"refine_steps": 300}, history=history, probes=0,
        precision="float64", tolerance=1e-20,
    )  # fmt: skip
    found = refiner.refine(x, start)
    for code, image, first in zip(found, x.flatten(1).double().numpy(), start.double().numpy(), strict=True):

        def loss(z, image=image):
            out = np.array([z[0], 10 * (z[1] - z[0] ** 2), z[2], 10 * (z[3] - z[2] ** 2)])
            return np.square(out - image).sum()

        expected = minimize(loss, first, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-20, "gtol": 1e-10}).x
        torch.testing.assert_close(code.double(), torch.tensor(expected), atol=2e-4, rtol=0)


def test_a_quadratic_in_d_dimensions_takes_about_d_steps(ready):
    """L-BFGS with exact line search ends after d steps; backtracking needs a few more, gradient descent hundreds."""
    rng = torch.Generator().manual_seed(1)
    left, right = (torch.linalg.qr(torch.randn(8, 8, generator=rng, dtype=torch.float64)).Q for _ in range(2))
    generator = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Unflatten(1, (1, 2, 4)))
    generator[0].weight.data = (left @ torch.diag(torch.logspace(0, 1.5, 8).double()) @ right).float()
    gan = Gan(generator.requires_grad_(False), None, Normal(8), (1, 2, 4))
    x = torch.randn(6, 1, 2, 4, generator=rng)
    refiner = ready(
        "lbfgs", gan, kind="refiner", budget={"refine_steps": 40}, probes=0, precision="float64", tolerance=0.0
    )
    found = refiner.refine(x, torch.zeros(6, 8))
    torch.testing.assert_close(found, torch.linalg.solve(generator[0].weight, x.flatten(1).T).T, atol=1e-3, rtol=0)


def test_the_error_never_rises(ready, trained, digits, error):
    x = digits.val.floats(slice(0, 6))
    errors = [
        error(trained, ready("lbfgs", trained, budget={"search_steps": n}, probes=64).invert(x), x)
        for n in (0, 1, 3, 9)
    ]
    for before, after in pairwise(errors):
        assert (after <= before + 1e-6).all()


def test_it_recovers_images_of_the_generator(ready, trained, own, error):
    x = own[1][:16]
    found = ready("lbfgs", trained, budget={"search_steps": 150}, starts=4, probes=512, stretch=0.9).invert(x)
    assert (error(trained, found, x) < 1e-6).float().mean() > 0.8


def test_images_have_no_part_in_each_others_history(ready, trained, digits):
    """An image of which three copies are searched beside hard ones moves as it does beside easy ones."""
    x = digits.val.floats(slice(0, 6))
    problem, run = LeastSquaresProblem(trained, x), ready("lbfgs", trained).run
    start = trained.prior.sample(6, torch.Generator().manual_seed(4))
    search = QuasiNewton(problem, Support(trained.prior, "none", 0), None, 5, 0.0, run)
    together = search.minimise(start, 6)
    other = LeastSquaresProblem(trained, torch.cat([x[:3], -x[3:]]))
    apart = QuasiNewton(other, Support(trained.prior, "none", 0), None, 5, 0.0, run).minimise(start, 6)
    torch.testing.assert_close(apart[:3], together[:3], atol=1e-3, rtol=0)
    assert not torch.allclose(apart[3:], together[3:], atol=1e-2)


# ----------------------------------------------------------------------------------------- the mean metric


def test_the_metric_of_a_linear_generator_is_its_gram_matrix(linear):
    metric = mean_metric(linear, 20_000)
    torch.testing.assert_close(metric, 4 * torch.eye(3).double(), atol=0.15, rtol=0)


def test_the_metric_is_the_mean_over_the_prior(trained):
    codes = trained.prior.sample(200, torch.Generator().manual_seed(8))
    _, _, squares = LeastSquaresProblem(trained, torch.zeros(200, 1, 28, 28)).normal_equations(codes)
    metric, mean = mean_metric(trained, 8_000), squares.double().mean(0)
    assert (metric - mean).norm() < 0.15 * mean.norm()


def test_the_metric_costs_a_call_a_probe_and_leaves_out_what_is_no_number(linear):
    before = linear.calls
    right = mean_metric(linear, 300)
    assert linear.calls - before == 300
    assert torch.equal(right, mean_metric(linear, 300))

    class Broken(nn.Module):
        def forward(self, z):
            return torch.where((z[:, 0] > 1)[:, None, None, None], torch.nan, linear.generator(z))

    partly = mean_metric(Gan(Broken(), None, linear.prior, linear.image_shape), 4_000)
    torch.testing.assert_close(partly, 4 * torch.eye(3).double(), atol=0.4, rtol=0)


def test_damping_is_a_share_of_the_mean_eigenvalue():
    metric = torch.diag(torch.tensor([1.0, 2.0, 6.0]).double())
    expected = torch.diag(1 / (torch.tensor([1.0, 2.0, 6.0]).double() + 0.5 * 3))
    torch.testing.assert_close(inverse_metric(metric, 0.5), expected)
    assert torch.equal(inverse_metric(torch.zeros(2, 2), 0.5), torch.eye(2))


def test_the_metric_is_estimated_once_for_a_gan(ready, linear, targets):
    method = ready("lbfgs", linear, budget={"search_steps": 1}, probes=300)
    counts = []
    for _ in range(2):
        before = linear.calls
        method.invert(targets)
        counts.append(linear.calls - before)
    assert counts[0] - counts[1] == 300
