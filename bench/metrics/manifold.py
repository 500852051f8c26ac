"""Precision, recall, density and coverage of two sets of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.core.errors import ContractError
from bench.core.registry import metric
from bench.metrics.base import check_features
from bench.metrics.feature_sets import FeatureSets, SetMetric
from bench.metrics.weights import DEFAULT_NETWORK

NEIGHBOURS = 5
BLOCK_VALUES = 2**24
"""Distances held at a time: 134 MB in float64."""


@dataclass(frozen=True)
class Manifold:
    """Precision, recall, density and coverage of one pair of sets; see ``prdc``."""

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: Tensor, fake: Tensor, neighbours: int = NEIGHBOURS) -> Manifold:
    """Compute precision, recall (Kynkäänniemi et al. 2019, eq. 1–2), density, coverage (Naeem et al. 2020, eq. 4, 6).

    The radius of a sample's ball is the distance to its k-th nearest neighbour in its own set, itself not counted;
    the ball holds all points that are strictly nearer. Precision: share of fakes inside some real's ball; recall:
    share of reals inside some fake's ball; density: mean number of real balls that hold a fake, over k (may exceed
    1); coverage: share of reals whose ball holds a fake.

    Args:
        real: features ``[N, d]``.
        fake: features ``[M, d]``.
        neighbours: k.

    Raises:
        ContractError: a set has no more than k samples, the d differ, or a value is not finite.
    """
    if neighbours < 1:
        raise ContractError(f"neighbours = {neighbours}: expected 1 or more")
    check_features(real, fake, neighbours + 1)
    real, fake = real.double(), fake.double()
    radii_real, radii_fake = _radii(real, neighbours), _radii(fake, neighbours)
    inside_some_fake, covered, balls = [], [], torch.zeros(len(fake), dtype=torch.long, device=fake.device)
    for rows, radii in zip(_blocks(real, len(fake)), radii_real.split(_block(len(fake))), strict=True):
        distances = _distances(rows, fake)
        inside_some_fake.append((distances < radii_fake).any(1))
        inside = distances < radii[:, None]
        covered.append(inside.any(1))
        balls += inside.sum(0)
    return Manifold(
        precision=float((balls > 0).double().mean()),
        recall=float(torch.cat(inside_some_fake).double().mean()),
        density=float(balls.double().mean()) / neighbours,
        coverage=float(torch.cat(covered).double().mean()),
    )


def _radii(features: Tensor, neighbours: int) -> Tensor:
    """Return the distances ``[N]`` of samples to their k-th nearest neighbours."""
    found = []
    for start, rows in enumerate(_blocks(features, len(features))):
        distances = _distances(rows, features)
        offset = start * _block(len(features))
        index = torch.arange(len(rows), device=features.device)
        distances[index, offset + index] = torch.inf  # itself
        found.append(distances.topk(neighbours, 1, largest=False).values[:, -1])
    return torch.cat(found)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """Return Euclidean distances ``[B, M]``; in float64, cancellation in the matrix product stays below 1e-7."""
    return torch.cdist(x, y, compute_mode="use_mm_for_euclid_dist")


def _block(columns: int) -> int:
    return max(1, BLOCK_VALUES // columns)


def _blocks(features: Tensor, columns: int) -> Sequence[Tensor]:
    parts: Sequence[Tensor] = features.split(_block(columns))
    return parts


@dataclass
class _ManifoldMetric(SetMetric):
    """Base of the four metrics; those of one network and k share one computation.

    Attributes:
        network: registered name of the feature network.
        neighbours: k; ``precision:3@inception`` sets 3.
    """

    network: str = DEFAULT_NETWORK["precision"]
    neighbours: int = NEIGHBOURS

    higher_is_better = True
    figure: ClassVar[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.neighbours < 1:
            raise ValueError(f"neighbours = {self.neighbours}: expected 1 or more")

    def smallest_set(self) -> int:
        """Return k + 1."""
        return self.neighbours + 1

    def protocol(self) -> dict[str, Any]:
        """Add k, the inequality, the type of distances and the set that counts as real."""
        return {
            **super().protocol(),
            "neighbours": self.neighbours,
            "inside": "strictly nearer than the k-th other sample of its own set",
            "distances": "Euclidean, float64",
            "real": "targets",
        }

    def compare(self, sets: FeatureSets) -> Mapping[str, float]:
        """Return the value, and N."""
        targets, outputs = sets.features("target"), sets.features("output")
        found = sets.once(("prdc", self.neighbours), lambda: prdc(targets, outputs, self.neighbours))
        return {"value": getattr(found, self.figure), "n": float(len(targets))}


@metric("precision")
@dataclass
class Precision(_ManifoldMetric):
    """Share of reconstructions that lie among the targets, in a network's features (Kynkäänniemi et al. 2019).

    Definition: the radius of a sample's ball is the distance to its k-th nearest neighbour in its set (k = 5); the
    share of reconstructions inside some target's ball (eq. 1–2).
    Range: 0 to 1. Outliers among the targets have large balls and increase it.
    Checked against: the prdc package on the same features, and torch-fidelity.

    Example:
        >>> import torch
        >>> from bench.metrics.manifold import prdc
        >>> targets = torch.arange(8.0)[:, None]
        >>> collapsed = torch.linspace(3.1, 3.9, 8)[:, None]  # all between the targets 3 and 4
        >>> prdc(targets, collapsed, neighbours=1).precision
        1.0
    """

    figure = "precision"


@metric("recall")
@dataclass
class Recall(_ManifoldMetric):
    """Share of targets that lie among the reconstructions, in a network's features (Kynkäänniemi et al. 2019).

    Definition: the radius of a sample's ball is the distance to its k-th nearest neighbour in its set (k = 5); the
    share of targets inside some reconstruction's ball (eq. 1–2).
    Range: 0 to 1. It rises with outliers among the reconstructions.
    Checked against: the prdc package on the same features, and torch-fidelity.

    Example:
        >>> import torch
        >>> from bench.metrics.manifold import prdc
        >>> targets = torch.arange(8.0)[:, None]
        >>> collapsed = torch.linspace(3.1, 3.9, 8)[:, None]  # only the targets 3 and 4 are near
        >>> prdc(targets, collapsed, neighbours=1).recall
        0.25
    """

    figure = "recall"


@metric("density")
@dataclass
class Density(_ManifoldMetric):
    """Density of targets around reconstructions; 1 for two samples of one distribution (Naeem et al. 2020).

    Definition: the radius of a sample's ball is the distance to its k-th nearest neighbour in its set (k = 5); the
    mean number of targets' balls that hold a reconstruction, over k (eq. 4).
    Range: 0 upwards; it may exceed 1.
    Checked against: the prdc package on the same features.

    Example:
        >>> import torch
        >>> from bench.metrics.manifold import prdc
        >>> targets = torch.arange(8.0)[:, None]
        >>> collapsed = torch.linspace(3.1, 3.9, 8)[:, None]  # each in the balls of two targets
        >>> prdc(targets, collapsed, neighbours=1).density
        2.0
    """

    figure = "density"


@metric("coverage")
@dataclass
class Coverage(_ManifoldMetric):
    """Share of targets with a reconstruction nearby, in a network's features (Naeem et al. 2020).

    Definition: the radius of a sample's ball is the distance to its k-th nearest neighbour in its set (k = 5); the
    share of targets whose ball holds a reconstruction (eq. 6).
    Range: 0 to 1; for two samples of one distribution 1 - 2^-k at most, .97 for k = 5.
    Checked against: the prdc package on the same features.

    Example:
        >>> import torch
        >>> from bench.metrics.manifold import prdc
        >>> targets = torch.arange(8.0)[:, None]
        >>> collapsed = torch.linspace(3.1, 3.9, 8)[:, None]  # only in the balls of 3 and 4
        >>> prdc(targets, collapsed, neighbours=1).coverage
        0.25
    """

    figure = "coverage"
