"""Distances of whole sets by outside libraries: torch-fidelity and prdc, on a feature network's outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.harness.verification.outside import network_of_name
from bench.metrics.manifold import NEIGHBOURS

Features = NDArray[np.float32]


@dataclass(frozen=True)
class OutsideSetMetric:
    """A distance of sets by an outside library; the fields are those of ``outside.OutsideMetric``.

    ``compute`` returns the value, and the difference that its random subsets explain.
    """

    package: str
    compute: Callable[[Features, Features, str], tuple[float, float]]
    absolute: float
    relative: float
    half: float = 10.0


def set_metric(name: str, sides: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """Return a distance of sets, and the difference that its random subsets explain.

    Args:
        name: name of the metric with its network: ``fid@inception``.
        sides: batches of targets and outputs, uint8 ``[B, C, H, W]``.

    Raises:
        ImportError: the library is not installed.
    """
    base, _, network = name.partition("@")
    extractor = network_of_name(network)
    found = [[extractor.embed(side).features.float().cpu() for side in pair] for pair in sides]
    first, second = (torch.cat([pair[side] for pair in found]).numpy() for side in range(2))
    return OUTSIDE_SETS[base].compute(first, second, base)


def fid(first: Features, second: Features, name: str) -> tuple[float, float]:
    """Fréchet distance by torch-fidelity."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    sides = [fid_features_to_statistics(torch.from_numpy(side)) for side in (first, second)]
    value = fid_statistics_to_metric(*sides, verbose=False)
    return float(next(iter(value.values()))), 0.0


def prdc(first: Features, second: Features, name: str) -> tuple[float, float]:
    """Precision, recall, density and coverage by the prdc package."""
    from contextlib import redirect_stdout
    from io import StringIO

    from prdc import compute_prdc

    with redirect_stdout(StringIO()):
        found = compute_prdc(real_features=first, fake_features=second, nearest_k=NEIGHBOURS)
    return float(found[name]), 0.0


OUTSIDE_SETS: Mapping[str, OutsideSetMetric] = {
    "fid": OutsideSetMetric("torch-fidelity", fid, absolute=1e-3, relative=5e-3),
    **{
        name: OutsideSetMetric("prdc", prdc, absolute=5e-3, relative=1e-2)
        for name in ("precision", "recall", "density", "coverage")
    },
}
"""Distances of sets that an outside library has, by the name before @."""
