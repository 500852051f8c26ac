"""Metrics of whole sets: what a network saw of each side, gathered batch by batch and shared by all that ask."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar, get_args

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import ContractError, NotApplicable, StoreError
from bench.core.types import Embedding, EvalBatch, FeatureExtractor, Images, Metric, Side
from bench.metrics.base import NetworkMetric

T = TypeVar("T")

IN_MEMORY = 2**28
"""Bytes of one block of features that stay in memory; a larger one lies in a temporary file."""
SIDES: Mapping[Side, str] = {
    "target": "targets",
    "output": "their reconstructions",
    "midpoint": "images of the midpoints between each code and the next",
    "train": "training images, in a fixed random order",
    "sample": "images of codes drawn from the prior",
}
"""What protocols call the sides."""
WALKED: tuple[Side, ...] = ("target", "output", "midpoint")
"""Sides that come by in the batches; the others come from the reference."""


class FeatureBuffer:
    """Float32 rows ``[N, F]`` of a known number N, filled in order.

    They are made whole at the first ``add``: many small blocks kept from each batch would break up the heap. Beyond
    ``IN_MEMORY`` bytes they lie in an unnamed temporary file, so that N is bounded by the disk.
    """

    def __init__(self, count: int) -> None:
        self._count, self._filled = count, 0
        self._block = torch.empty(0, 0)

    def add(self, rows: Tensor) -> None:
        """Append ``[B, F]``.

        Raises:
            ContractError: rows of another width than before.
            StoreError: the temporary file cannot be written.
        """
        if not self._filled:
            self._block = _blank(self._count, int(rows.shape[1]))
        if rows.dim() != 2 or rows.shape[1] != self._block.shape[1]:
            raise ContractError(f"a network gave features {tuple(rows.shape)} after {tuple(self._block.shape)}")
        self._block[self._filled : self._filled + len(rows)] = rows
        self._filled += len(rows)

    @property
    def rows(self) -> Tensor:
        """What was added, ``[M, F]``."""
        return self._block[: self._filled]


def _blank(count: int, width: int) -> Tensor:
    if 4 * count * width <= IN_MEMORY:
        return torch.empty(count, width)
    try:
        with tempfile.TemporaryFile() as handle:
            return torch.from_numpy(np.memmap(handle, np.float32, "w+", shape=(count, width)))
    except OSError as error:
        place = tempfile.gettempdir()
        raise StoreError(f"cannot keep {count} x {width} features in {place}: {error.strerror or error}") from error


class ReferenceSets(Protocol):
    """Sets that belong to a dataset and a GAN, whatever the method: training images, samples of the prior."""

    def count(self, side: Side) -> int:
        """How many images there are, at most, of "train" or "sample"."""

    def embed(self, network: FeatureExtractor, side: Side, count: int) -> Embedding:
        """What a loaded network sees of the first ``count`` of them: features and, if it gives any, logits."""


@dataclass
class FeatureSets:
    """What one network saw of the sides of an evaluation.

    Attributes:
        network: loaded.
        reference: where "train" and "sample" come from; None if the evaluation was given none.
    """

    network: FeatureExtractor
    reference: ReferenceSets | None = None
    _features: dict[Side, FeatureBuffer] = field(default_factory=dict)
    _logits: dict[Side, FeatureBuffer] = field(default_factory=dict)
    _made: dict[Any, Any] = field(default_factory=dict)

    def expect(self, side: Side, count: int) -> None:
        """Make room for ``count`` images of a side."""
        self._features[side], self._logits[side] = FeatureBuffer(count), FeatureBuffer(count)

    def add(self, side: Side, seen: Embedding) -> None:
        """Keep what the network saw of a batch."""
        self._features[side].add(seen.features.float().cpu())
        if seen.logits is not None:
            self._logits[side].add(seen.logits.float().cpu())

    def available(self, side: Side) -> int:
        """How many images of a side there are.

        Raises:
            NotApplicable: a side that needs a reference, and there is none.
        """
        if side in self._features:
            return len(self._features[side].rows)
        return self._referred().count(side)

    def features(self, side: Side, count: int | None = None) -> Tensor:
        """Features ``[N, F]`` float32 of all images of a side, or of the first ``count``."""
        if side in self._features:
            return self._features[side].rows[:count]
        return self._reference_set(side, count).features

    def logits(self, side: Side, count: int | None = None) -> Tensor:
        """Logits ``[N, classes]`` float32 of all images of a side, or of the first ``count``.

        Raises:
            NotApplicable: the network gives none.
        """
        rows = self._logits[side].rows[:count] if side in self._logits else self._reference_set(side, count).logits
        if rows is None or not len(rows):
            raise NotApplicable(f"{self.network.name} gives no logits")
        return rows

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """What ``make`` gives, computed for the first metric that asks under this key."""
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made

    def _reference_set(self, side: Side, count: int | None) -> Embedding:
        reference = self._referred()
        wanted = reference.count(side) if count is None else count
        return self.once((side, wanted), lambda: reference.embed(self.network, side, wanted))

    def _referred(self) -> ReferenceSets:
        if self.reference is None:
            raise NotApplicable("needs training images or samples of the GAN, which this evaluation was not given")
        return self.reference


@dataclass
class SetMetric(NetworkMetric):
    """A number about whole sets of images, seen through a network: write ``compare``.

    The evaluation gathers the ``sides`` and sets ``sets`` before it asks for the result.
    """

    per_image = False
    sides: ClassVar[tuple[Side, ...]] = ("target", "output")
    """The sets that it looks at."""
    smallest: ClassVar[int] = 2
    """Images that each of "target", "output" and "midpoint" must have at least."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sets: FeatureSets | None = None

    @abstractmethod
    def compare(self, sets: FeatureSets) -> Mapping[str, float]:
        """The summary, with "value" and "n" (images a side).

        Raises:
            NotApplicable: the sets do not allow it; recorded as skipped.
        """

    def applies(self, images: Images) -> str | None:
        """Too few images give a reason that says how many it takes, besides what the network cannot look at."""
        if len(images) < self.smallest_set():
            return f"needs at least {self.smallest_set():,} images, got {len(images):,}"
        return super().applies(images)

    def smallest_set(self) -> int:
        """Images that it takes; ``smallest`` unless it follows from an option."""
        return self.smallest

    def protocol(self) -> dict[str, Any]:
        """Adds which sets are compared."""
        return {**super().protocol(), "sets": [SIDES[side] for side in self.sides]}

    def update(self, pairs: EvalBatch) -> None:
        """Nothing: the evaluation gathers the features for all metrics of a network."""

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """What ``compare`` says of the gathered sets."""
        assert self.sets is not None, self.name
        return dict(self.compare(self.sets))


