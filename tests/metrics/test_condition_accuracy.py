"""Conditions that inferred codes ask for, against counts by hand."""

from __future__ import annotations

import pytest
import torch

from bench.core.errors import NotApplicable
from bench.core.types import EvalBatch, Images
from bench.gans.condition_prior import ConditionPrior
from bench.gans.priors import make_prior
from bench.metrics.condition_accuracy import ConditionAccuracy


def pairs(codes, prior, labels=None, attributes=None):
    x = torch.zeros(len(codes), 1, 2, 2)
    rest = (labels, attributes, ("a", "b", "c"), prior, lambda network, side: None)
    return EvalBatch(x, x, x.byte(), x.byte(), codes, None, *rest)


@pytest.fixture
def metric():
    made = ConditionAccuracy()
    made.prepare("cpu")
    return made


CONDITIONAL = ConditionPrior(make_prior("normal", 2), 3)
ASKED = torch.tensor([[9.0, 9, 1, 0, 0.6], [9, 9, 0, 0.4, 1]])


def test_attributes_count_one_by_one(metric):
    truth = torch.tensor([[True, False, True], [True, True, True]])
    values = metric.update(pairs(ASKED, CONDITIONAL, attributes=truth))
    assert values.tolist() == pytest.approx([1.0, 1 / 3])
    assert metric.compute(values.numpy())["value"] == pytest.approx(2 / 3)


def test_a_class_is_right_or_wrong(metric):
    assert metric.update(pairs(ASKED, CONDITIONAL, labels=torch.tensor([0, 1]))).tolist() == [1.0, 0.0]


def test_codes_that_say_nothing_are_not_measured(metric):
    values = metric.update(pairs(ASKED, make_prior("normal", 5), labels=torch.tensor([0, 1])))
    with pytest.raises(NotApplicable, match="the GAN is not conditional"):
        metric.compute(values.numpy())
    metric.prepare("cpu")
    values = metric.update(pairs(ASKED, CONDITIONAL, labels=torch.tensor([0, 7])))
    with pytest.raises(
        NotApplicable, match="codes hold 3 conditions, which the images' labels and attributes do not match"
    ):
        metric.compute(values.numpy())
    assert "neither labels nor attributes" in metric.applies(Images(torch.zeros(1, 1, 2, 2, dtype=torch.uint8)))
