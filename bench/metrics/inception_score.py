"""Inception score: high if a classifier is confident of each image and all classes occur."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import ContractError
from bench.core.registry import metric
from bench.core.types import Images
from bench.metrics.feature_sets import FeatureSets, SetMetric
from bench.metrics.weights import DEFAULT_NETWORK

SPLITS = 10
SEED = 2020


def inception_score(logits: Tensor, splits: int = SPLITS, seed: int = SEED) -> tuple[float, float]:
    """Return the inception score exp E KL(p(y|x) ‖ p(y)) (Salimans et al. 2016, section 4), mean and sd over splits.

    The images are shuffled by the frozen stream of ``RandomState(seed)`` and divided into equal parts, as in
    torch-fidelity.

    Args:
        logits: ``[N, classes]``.
        splits: number of parts.
        seed: seed of the shuffle.

    Returns:
        Mean, from 1 to the number of classes, and standard deviation (``ddof=0``).

    Raises:
        ContractError: there are fewer images than splits, or a value is not finite.
    """
    if logits.dim() != 2 or len(logits) < splits:
        raise ContractError(
            f"an inception score of {splits} splits needs logits [N >= {splits}, classes], got {tuple(logits.shape)}"
        )
    if not torch.isfinite(logits).all():
        raise ContractError("logits hold values that are not finite")
    order = torch.from_numpy(np.random.RandomState(seed).permutation(len(logits)))
    logs = logits[order].double().log_softmax(1)
    bounds = [part * len(logits) // splits for part in range(splits + 1)]
    scores = [_score(logs[start:end]) for start, end in itertools.pairwise(bounds)]
    return float(np.mean(scores)), float(np.std(scores))


def _score(logs: Tensor) -> float:
    probabilities = logs.exp()
    marginal = probabilities.mean(0)
    # A class whose probability underflows to 0 contributes nothing, whatever its logarithm.
    divergence = torch.where(probabilities > 0, probabilities * (logs - marginal.log()), 0.0).sum(1)
    return float(divergence.mean().exp())


@dataclass
class _Score(SetMetric):
    """Base of the inception scores of reconstructions and of samples."""

    higher_is_better = True
    smallest = SPLITS

    def applies(self, images: Images) -> str | None:
        """Return a reason for a network without classes, and for too few images."""
        if not (self.extractor.classes or self.extractor.categories):
            return f"{self.network} is no classifier of labels"
        return super().applies(images)

    def protocol(self) -> dict[str, Any]:
        """Add splits, their seed, and the number of classes."""
        return {
            **super().protocol(),
            "splits": SPLITS,
            "shuffle": f"seed {SEED}",
            "classes": self.extractor.classes or self.extractor.categories,
            "arithmetic": "float64, from logits",
        }


@metric("inception_score")
@dataclass
class InceptionScore(_Score):
    """Inception score of the reconstructions; a network other than Inception is part of the metric's name.

    Formula: exp of the mean over images of KL(p(y|x) ‖ p(y)) (Salimans et al. 2016, section 4), mean over 10 splits.
    Range: 1 to the number of classes. It does not depend on the targets.
    Checked against: torch-fidelity on the same logits.

    Example:
        >>> import torch
        >>> from bench.metrics.inception_score import inception_score
        >>> sure, unsure = 100 * torch.eye(10), torch.zeros(10, 10)  # logits of ten images for ten classes
        >>> [round(inception_score(logits, splits=1)[0], 4) for logits in (sure, unsure)]
        [10.0, 1.0]
    """

    network: str = DEFAULT_NETWORK["inception_score"]

    sides = ("output",)
    tracks = ("test",)

    def compare(self, sets: FeatureSets) -> Mapping[str, float]:
        """Return the mean over splits, their standard deviation, and N."""
        logits = sets.logits("output")
        value, spread = inception_score(logits)
        return {"value": value, "sd": spread, "n": float(len(logits))}


@metric("rand_is")
@dataclass
class RandIs(_Score):
    """Inception score of images of codes drawn from the prior (recycling, section 4), independent of the method.

    Attributes:
        network: registered name of the feature network.
        count: number of images that are drawn.

    Example:
        >>> from bench.metrics.evaluation import open_metrics
        >>> metric = open_metrics(["rand_is:100@fashion-mnist-cnn"])[0]
        >>> metric.tracks, metric.protocol()["classes"], metric.protocol()["sets"]
        (('own',), 10, ['images of codes drawn from the prior'])
    """

    network: str = DEFAULT_NETWORK["rand_is"]
    count: int = 5000

    sides = ("sample",)
    tracks = ("own",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count < SPLITS:
            raise ValueError(f"count = {self.count}: expected at least {SPLITS}")

    def compare(self, sets: FeatureSets) -> Mapping[str, float]:
        """Return the mean over splits, their standard deviation, and N."""
        logits = sets.logits("sample", self.count)
        value, spread = inception_score(logits)
        return {"value": value, "sd": spread, "n": float(len(logits))}
