"""Fréchet distance between two sets of features, and FID: test images against their own reconstructions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.core.registry import metric
from bench.metrics.base import check_features
from bench.metrics.feature_sets import FeatureSets, SetMetric
from bench.metrics.weights import DEFAULT_NETWORK

SMALLEST_SET = 2
"""A covariance needs two samples."""
SINGULAR = 1e-12
"""Smallest ratio of eigenvalues at which a product of covariances counts as regular."""
CHUNK = 4096
"""Rows that are converted to float64 at a time."""


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Return the Fréchet distance between Gaussians fitted to two sets of features (Heusel et al. 2017, eq. 6).

    ‖μ1 - μ2‖² + tr(S1 + S2 - 2 (S1 S2)^½), in float64, covariances with N - 1. Sets smaller than the number of
    features never form a covariance: tr (S1 S2)^½ is the sum of the singular values of A Bᵀ, where A and B are the
    centred features over √(N - 1). Larger sets are processed in chunks of rows.

    Args:
        first: ``[N, d]``.
        second: ``[M, d]``.

    Returns:
        The distance, at least 0.

    Raises:
        ContractError: a set has fewer than two samples, the d differ, or a value is not finite.
    """
    check_features(first, second, SMALLEST_SET)
    mean_1, mean_2 = _mean(first), _mean(second)
    offset = float((mean_1 - mean_2).square().sum())
    if max(len(first), len(second)) < first.shape[1]:
        a, b = _scaled(first, mean_1), _scaled(second, mean_2)
        traces = float(a.square().sum() + b.square().sum())
        cross = float(torch.linalg.svdvals(a @ b.T).sum())
    else:
        s1, s2 = _covariance(first, mean_1), _covariance(second, mean_2)
        traces = float(s1.trace() + s2.trace())
        cross = trace_sqrt_product(s1, s2)
    return max(0.0, offset + traces - 2.0 * cross)


def trace_sqrt_product(first: Tensor, second: Tensor) -> float:
    """Return the trace of (S1 S2)^½ for two covariances ``[d, d]`` float64."""
    return trace_from_root(covariance_root(first), second)


def covariance_root(covariance: Tensor) -> Tensor:
    """Return R ``[d, d]`` with R Rᵀ = S: the Cholesky factor, or vectors times root values where S is singular."""
    root: Tensor
    root, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        values, vectors = torch.linalg.eigh(covariance)
        root = vectors * values.clamp(min=0.0).sqrt()
    return root


def trace_from_root(root: Tensor, second: Tensor) -> float:
    """Return the trace of (S1 S2)^½ from R with R Rᵀ = S1: S1 S2 has the eigenvalues of the symmetric Rᵀ S2 R."""
    eigenvalues = torch.linalg.eigvalsh(root.T @ second @ root)
    return float(eigenvalues.clamp(min=0.0).sqrt().sum())


