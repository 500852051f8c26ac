"""Accuracy of the conditions in inferred codes, which icgan's encoder E_y predicts (icgan, section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import NotApplicable
from bench.core.registry import metric
from bench.core.types import EvalBatch, Images, Metric
from bench.metrics.base import mean_summary

NO_CONDITIONS = "the GAN is not conditional"


@metric("condition_accuracy")
@dataclass
class ConditionAccuracy(Metric):
    """Share of correct attributes, or classes, in the inferred codes of a conditional GAN (icgan, section 4.1).

    Example:
        >>> import torch
        >>> from bench.core.types import Gan, Images
        >>> from bench.gans.condition_prior import ConditionPrior
        >>> from bench.gans.priors import Normal
        >>> from bench.metrics.evaluation import evaluate, open_metrics
        >>> gan = Gan(torch.nn.Unflatten(1, (5, 1, 1)), None, ConditionPrior(Normal(2), 3), (5, 1, 1))
        >>> codes = torch.tensor([[9.0, 9.0, 1.0, 0.0, 0.6], [9.0, 9.0, 0.0, 0.4, 1.0]])  # z, then classes 0 and 2
        >>> images = Images(gan.decode(codes), labels=torch.tensor([0, 1]))
        >>> evaluate(gan, images, codes, open_metrics(["condition_accuracy"]), track="test", device="cpu").summaries
        {'condition_accuracy': {'value': 0.5, 'n': 2.0}}
    """

    name = "condition_accuracy"
    higher_is_better = True
    per_image = True
    tracks = ("test",)

    def protocol(self) -> dict[str, Any]:
        """Return name, version, criterion of a correct condition, and aggregation."""
        return {
            "metric": self.name,
            "version": 1,
            "right": "an attribute that is asked for (above 0.5) where it is annotated and not asked for where it is "
            "not; the class that is asked for most",
            "aggregation": "share of attributes, or 1 for the right class, then mean over images",
        }

    def applies(self, images: Images) -> str | None:
        """Return a reason for images without labels and attributes."""
        lacking = images.labels is None and images.attributes is None
        return "the images have neither labels nor attributes" if lacking else None

    def prepare(self, device: str) -> None:
        """Reset the reason why the metric does not apply."""
        self._lacking = ""

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return one value per image; zeros if the codes hold no suitable condition, for which ``compute`` raises."""
        asked = pairs.prior.conditions_of(pairs.codes)
        if asked is None:
            self._lacking = NO_CONDITIONS
            return torch.zeros(len(pairs.codes), device=pairs.codes.device)
        if pairs.attributes is not None and asked.shape[1] == pairs.attributes.shape[1]:
            return (asked > 0.5).eq(pairs.attributes.bool()).double().mean(1)
        if pairs.labels is not None and int(pairs.labels.max()) < asked.shape[1]:
            return asked.argmax(1).eq(pairs.labels).double()
        self._lacking = (
            f"codes hold {asked.shape[1]} conditions, which the images' labels and attributes do not match"
        )
        return torch.zeros(len(pairs.codes), device=pairs.codes.device)

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean over images.

        Raises:
            NotApplicable: the GAN has no conditions, or others than these images.
        """
        if self._lacking:
            raise NotApplicable(self._lacking)
        return mean_summary(values)
