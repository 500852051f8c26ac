"""Errors and likelihoods of codes against closed forms and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch

from bench.core.types import Gan, Images
from bench.gans.condition_prior import ConditionPrior
from bench.gans.priors import Normal, Uniform
from bench.metrics.evaluation import evaluate, open_metrics


class Ramp(torch.nn.Module):
    """An image of constant grey from the first number of a code."""

    def forward(self, codes):
        return codes[:, :1, None, None].tanh().expand(-1, 1, 12, 12)


def measured(prior, codes, true, names, track="own"):
    gan = Gan(Ramp(), None, prior, (1, 12, 12)).freeze()
    with torch.no_grad():
        images = Images(gan.decode(codes if true is None else true))
    return evaluate(gan, images, codes, open_metrics(names), track=track, true_codes=true, device="cpu")


def test_le_leaves_the_condition_out():
    prior = ConditionPrior(Normal(3), 2)
    true = prior.sample(6, torch.Generator().manual_seed(0))
    codes = true.clone()
    codes[:, :3] += 0.5
    codes[:, 3:] += 7
    result = measured(prior, codes, true, ["latent_error", "code_mse"])
    assert result.summaries["latent_error"] == pytest.approx({"value": 0.25, "n": 6})
    assert result.summaries["code_mse"]["value"] == pytest.approx((3 * 0.25 + 2 * 49) / 5)


def test_le_is_the_code_error_where_there_is_no_condition():
    codes = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    result = measured(Normal(4), codes, codes * 0.5, ["latent_error", "code_mse"])
    assert result.summaries["latent_error"] == result.summaries["code_mse"]


def test_log_prob_is_scipys_normal_density_in_nats():
    codes = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    result = measured(Normal(4), codes, None, ["log_prob"], track="test")
    expected = scipy.stats.norm.logpdf(codes.numpy()).sum(1)
    np.testing.assert_allclose(result.per_image["log_prob"], expected, rtol=1e-5)
    assert result.summaries["log_prob"] == pytest.approx({"value": expected.mean(), "n": 9, "outside": 0}, rel=1e-5)


def test_codes_outside_the_support_are_counted_apart():
    codes = torch.zeros(4, 3)
    codes[1, 2] = 1.5
    result = measured(Uniform(3), codes, None, ["log_prob"], track="test")
    assert result.summaries["log_prob"] == pytest.approx({"value": -3 * math.log(2), "n": 4, "outside": 1})
    nowhere = measured(Uniform(3), codes + 2, None, ["log_prob"], track="test")
    assert nowhere.summaries["log_prob"] == {"value": -math.inf, "n": 4, "outside": 4}
