"""What an evaluation gathers while it walks through the batches: features of each side, for metrics of whole sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import get_args

from torch import Tensor

from bench.core.types import FeatureNetwork, Metric, Pairs, Side
from bench.metrics.base import NetworkMetric
from bench.metrics.feature_sets import Reference, SetMetric, Sets

WALKED: tuple[Side, ...] = ("target", "output", "midpoint")
"""Sides that come by in the batches; the others come from the reference."""


def share_networks(metrics: Sequence[Metric], device: str) -> None:
    """Let all metrics that look through a network look through the same one, and load it once.

    Raises:
        WeightsError: weights are missing or altered; says how to get them.
    """
    networks: dict[str, FeatureNetwork] = {}
    for metric in metrics:
        if isinstance(metric, NetworkMetric):
            if metric.network not in networks:
                metric.eye.load(device)
            metric.eye = networks.setdefault(metric.network, metric.eye)


@dataclass
class Gathering:
    """The sets of one evaluation, one ``Sets`` a network."""

    _sets: dict[str, Sets] = field(default_factory=dict)
    _sides: dict[str, tuple[Side, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, metrics: Sequence[Metric], count: int, reference: Reference | None) -> Gathering:
        """Room for what these metrics need of ``count`` images; they are told where their sets are."""
        gathering = cls()
        for metric in metrics:
            if isinstance(metric, SetMetric):
                sets = gathering._sets.setdefault(metric.network, Sets(metric.eye, reference))
                known = gathering._sides.get(metric.network, ())
                wanted = {*known, *(side for side in metric.sides if side in WALKED)}
                gathering._sides[metric.network] = tuple(side for side in get_args(Side) if side in wanted)
                for side in wanted - set(known):
                    sets.expect(side, count)
                metric.sets = sets
        return gathering

    @property
    def wants_midpoints(self) -> bool:
        """Whether some metric looks at the images halfway between codes."""
        return any("midpoint" in sides for sides in self._sides.values())

    def add(self, pairs: Pairs, midpoints: Callable[[], Tensor]) -> None:
        """Take in a batch; ``midpoints`` gives its images halfway between codes, uint8."""
        halfway = midpoints() if self.wants_midpoints else None
        for name, sets in self._sets.items():
            for side in self._sides[name]:
                if side in {"target", "output"}:
                    sets.add(side, pairs.embed(sets.network, side))
                elif halfway is not None:
                    sets.add(side, sets.network.embed(halfway))
