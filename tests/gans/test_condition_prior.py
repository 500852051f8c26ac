import math

import numpy as np
import pytest
import torch
from scipy import stats

from bench.gans.condition_prior import ConditionPrior
from bench.gans.priors import Normal, Uniform

ROWS = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
SHARES = torch.tensor([0.1, 0.2, 0.3, 0.4])


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=[Normal(2), Uniform(2)])
def prior(request) -> ConditionPrior:
    made = ConditionPrior(request.param, 3)
    made.load_state({"rows": ROWS, "probabilities": SHARES})
    return made


def counts(y: torch.Tensor) -> list[int]:
    found = (y[:, None] == ROWS).all(2)
    assert found.any(1).all()
    return found.sum(0).tolist()


def test_conditions_come_with_their_probabilities_and_independent_of_the_noise(prior):
    z, y = prior.split(prior.sample(4000, rng(1)))
    assert z.shape == (4000, 2)
    assert y.dtype == torch.float32
    assert stats.chisquare(counts(y), 4000 * SHARES.double().numpy() / float(SHARES.double().sum())).pvalue > 0.01
    reference = stats.norm() if isinstance(prior.noise, Normal) else stats.uniform(-1, 2)
    for row in ROWS:
        assert stats.kstest(z[(y == row).all(1)].flatten().numpy(), reference.cdf).pvalue > 0.01


def test_one_uniform_number_picks_the_row_by_cumulative_probability(prior):
    u = torch.full((6, 5), 0.5)
    u[:, 2] = torch.tensor([1e-7, 0.09, 0.11, 0.31, 0.61, 1 - 1e-7])
    u[:, 3:] = torch.rand(6, 2, generator=rng())
    z, y = prior.split(prior.from_uniform(u))
    assert torch.equal(y, ROWS[[0, 0, 1, 2, 3, 3]])
    assert torch.equal(z, torch.zeros(6, 2))


def test_a_cumulative_probability_that_rounds_below_one_still_has_a_last_row():
    prior = ConditionPrior(Normal(1), 2)
    prior.load_state({"rows": torch.eye(2), "probabilities": torch.tensor([0.5, 0.49996])})
    assert prior.from_uniform(torch.tensor([[0.5, 0.99999, 0.5]])).tolist() == [[0.0, 0.0, 1.0]]


def test_density_is_that_of_the_noise_times_the_probability_of_the_row():
    prior = ConditionPrior(Normal(2), 3)
    prior.load_state({"rows": ROWS, "probabilities": SHARES})
    z = torch.randn(4, 2, generator=rng())
    expected = stats.norm.logpdf(z.double().numpy()).sum(1) + np.log([0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(prior.log_prob(torch.cat([z, ROWS], 1)), expected, rtol=1e-5)


def test_a_condition_that_is_no_row_has_no_density():
    prior = ConditionPrior(Uniform(1), 2)
    codes = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.999], [2.0, 0.0, 1.0]])
    assert prior.log_prob(codes).tolist() == [pytest.approx(-2 * math.log(2)), -math.inf, -math.inf, -math.inf]


def test_the_gradient_of_the_density_is_that_of_the_noise():
    prior = ConditionPrior(Normal(2), 2)
    codes = torch.tensor([[0.3, -2.0, 1.0, 0.0]], requires_grad=True)
    prior.log_prob(codes).sum().backward()
    torch.testing.assert_close(codes.grad, torch.tensor([[-0.3, 2.0, 0.0, 0.0]]))


def test_projection_takes_the_nearest_row_and_the_noises_own_projection():
    prior = ConditionPrior(Uniform(1), 3)
    prior.load_state({"rows": ROWS, "probabilities": SHARES})
    codes = torch.tensor([[1.5, 0.9, 0.2, 0.1], [0.5, 0.4, 0.7, 0.9], [-3.0, 9.0, 9.0, 9.0]])
    expected = torch.cat([torch.tensor([[1.0], [0.5], [-1.0]]), ROWS[[0, 1, 2]]], 1)
    assert torch.equal(prior.project(codes), expected)
    assert prior.log_prob(prior.project(codes)).isfinite().all()


def test_samples_are_where_projection_leaves_them(prior):
    codes = prior.sample(50, rng())
    assert codes.shape == (50, prior.dim)
    assert torch.equal(prior.project(codes), codes)


def test_other_rows_are_never_the_own_and_keep_their_shares(prior):
    y = ROWS[[3]].expand(3000, -1)
    found = counts(prior.sample_other(y, rng()))
    assert found[3] == 0
    assert stats.chisquare(found[:3], [500, 1000, 1500]).pvalue > 0.01


def test_a_prior_without_training_images_draws_each_one_hot_row_alike():
    y = ConditionPrior(Normal(2), 4).sample(2000, rng())[:, 2:]
    assert torch.equal(y.sum(1), torch.ones(2000))
    assert stats.chisquare(y.sum(0).numpy()).pvalue > 0.01


@pytest.mark.parametrize(
    ("rows", "probabilities", "message"),
    [
        (torch.eye(4), torch.full((4,), 0.25), r"shape \(4, 4\); it should be rows of 3 numbers"),
        (torch.ones(3), torch.ones(3) / 3, r"shape \(3,\)"),
        (ROWS, torch.ones(3) / 3, r"4 rows and probabilities \(3,\)"),
        (ROWS, torch.tensor([0.5, 0.5, 0.5, -0.5]), "positive and sum to 1"),
        (ROWS, torch.full((4,), 0.2), "positive and sum to 1"),
        (ROWS[:0], torch.ones(0), "positive and sum to 1"),
    ],
)
def test_a_table_that_is_no_distribution_is_refused(prior, rows, probabilities, message):
    with pytest.raises(ValueError, match=message):
        prior.load_state({"rows": rows, "probabilities": probabilities})
    assert torch.equal(prior.rows, ROWS)
