"""Metrics of the own track: images that the GAN made itself, whose true code is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from bench.contracts import Metric, Pairs
from bench.errors import ContractError
from bench.metrics.base import mean_summary
from bench.registry import metric

RECOVERED = 1e-6
"""Mean squared error under which an image counts as found again; far below one of 256 levels (6e-5)."""


@metric("code_mse")
@dataclass
class CodeMse(Metric):
    """Mean squared error per coordinate between the found and the true code, which the own track knows."""

    name = "code_mse"
    higher_is_better = False
    per_image = True
    tracks = ("own",)

    def protocol(self) -> dict[str, Any]:
        """Name, version, unit and aggregation."""
        return {
            "metric": self.name,
            "version": 1,
            "unit": "squared, per coordinate",
            "aggregation": "mean over images",
        }

    def update(self, pairs: Pairs) -> Tensor:
        """One value an image.

        Raises:
            ContractError: no true codes, or codes of another size.
        """
        true = pairs.true_codes
        if true is None or true.shape != pairs.codes.shape:
            got = None if true is None else tuple(true.shape)
            raise ContractError(f"code_mse: codes are {tuple(pairs.codes.shape)}, true codes {got}")
        return (pairs.codes - true).double().square().mean(1)

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Mean over images."""
        return mean_summary(values)


@metric("recovery_error")
@dataclass
class RecoveryError(Metric):
    """Mean squared error of exact, unrounded images that the GAN made itself; "recovered" is the share under 1e-6."""

    name = "recovery_error"
    higher_is_better = False
    per_image = True
    tracks = ("own",)

    def protocol(self) -> dict[str, Any]:
        """Name, version, rounding, threshold and aggregation."""
        return {
            "metric": self.name,
            "version": 1,
            "pixels": "exact, not rounded, in [-1, 1]",
            "recovered_below": RECOVERED,
            "aggregation": "mean over images",
        }

    def update(self, pairs: Pairs) -> Tensor:
        """One value an image."""
        return (pairs.target - pairs.output).double().square().flatten(1).mean(1)

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Mean over images, and the share that was recovered."""
        assert values is not None
        return {**mean_summary(values), "recovered": float(np.mean(values < RECOVERED))}
