"""Fréchet distance between two sets of features, and FID: test images against their own reconstructions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.contracts import Images, Pairs
from bench.errors import ContractError
from bench.metrics.base import NetworkMetric
from bench.metrics.weights import DEFAULT_NETWORK
from bench.registry import metric

SMALLEST_SET = 2
"""A covariance needs two samples."""


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Fréchet distance between gaussians fitted to two sets of features (Heusel et al. 2017, eq. 6).

    ‖μ1 - μ2‖² + tr(S1 + S2 - 2 (S1 S2)^½), in float64, covariances with N - 1. Sets smaller than the number of
    features never form a covariance: tr (S1 S2)^½ is the sum of the singular values of A Bᵀ, where A and B are the
    centred features over √(N - 1).

    Args:
        first: ``[N, d]``.
        second: ``[M, d]``.

    Returns:
        The distance, at least 0.

    Raises:
        ContractError: fewer than two samples, different d, or a value that is not finite.
    """
    _check_features(first, second)
    (mean_1, scaled_1), (mean_2, scaled_2) = (_centred(features) for features in (first, second))
    offset = float((mean_1 - mean_2).square().sum())
    traces = float(scaled_1.square().sum() + scaled_2.square().sum())
    if max(len(first), len(second)) < first.shape[1]:
        cross = float(torch.linalg.svdvals(scaled_1 @ scaled_2.T).sum())
    else:
        cross = trace_sqrt_product(scaled_1.T @ scaled_1, scaled_2.T @ scaled_2)
    return max(0.0, offset + traces - 2.0 * cross)


def trace_sqrt_product(first: Tensor, second: Tensor) -> float:
    """Trace of (S1 S2)^½ for two covariances ``[d, d]`` float64.

    S1 S2 has the eigenvalues of the symmetric Rᵀ S2 R for any R with R Rᵀ = S1: the Cholesky factor, or the
    symmetric root where S1 is singular.
    """
    root, failed = torch.linalg.cholesky_ex(first)
    if failed:
        values, vectors = torch.linalg.eigh(first)
        root = vectors * values.clamp(min=0.0).sqrt()
    eigenvalues = torch.linalg.eigvalsh(root.T @ second @ root)
    return float(eigenvalues.clamp(min=0.0).sqrt().sum())


def _centred(features: Tensor) -> tuple[Tensor, Tensor]:
    exact = features.double()
    mean = exact.mean(0)
    return mean, (exact - mean).div_((len(exact) - 1) ** 0.5)


def _check_features(first: Tensor, second: Tensor) -> None:
    if first.dim() != 2 or second.dim() != 2 or first.shape[1] != second.shape[1]:
        raise ContractError(
            f"expected features [N, d] and [M, d], got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    smaller = min(len(first), len(second))
    if smaller < SMALLEST_SET:
        raise ContractError(f"a Fréchet distance needs at least {SMALLEST_SET} samples a side, got {smaller}")
    if not (torch.isfinite(first).all() and torch.isfinite(second).all()):
        raise ContractError("features hold values that are not finite")


class _Rows:
    """Features in one block that doubles when it is full; many small ones would break up the heap."""

    def __init__(self) -> None:
        self._block = torch.empty(0, 0)
        self._count = 0

    @property
    def rows(self) -> Tensor:
        return self._block[: self._count]

    def add(self, features: Tensor) -> None:
        count = self._count + len(features)
        if count > len(self._block):
            larger = torch.empty(max(count, 2 * len(self._block)), features.shape[1])
            if self._count:
                larger[: self._count] = self.rows
            self._block = larger
        self._block[self._count : count] = features
        self._count = count


@metric("fid")
@dataclass
class Fid(NetworkMetric):
    """Fréchet distance between the features of the targets and of their reconstructions, N on both sides.

    Features are kept as float32 in memory: 8 bytes an image and feature for both sides, 0.8 GB for 50,000 images
    through Inception. The estimate has a bias that grows as 1/N, so the N is part of the summary.
    """

    network: str = DEFAULT_NETWORK["fid"]

    higher_is_better = False
    per_image = False

    def protocol(self) -> dict[str, Any]:
        """Adds the algorithm and what is compared."""
        return {
            **super().protocol(),
            "sets": "targets against their own reconstructions, equal N",
            "statistics": "float64, covariance over N - 1",
            "root": "eigenvalues of RᵀS2R, or singular values of ABᵀ if N < d",
        }

    def applies(self, images: Images) -> str | None:
        """Too few images give a reason, besides what the network cannot look at."""
        if len(images) < SMALLEST_SET:
            return f"needs at least {SMALLEST_SET} images, got {len(images)}"
        return super().applies(images)

    def prepare(self, device: str) -> None:
        """Load the network and forget earlier features."""
        super().prepare(device)
        self._targets, self._outputs = _Rows(), _Rows()

    def update(self, pairs: Pairs) -> None:
        """Keep the features of both sides."""
        self._targets.add(pairs.embed(self.eye, "target").features)
        self._outputs.add(pairs.embed(self.eye, "output").features)

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """The distance, N, and the number of features."""
        targets, outputs = self._targets.rows, self._outputs.rows
        self._targets, self._outputs = _Rows(), _Rows()
        value = frechet_distance(targets, outputs)
        return {"value": value, "n": float(len(targets)), "features": float(targets.shape[1])}
