"""Kernel inception distance: the squared maximum mean discrepancy of features under a cubic kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import ContractError
from bench.core.registry import metric
from bench.metrics.base import check_features
from bench.metrics.feature_sets import FeatureSets, SetMetric
from bench.metrics.weights import DEFAULT_NETWORK

SUBSETS = 100
SEED = 2020
DEGREE, OFFSET = 3, 1.0
ROWS = 1024
"""Rows of a kernel matrix that are held at a time."""


def kernel_distance(
    first: Tensor, second: Tensor, *, subset: int, subsets: int = SUBSETS, seed: int = SEED
) -> tuple[float, float]:
    """Return mean and sd over random subsets of the unbiased squared MMD (Bińkowski et al. 2018, eq. 4).

    The kernel is (x·y / d + 1)³. Subsets are drawn without replacement, of both sides in turn, by the frozen stream
    of ``RandomState(seed)``, as torch-fidelity draws them.

    Args:
        first: features ``[N, d]``.
        second: features ``[M, d]``.
        subset: size of a subset.
        subsets: number of subsets.
        seed: seed of the draws.

    Returns:
        The mean, which may be below 0, and the standard deviation (``ddof=0``).

    Raises:
        ContractError: a set is smaller than a subset, ``subset`` is under 2, the d differ, or a value is not finite.
    """
    check_features(first, second, max(2, subset))
    if subset < 2:
        raise ContractError(f"a subset of {subset} has no pair; expected at least 2")
    rng = np.random.RandomState(seed)
    distances = []
    for _ in range(subsets):
        x, y = (
            side[torch.from_numpy(rng.choice(len(side), subset, replace=False))].double() for side in (first, second)
        )
        distances.append(squared_mmd(x, y))
    return float(np.mean(distances)), float(np.std(distances))


def mmd_influences(first: Tensor, second: Tensor) -> Tensor:
    """Return the influence ``[N]`` of each pair of rows on the unbiased squared MMD of two sets of equal size.

    Twice the deviation of h_i from its mean, where h_i averages k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i)
    over j ≠ i: the projection of the U-statistic (Hoeffding 1948, "A class of statistics with asymptotically normal
    distribution"; Gretton et al. 2012, lemma 6).

    Args:
        first: features ``[N, d]``.
        second: features ``[N, d]``; row i belongs to the same image as row i of ``first``.
    """
    check_features(first, second, 2)
    x, y = first.double(), second.double()
    own = [
        (_kernel(a, x) + _kernel(b, y) - _kernel(a, y) - _kernel(b, x)).sum(1)
        for a, b in zip(x.split(ROWS), y.split(ROWS), strict=True)
    ]
    alone = [(side.square().sum(1) / side.shape[1] + OFFSET) ** DEGREE for side in (x, y)]
    across = ((x * y).sum(1) / x.shape[1] + OFFSET) ** DEGREE
    h = (torch.cat(own) - alone[0] - alone[1] + 2 * across) / (len(x) - 1)
    return 2 * (h - h.mean())


def squared_mmd(x: Tensor, y: Tensor) -> float:
    """Return the unbiased squared MMD of ``[n, d]`` and ``[m, d]``, cubic kernel (Gretton et al. 2012, eq. 3)."""
    n, m = len(x), len(y)
    within_x, within_y, across = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    inside = (within_x.sum() - within_x.trace()) / (n * (n - 1)) + (within_y.sum() - within_y.trace()) / (m * (m - 1))
    return float(inside - 2 * across.mean())


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T).div_(x.shape[1]).add_(OFFSET).pow_(DEGREE)


@metric("kid")
@dataclass
class Kid(SetMetric):
    """Kernel inception distance between targets and reconstructions; unbiased, so its mean does not depend on N.

    Formula: unbiased squared MMD under (x·y / d + 1)³ (Bińkowski et al. 2018, eq. 4), mean over 100 random subsets.
    Range: about 0 for one distribution, and below it half of the time.
    Checked against: torch-fidelity on the same features, mean and standard deviation.

    Attributes:
        network: registered name of the feature network.
        subset: images in each random subset; ``kid:500@inception`` sets 500.

    Example:
        >>> import torch
        >>> from bench.metrics.evaluation import open_metrics
        >>> from bench.metrics.kernel import squared_mmd
        >>> squared_mmd(torch.zeros(2, 1), torch.ones(2, 1))  # (0 + 1)³ + (1 + 1)³ - 2 (0 + 1)³
        7.0
        >>> open_metrics(["kid:500@inception"])[0].protocol()["subset"]
        500
    """

    network: str = DEFAULT_NETWORK["kid"]
    subset: int = 1000

    higher_is_better = False

    def smallest_set(self) -> int:
        """Return the size of a subset."""
        return max(2, self.subset)

    def protocol(self) -> dict[str, Any]:
        """Add kernel, estimator, subsets and seed."""
        return {
            **super().protocol(),
            "kernel": f"(x·y / d + {OFFSET:g})^{DEGREE}",
            "estimator": "unbiased squared MMD, float64",
            "subsets": SUBSETS,
            "subset": self.subset,
            "draws": f"without replacement, seed {SEED}",
        }

    def compare(self, sets: FeatureSets) -> Mapping[str, float]:
        """Return the mean over subsets; "sd" is their standard deviation, not the error of the mean."""
        targets, outputs = sets.features("target"), sets.features("output")
        value, spread = kernel_distance(targets, outputs, subset=self.subset)
        return {"value": value, "sd": spread, "n": float(len(targets))}

    def influences(self) -> np.ndarray[Any, Any] | None:
        """Return the influence of each image, with its reconstruction, on the distance of the whole sets."""
        assert self.sets is not None, self.name
        return mmd_influences(self.sets.features("target"), self.sets.features("output")).numpy()
