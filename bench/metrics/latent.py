"""Metrics of codes: errors on the own track, where true codes are known, and density under the prior."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from bench.core.errors import ContractError
from bench.core.registry import metric
from bench.core.types import EvalBatch, Metric
from bench.metrics.base import mean_summary

RECOVERED = 1e-6
"""Mean squared error below which an image counts as recovered; far below one of 256 levels (6e-5)."""


@metric("code_mse")
@dataclass
class CodeMse(Metric):
    """Mean squared error per coordinate between the inferred and the true code, on the own track.

    Example:
        >>> import torch
        >>> from bench.core.types import Gan, Images
        >>> from bench.gans.priors import Normal
        >>> from bench.metrics.evaluation import evaluate, open_metrics
        >>> gan = Gan(torch.nn.Unflatten(1, (2, 1, 1)), None, Normal(2), (2, 1, 1))
        >>> true, found = torch.zeros(3, 2), torch.full((3, 2), 2.0)
        >>> metrics, options = open_metrics(["code_mse"]), {"track": "own", "device": "cpu"}
        >>> evaluate(gan, Images(gan.decode(true)), found, metrics, true_codes=true, **options).summaries
        {'code_mse': {'value': 4.0, 'n': 3.0}}
    """

    name = "code_mse"
    higher_is_better = False
    per_image = True
    tracks = ("own",)

    def protocol(self) -> dict[str, Any]:
        """Return name, version, unit and aggregation."""
        return {
            "metric": self.name,
            "version": 1,
            "unit": "squared, per coordinate",
            "aggregation": "mean over images",
        }

    def update(self, pairs: EvalBatch) -> Tensor:
        """One value an image.

        Raises:
            ContractError: there are no true codes, or they have another size.
        """
        true = pairs.true_codes
        if true is None or true.shape != pairs.codes.shape:
            got = None if true is None else tuple(true.shape)
            raise ContractError(f"{self.name}: codes are {tuple(pairs.codes.shape)}, true codes {got}")
        return (pairs.codes - true).double().square().mean(1)

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean over images."""
        return mean_summary(values)


@metric("recovery_error")
@dataclass
class RecoveryError(Metric):
    """Mean squared error of exact, unrounded images that the GAN generated; "recovered" is the share below 1e-6.

    Example:
        >>> import numpy as np
        >>> from bench.metrics.latent import RecoveryError
        >>> summary = RecoveryError().compute(np.array([0.0, 1e-7, 0.5, 0.1]))  # one error an image
        >>> round(summary["value"], 4), summary["recovered"]
        (0.15, 0.5)
    """

    name = "recovery_error"
    higher_is_better = False
    per_image = True
    tracks = ("own",)

    def protocol(self) -> dict[str, Any]:
        """Return name, version, rounding, threshold and aggregation."""
        return {
            "metric": self.name,
            "version": 1,
            "pixels": "exact, not rounded, in [-1, 1]",
            "recovered_below": RECOVERED,
            "aggregation": "mean over images",
        }

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return one value per image."""
        return (pairs.target - pairs.output).double().square().flatten(1).mean(1)

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean over images, and the share of recovered images."""
        assert values is not None
        return {**mean_summary(values), "recovered": float(np.mean(values < RECOVERED))}


@metric("latent_error")
@dataclass
class LatentError(CodeMse):
    """Latent error Le of icgan (section 5.3): squared error per coordinate of z alone, without the condition y.

    A code ends in its condition. For a GAN without conditions the metric equals ``code_mse``.

    Example:
        >>> import torch
        >>> from bench.core.types import Gan, Images
        >>> from bench.gans.condition_prior import ConditionPrior
        >>> from bench.gans.priors import Normal
        >>> from bench.metrics.evaluation import evaluate, open_metrics
        >>> gan = Gan(torch.nn.Unflatten(1, (5, 1, 1)), None, ConditionPrior(Normal(2), 3), (5, 1, 1))
        >>> true, found = torch.zeros(1, 5), torch.tensor([[1.0, 1.0, 9.0, 9.0, 9.0]])  # two numbers of z, three of y
        >>> metrics, options = open_metrics(["latent_error"]), {"track": "own", "device": "cpu"}
        >>> evaluate(gan, Images(gan.decode(true)), found, metrics, true_codes=true, **options).summaries
        {'latent_error': {'value': 1.0, 'n': 1.0}}
    """

    name = "latent_error"

    def protocol(self) -> dict[str, Any]:
        """Add the coordinates that are compared."""
        return {**super().protocol(), "coordinates": "those of the noise z, not of the condition y"}

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return one value per image; raises the errors of ``CodeMse.update``."""
        noise = pairs.prior.noise_of
        true = None if pairs.true_codes is None else noise(pairs.true_codes)
        return super().update(dataclasses.replace(pairs, codes=noise(pairs.codes), true_codes=true))


@metric("log_prob")
@dataclass
class LogProb(Metric):
    """Log density log P(z) of the inferred code under the GAN's prior, in nats (creswell, section VI-B).

    Averaged over the codes inside the prior's support; "outside" counts the others, which have density 0.

    Example:
        >>> import torch
        >>> from bench.gans.priors import Uniform
        >>> from bench.metrics.latent import LogProb
        >>> density = Uniform(1, low=-0.5, high=0.5).log_prob(torch.tensor([[0.0], [0.3], [7.0]]))
        >>> {name: abs(value) for name, value in LogProb().compute(density.numpy()).items()}  # log 1 is 0
        {'value': 0.0, 'n': 3.0, 'outside': 1.0}
    """

    name = "log_prob"
    higher_is_better = True
    per_image = True
    unit = "nats"

    def protocol(self) -> dict[str, Any]:
        """Return name, version, unit and aggregation."""
        return {
            "metric": self.name,
            "version": 1,
            "unit": "nats, summed over coordinates",
            "aggregation": "mean over codes inside the support; those outside are counted apart",
        }

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return one value per image, -inf outside the support."""
        return pairs.prior.log_prob(pairs.codes).double()

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean inside the support, -inf if no code is, and the number of codes outside."""
        assert values is not None
        inside = values[np.isfinite(values)]
        value = float(inside.mean()) if len(inside) else float("-inf")
        return {"value": value, "n": float(len(values)), "outside": float(len(values) - len(inside))}