def share_networks(metrics: Sequence[Metric], device: str) -> None:
    """Let all metrics that look through a network look through the same one, and load it once.

    Raises:
        WeightsError: weights are missing or altered; says how to get them.
    """
    networks: dict[str, FeatureExtractor] = {}
    for metric in metrics:
        if isinstance(metric, NetworkMetric):
            if metric.network not in networks:
                metric.extractor.load(device)
            metric.extractor = networks.setdefault(metric.network, metric.extractor)


@dataclass
class Gathering:
    """The sets of one evaluation, one ``FeatureSets`` a network."""

    _sets: dict[str, FeatureSets] = field(default_factory=dict)
    _sides: dict[str, tuple[Side, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, metrics: Sequence[Metric], count: int, reference: ReferenceSets | None) -> Gathering:
        """Room for what these metrics need of ``count`` images; they are told where their sets are."""
        gathering = cls()
        for metric in metrics:
            if isinstance(metric, SetMetric):
                sets = gathering._sets.setdefault(metric.network, FeatureSets(metric.extractor, reference))
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

    def add(self, pairs: EvalBatch, midpoints: Callable[[], Tensor]) -> None:
        """Take in a batch; ``midpoints`` gives its images halfway between codes, uint8."""
        halfway = midpoints() if self.wants_midpoints else None
        for name, sets in self._sets.items():
            for side in self._sides[name]:
                if side in {"target", "output"}:
                    sets.add(side, pairs.embed(sets.network, side))
                elif halfway is not None:
                    sets.add(side, sets.network.embed(halfway))
