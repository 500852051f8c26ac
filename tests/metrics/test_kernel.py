"""Kernel inception distance against torch-fidelity, a closed form, and what it promises of its bias."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

from bench.core.errors import BenchError, ContractError
from bench.metrics.evaluation import evaluate, open_metrics
from bench.metrics.kernel import kernel_distance, mmd_influences, squared_mmd


def two_sets(count, other, dim, shift=0.5):
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(count, dim, generator=generator)
    return first, torch.randn(other, dim, generator=generator) * 1.3 + shift


@pytest.mark.parametrize(("count", "other", "dim", "subset"), [(60, 60, 8, 20), (50, 90, 64, 50), (12, 30, 300, 10)])
def test_equals_torch_fidelity_mean_and_spread(count, other, dim, subset):
    first, second = (x.double() for x in two_sets(count, other, dim))
    options = {"kid_subsets": 100, "kid_subset_size": subset, "rng_seed": 2020, "verbose": False}
    expected = kid_features_to_metric(first, second, **options)
    found = kernel_distance(first, second, subset=subset)
    assert found[0] == pytest.approx(expected[KEY_METRIC_KID_MEAN], rel=1e-9)
    assert found[1] == pytest.approx(expected[KEY_METRIC_KID_STD], rel=1e-9)


def test_two_points_of_one_number_have_a_closed_form():
    x, y = torch.tensor([[1.0], [2.0]]).double(), torch.tensor([[0.0], [1.0]]).double()
    # k(a, b) = (ab + 1)^3: within x 3^3, within y 1, across the mean of 1, 2^3, 1, 3^3
    assert squared_mmd(x, y) == pytest.approx(27 + 1 - 2 * (1 + 8 + 1 + 27) / 4)


def test_samples_of_one_distribution_are_zero_on_average_whatever_their_number():
    generator = torch.Generator().manual_seed(1)
    for count in (20, 80):
        found = [squared_mmd(*torch.randn(2, count, 4, generator=generator, dtype=torch.float64)) for _ in range(300)]
        assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))
        assert min(found) < 0


def test_features_stay_as_they_are_and_a_call_repeats():
    first, second = two_sets(40, 40, 6)
    before = first.clone()
    assert kernel_distance(first, second, subset=10) == kernel_distance(first, second, subset=10)
    assert torch.equal(first, before)
    assert kernel_distance(first, second, subset=10, seed=1) != kernel_distance(first, second, subset=10)


@pytest.mark.parametrize(
    ("first", "second", "subset", "message"),
    [
        (torch.zeros(9, 3), torch.zeros(20, 3), 10, "needs at least 10 samples a side, got 9"),
        (torch.zeros(9, 3), torch.zeros(9, 4), 5, "got .9, 3. and .9, 4."),
        (torch.full((9, 3), torch.nan), torch.zeros(9, 3), 5, "not finite"),
        (torch.zeros(9, 3), torch.zeros(9, 3), 1, "a subset of 1 has no pair"),
    ],
)
def test_mistakes_are_named(first, second, subset, message):
    with pytest.raises(ContractError, match=message):
        kernel_distance(first, second, subset=subset)


def test_the_metric_says_how_many_images_a_subset_takes(pixel_gan, make_images, readers):
    images = make_images(30, (1, 4, 4))
    names = ["kid@plain", "kid:20@plain"]
    metrics = open_metrics(names)
    assert [m.name for m in metrics] == names
    result = evaluate(
        pixel_gan((1, 4, 4)), images, images.floats(slice(None)).flatten(1), metrics, track="test", device="cpu"
    )
    assert result.skipped == {"kid@plain": "needs at least 1,000 images, got 30"}
    flat = images.data.flatten(1).float() - 127.5
    expected = kernel_distance(flat, flat, subset=20)
    assert result.summaries["kid:20@plain"] == {"value": expected[0], "sd": expected[1], "n": 30}
    assert metrics[1].protocol()["subset"] == 20


def test_an_argument_that_is_no_number_is_refused():
    with pytest.raises(BenchError, match="option subset = 'many' should be int"):
        open_metrics(["kid:many@fashion-mnist-cnn"])


def test_the_mean_of_leaving_one_out_is_what_influences_say():
    """Without image i the U-statistic changes by about -influence_i / (N - 1)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 4, generator=generator)
    y = 0.5 * x + torch.randn(60, 4, generator=generator)
    found, whole = mmd_influences(x, y), paired_mmd(x, y)
    without = torch.tensor(
        [paired_mmd(*(torch.cat([side[:i], side[i + 1 :]]) for side in (x, y))) for i in range(60)],
        dtype=torch.float64,
    )
    assert found.mean().item() == pytest.approx(0, abs=1e-9)
    assert torch.allclose(found, (whole - without) * 58, rtol=1e-6, atol=1e-9)


def paired_mmd(x, y):
    """The U-statistic over pairs of images: k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i), i ≠ j."""
    kernel = lambda a, b: (a.double() @ b.double().T / a.shape[1] + 1) ** 3  # noqa: E731
    h = kernel(x, x) + kernel(y, y) - kernel(x, y) - kernel(x, y).T
    return float((h.sum() - h.trace()) / (len(x) * (len(x) - 1)))
