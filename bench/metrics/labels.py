"""Accuracy of a classifier on reconstructions of labelled images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

from bench.core.errors import ContractError, NotApplicable
from bench.core.registry import metric
from bench.core.types import EvalBatch, Images
from bench.metrics.base import NetworkMetric, mean_summary
from bench.metrics.weights import DEFAULT_NETWORK

LOWEST_CEILING = 0.5
"""Lowest accuracy on the targets themselves at which a classifier is used."""


@metric("label_accuracy")
@dataclass
class LabelAccuracy(NetworkMetric):
    """Share of reconstructions that a classifier assigns to the true class; "ceiling" is its share on the targets.

    Example:
        >>> import torch
        >>> from bench.core.types import Images
        >>> from bench.metrics.evaluation import open_metrics
        >>> metric, pixels = open_metrics(["label_accuracy@fashion-mnist-cnn"])[0], torch.zeros(2, 1, 28, 28).byte()
        >>> metric.applies(Images(pixels))
        'the images have no labels'
        >>> metric.applies(Images(pixels, labels=torch.tensor([0, 10])))
        'fashion-mnist-cnn classifies 10 classes, the labels go up to 10'
    """

    network: str = DEFAULT_NETWORK["label_accuracy"]

    higher_is_better = True
    per_image = True
    tracks = ("test",)  # generated images have no true class

    def protocol(self) -> dict[str, Any]:
        """Add the criterion of a correct prediction."""
        return {**super().protocol(), "right": "highest logit at the true label", "aggregation": "mean over images"}

    def applies(self, images: Images) -> str | None:
        """Return a reason for images without labels, and for networks that do not predict all classes."""
        if images.labels is None:
            return "the images have no labels"
        if int(images.labels.max()) >= self.extractor.classes:
            known, last = self.extractor.classes, int(images.labels.max())
            return f"{self.network} classifies {known} classes, the labels go up to {last}"
        return super().applies(images)

    def prepare(self, device: str) -> None:
        """Reset the counts."""
        self._targets_right = 0

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return 1 where the predicted class of the reconstruction is the true one, else 0."""
        self._targets_right += int(self._right(pairs, "target").sum())
        return self._right(pairs, "output")

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean over images, and the classifier's own accuracy on the targets as "ceiling".

        Raises:
            NotApplicable: the classifier is wrong on most of the targets, so it was trained on other classes.
        """
        assert values is not None
        ceiling = self._targets_right / len(values)
        if ceiling < LOWEST_CEILING:
            raise NotApplicable(f"{self.network} recognises only {ceiling:.0%} of the true images")
        return {**mean_summary(values), "ceiling": ceiling}

    def _right(self, pairs: EvalBatch, side: Literal["target", "output"]) -> Tensor:
        assert pairs.labels is not None
        logits = pairs.embed(self.extractor, side).logits
        if logits is None:
            raise ContractError(f"feature network '{self.network}' states classes but returns no logits")
        return logits.argmax(1).eq(pairs.labels).double()
