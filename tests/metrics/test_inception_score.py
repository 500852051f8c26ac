"""Inception score against torch-fidelity and its two extremes."""

from __future__ import annotations

import pytest
import torch
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

from bench.core.errors import ContractError
from bench.metrics.evaluation import evaluate, open_metrics
from bench.metrics.inception_score import inception_score


@pytest.mark.parametrize(("count", "classes", "scale"), [(100, 10, 3.0), (57, 1008, 5.0), (10, 2, 1.0)])
def test_equals_torch_fidelity_mean_and_spread(count, classes, scale):
    logits = torch.randn(count, classes, generator=torch.Generator().manual_seed(0)) * scale
    expected = isc_features_to_metric(logits)
    found = inception_score(logits)
    assert found[0] == pytest.approx(expected[KEY_METRIC_ISC_MEAN], rel=1e-9)
    assert found[1] == pytest.approx(expected[KEY_METRIC_ISC_STD], rel=1e-7, abs=1e-9)


def test_sure_of_every_class_gives_the_number_of_classes_and_sure_of_one_gives_one():
    sure = torch.eye(8).repeat(25, 1) * 1000
    assert inception_score(sure, splits=1)[0] == pytest.approx(8)
    assert inception_score(sure[:1].expand(50, 8)) == pytest.approx((1, 0))
    assert inception_score(torch.zeros(50, 8)) == pytest.approx((1, 0))


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (torch.zeros(9, 3), r"10 splits needs logits \[N >= 10, classes\], got \(9, 3\)"),
        (torch.full((20, 3), torch.nan), "not finite"),
    ],
)
def test_mistakes_are_named(logits, message):
    with pytest.raises(ContractError, match=message):
        inception_score(logits)


def test_the_metric_looks_at_reconstructions_alone(pixel_gan, make_images, readers):
    images = make_images(30, (1, 4, 4))
    codes = images.floats(slice(None)).flatten(1).flip(1)
    names = ["inception_score@ten", "inception_score@plain", "rand_is:20@ten"]
    result = evaluate(pixel_gan((1, 4, 4)), images, codes, open_metrics(names), track="test", device="cpu")
    value, spread = inception_score(images.data.flatten(1).flip(1)[:, :10] - 127.5)
    assert result.summaries == {"inception_score@ten": {"value": value, "sd": spread, "n": 30}}
    assert result.skipped == {
        "inception_score@plain": "plain is no classifier of labels",
        "rand_is:20@ten": "not on the test track",
    }
