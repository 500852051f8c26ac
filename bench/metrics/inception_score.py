"""Inception score: whether a classifier is sure of each image and sees every class."""

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
    """Inception score (Salimans et al. 2016, section 4): exp E KL(p(y|x) ‖ p(y)), its mean and spread over splits.

    The images are shuffled by the frozen stream of ``RandomState(seed)`` and cut into equal parts, as torch-fidelity
    does it.

    Args:
        logits: ``[N, classes]``.
        splits: parts.
        seed: of the shuffle.

    Returns:
        Mean, from 1 to the number of classes, and standard deviation (``ddof=0``).

    Raises:
        ContractError: fewer images than splits, or values that are not finite.
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
    # A class that underflows has probability 0 and adds nothing, whatever its logarithm.
    divergence = torch.where(probabilities > 0, probabilities * (logs - marginal.log()), 0.0).sum(1)
    return float(divergence.mean().exp())


@dataclass
class _Score(SetMetric):
    """Shared by the scores of reconstructions and of samples."""

    higher_is_better = True
    smallest = SPLITS

    def applies(self, images: Images) -> str | None:
        """A network without classes gives a reason, besides too few images."""
        if not (self.extractor.classes or self.extractor.categories):
            return f"{self.network} is no classifier of labels"
        return super().applies(images)

    def protocol(self) -> dict[str, Any]:
        """Adds splits, their seed, and the classes."""
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
    """Inception score of the reconstructions; through another network than Inception under that network's name.

    Formula: exp of the mean over images of KL(p(y|x) ‖ p(y)) (Salimans et al. 2016, section 4), mean over 10 splits.
    Range: 1 to the number of classes. It never looks at the targets.
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
        """Mean over splits, their spread, and N."""
        logits = sets.logits("output")
        value, spread = inception_score(logits)
        return {"value": value, "sd": spread, "n": float(len(logits))}


@metric("rand_is")
@dataclass
class RandIs(_Score):
    """Inception score of images of codes drawn from the prior (recycling, section 4); the method has no part in it.

    Attributes:
        network: what it looks through.
        count: how many images are drawn.

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
        """Mean over splits, their spread, and N."""
        logits = sets.logits("sample", self.count)
        value, spread = inception_score(logits)
        return {"value": value, "sd": spread, "n": float(len(logits))}
