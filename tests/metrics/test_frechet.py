"""Fréchet distance against closed forms, scipy and torch-fidelity, for more and fewer samples than features."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from bench.core.errors import ContractError
from bench.metrics.frechet import frechet_distance, frechet_influences, trace_sqrt_product


def two_sets(count, other, dim, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dim, dim, generator=generator, dtype=torch.float64) / dim**0.5
    first = torch.randn(count, dim, generator=generator, dtype=torch.float64)
    second = torch.randn(other, dim, generator=generator, dtype=torch.float64) @ mix + 0.3
    return first, second


def torch_fidelity(first, second):
    return fid_statistics_to_metric(fid_features_to_statistics(first), fid_features_to_statistics(second), False)[
        KEY_METRIC_FID
    ]


def with_sqrtm(first, second):
    covariances = [np.cov(x.numpy(), rowvar=False) for x in (first, second)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    offset = (first.mean(0) - second.mean(0)).square().sum().item()
    return offset + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root).real


@pytest.mark.parametrize(
    ("count", "other", "dim"),
    [
        (300, 300, 24),
        (300, 80, 24),
        (24, 24, 24),
        (25, 25, 24),
        (30, 30, 64),
        (20, 100, 64),
        (100, 20, 64),
        (2, 2, 16),
    ],
)
def test_equals_torch_fidelity_for_every_ratio_of_samples_to_features(count, other, dim):
    first, second = two_sets(count, other, dim)
    assert frechet_distance(first, second) == pytest.approx(torch_fidelity(first, second), rel=1e-5, abs=1e-5)


def test_equals_scipy_sqrtm():
    first, second = two_sets(400, 400, 32)
    assert frechet_distance(first, second) == pytest.approx(with_sqrtm(first, second), rel=1e-8)


def test_float32_features_give_the_same_distance():
    first, second = two_sets(300, 300, 24)
    assert frechet_distance(first.float(), second.float()) == pytest.approx(frechet_distance(first, second), rel=1e-5)


@pytest.mark.parametrize(("count", "dim"), [(200, 20), (20, 200)])
def test_a_shift_costs_its_squared_length(count, dim):
    first, _ = two_sets(count, count, dim)
    shift = torch.linspace(-1, 2, dim, dtype=torch.float64)
    expected = shift.square().sum().item()
    assert frechet_distance(first, first + shift) == pytest.approx(expected, rel=1e-9)


def test_a_scaling_of_both_axes_has_a_closed_form():
    first, _ = two_sets(500, 500, 12)
    centred = first - first.mean(0)
    scales = torch.linspace(0.5, 3, 12, dtype=torch.float64)
    white = centred @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(centred.T))).T
    expected = (scales - 1).square().sum().item()
    assert frechet_distance(white, white * scales) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("count", "dim"), [(200, 20), (20, 200)])
def test_a_permutation_changes_nothing(count, dim):
    first, second = two_sets(count, count, dim)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
    assert frechet_distance(first, first[order]) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(first, second[order]) == pytest.approx(frechet_distance(first, second), rel=1e-9)


def test_dead_features_are_no_obstacle():
    first, second = two_sets(300, 300, 24)
    dead = torch.zeros(300, 8, dtype=torch.float64)
    padded = frechet_distance(torch.cat([first, dead], 1), torch.cat([second, dead], 1))
    assert padded == pytest.approx(frechet_distance(first, second), rel=1e-6)


def test_a_singular_covariance_takes_the_symmetric_root():
    low_rank = torch.randn(24, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    singular = low_rank @ low_rank.T
    singular[0] = singular[:, 0] = 0.0
    assert torch.linalg.cholesky_ex(singular).info > 0
    assert trace_sqrt_product(singular, singular) == pytest.approx(singular.trace().item(), rel=1e-6)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples_say_how_many_are_needed(count):
    first, second = two_sets(5, 5, 4)
    with pytest.raises(ContractError, match=f"at least 2 samples a side, got {count}"):
        frechet_distance(first[:count], second)


def test_other_mistakes_are_named():
    first, second = two_sets(5, 5, 4)
    with pytest.raises(ContractError, match="expected features"):
        frechet_distance(first, second[:, :3])
    with pytest.raises(ContractError, match="not finite"):
        frechet_distance(first, second / 0.0)


def test_influences_are_the_derivatives_of_the_distance():
    """The distance of moments in which one image weighs 1e-5 more, by scipy's matrix root."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5))
    y = 0.8 * x + rng.normal(size=(40, 5)) + 0.3

    def distance(weights):
        means = [weights @ side for side in (x, y)]
        scatter = [
            (side - m).T @ ((side - m) * weights[:, None]) * 40 / 39 for side, m in zip((x, y), means, strict=True)
        ]
        cross = scipy.linalg.sqrtm(scatter[0] @ scatter[1])
        return np.square(means[0] - means[1]).sum() + np.trace(scatter[0] + scatter[1] - 2 * cross.real)

    even, step = np.full(40, 1 / 40), 1e-5
    found = frechet_influences(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    for image in (0, 7, 39):
        up, down = ((1 - s) * even + s * np.eye(40)[image] for s in (step, -step))
        slope = (distance(up) - distance(down)) / (2 * step)
        assert found[image] == pytest.approx(slope, rel=0.06, abs=0.05)  # covariances over 39 in place of 40
    assert found.mean() == pytest.approx(0, abs=0.05 * np.abs(found).max())


def test_the_spread_of_influences_is_the_error_of_the_distance():
    """The standard error over independent sets of images, seen in 300 of them."""
    generator = torch.Generator().manual_seed(0)
    values, errors = [], []
    for _ in range(300):
        x = torch.randn(400, 4, generator=generator, dtype=torch.float64)
        y = 0.7 * x + torch.randn(400, 4, generator=generator, dtype=torch.float64) + 0.5
        values.append(frechet_distance(x, y))
        errors.append(float(frechet_influences(x, y).std()) / 400**0.5)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_there_are_no_influences_without_a_regular_covariance():
    few = torch.randn(5, 8)
    assert frechet_influences(few, few + 1) is None
    constant = torch.ones(50, 3)
    assert frechet_influences(constant, constant) is None
    assert frechet_influences(torch.randn(50, 3), constant) is None