def frechet_influences(first: Tensor, second: Tensor) -> Tensor | None:
    """Return the influence ``[N]`` of each pair of rows on the Fréchet distance of two sets of equal size.

    With a = x_i - μ1 and b = y_i - μ2, the means move by a and b, the covariances by aaᵀ - S1 and bbᵀ - S2, and the
    distance by 2 (μ1 - μ2)·(a - b) + |a|² + |b|² - aᵀTa - bᵀT⁻¹b - tr S1 - tr S2 + 2 tr (S1 S2)^½. T is the matrix of
    the optimal transport from the first Gaussian to the second (Olkin and Pukelsheim 1982): with S1 = R Rᵀ and
    Rᵀ S2 R = V Λ Vᵀ, T = R⁻ᵀ V Λ^½ Vᵀ R⁻¹ and T⁻¹ = R V Λ^-½ Vᵀ Rᵀ.

    Args:
        first: ``[N, d]``.
        second: ``[N, d]``; row i belongs to the same image as row i of ``first``.

    Returns:
        ``[N]`` float64; None if a covariance is singular, as with fewer rows than features.
    """
    check_features(first, second, SMALLEST_SET)
    if len(first) != len(second) or len(first) <= first.shape[1]:
        return None
    mean_1, mean_2 = _mean(first), _mean(second)
    s1, s2 = _covariance(first, mean_1), _covariance(second, mean_2)
    root, failed = torch.linalg.cholesky_ex(s1)
    if failed:
        return None
    values, vectors = torch.linalg.eigh(root.T @ s2 @ root)
    if not bool(values[0] > SINGULAR * values[-1]):
        return None
    fourth = values**0.25
    parts = []
    for x, y in zip(first.split(CHUNK), second.split(CHUNK), strict=True):
        a, b = x.double() - mean_1, y.double() - mean_2
        to = (torch.linalg.solve_triangular(root, a.T, upper=False).T @ vectors) * fourth
        back = (b @ root @ vectors) / fourth
        lengths = a.square().sum(1) + b.square().sum(1) - to.square().sum(1) - back.square().sum(1)
        parts.append(2 * (a - b) @ (mean_1 - mean_2) + lengths)
    shares: Tensor = torch.cat(parts) - (s1.trace() + s2.trace() - 2 * values.sqrt().sum())
    return shares


def _mean(features: Tensor) -> Tensor:
    return torch.stack([chunk.double().sum(0) for chunk in features.split(CHUNK)]).sum(0) / len(features)


def _scaled(features: Tensor, mean: Tensor) -> Tensor:
    return (features.double() - mean).div_((len(features) - 1) ** 0.5)


def _covariance(features: Tensor, mean: Tensor) -> Tensor:
    scatter = torch.zeros(len(mean), len(mean), dtype=torch.float64, device=features.device)
    for chunk in features.split(CHUNK):
        centred = chunk.double() - mean
        scatter.addmm_(centred.T, centred)
    return scatter.div_(len(features) - 1)


STATISTICS = {
    "statistics": "float64, covariance over N - 1",
    "root": "eigenvalues of RᵀS2R, or singular values of ABᵀ if N < d",
}
"""Computation of every Fréchet distance of the suite, as protocols state it."""


@metric("fid")
@dataclass
class Fid(SetMetric):
    """Fréchet distance between the features of the targets and of their reconstructions, N on both sides.

    Formula: ‖μ1 - μ2‖² + tr(S1 + S2 - 2 (S1 S2)^½) of the features' means and covariances (Heusel et al. 2017,
    eq. 6); 0 for equal sets.
    Sets: test images against their own reconstructions, as in dfi (section 4.2), not against the training set.
    Traps: the estimate has a bias proportional to 1/N; N is part of the summary, and tables never mix different N.
    Checked against: torch-fidelity and scipy's sqrtm on the same features, for more and fewer samples than features;
    closed forms for shifted and scaled Gaussians.

    Example:
        >>> import torch
        >>> from bench.metrics.frechet import frechet_distance
        >>> features = torch.randn(100, 4)
        >>> round(frechet_distance(features, features + 1), 4)  # means that differ by 1 in each of 4 features
        4.0
    """

    network: str = DEFAULT_NETWORK["fid"]

    higher_is_better = False
    smallest = SMALLEST_SET

    def protocol(self) -> dict[str, Any]:
        """Add the algorithm."""
        return {**super().protocol(), **STATISTICS}

    def compare(self, sets: FeatureSets) -> Mapping[str, float]:
        """Return the distance, N, and the number of features."""
        targets, outputs = sets.features("target"), sets.features("output")
        value = sets.once(("frechet", "target", "output"), lambda: frechet_distance(targets, outputs))
        return {"value": value, "n": float(len(targets)), "features": float(targets.shape[1])}

    def influences(self) -> np.ndarray[Any, Any] | None:
        """Return the influence of each image, with its reconstruction, on the distance; None for N up to d."""
        assert self.sets is not None, self.name
        shares = frechet_influences(self.sets.features("target"), self.sets.features("output"))
        return None if shares is None else shares.numpy()
