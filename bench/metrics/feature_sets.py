"""Metrics of whole sets, and the features of each side, collected batch by batch and shared by all such metrics."""

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
"""Bytes of the largest block of features that is kept in memory; a larger one is kept in a temporary file."""
SIDES: Mapping[Side, str] = {
    "target": "targets",
    "output": "their reconstructions",
    "midpoint": "images of the midpoints between each code and the next",
    "train": "training images, in a fixed random order",
    "sample": "images of codes drawn from the prior",
}
"""Descriptions of the sides in protocols."""
WALKED: tuple[Side, ...] = ("target", "output", "midpoint")
"""Sides that the batches of an evaluation contain; the others come from the reference."""


class FeatureBuffer:
    """Float32 rows ``[N, F]`` of a known number N, filled in order.

    The block is allocated at the first ``add``: many small blocks kept from each batch would fragment the heap.
    Beyond ``IN_MEMORY`` bytes it is kept in an unnamed temporary file, so that N is limited by the disk alone.
    """

    def __init__(self, count: int) -> None:
        self._count, self._filled = count, 0
        self._block = torch.empty(0, 0)

    def add(self, rows: Tensor) -> None:
        """Append ``[B, F]``.

        Raises:
            ContractError: the rows have another width than before.
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
        """The rows added so far, ``[M, F]``."""
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
    """Sets that depend on the dataset and the GAN but not on the method: training images, samples of the prior."""

    def count(self, side: Side) -> int:
        """Return the largest available number of images of "train" or "sample"."""

    def embed(self, network: FeatureExtractor, side: Side, count: int) -> Embedding:
        """Return a loaded network's features, and logits if it has any, of the first ``count`` images of a side."""


@dataclass
class FeatureSets:
    """Features and logits of one network for the sides of an evaluation.

    Attributes:
        network: the loaded feature network.
        reference: source of "train" and "sample"; None if the evaluation has none.
    """

    network: FeatureExtractor
    reference: ReferenceSets | None = None
    _features: dict[Side, FeatureBuffer] = field(default_factory=dict)
    _logits: dict[Side, FeatureBuffer] = field(default_factory=dict)
    _made: dict[Any, Any] = field(default_factory=dict)

    def expect(self, side: Side, count: int) -> None:
        """Prepare buffers for ``count`` images of a side."""
        self._features[side], self._logits[side] = FeatureBuffer(count), FeatureBuffer(count)

    def add(self, side: Side, seen: Embedding) -> None:
        """Store the embedding of a batch."""
        self._features[side].add(seen.features.float().cpu())
        if seen.logits is not None:
            self._logits[side].add(seen.logits.float().cpu())

    def available(self, side: Side) -> int:
        """Return the available number of images of a side.

        Raises:
            NotApplicable: the side comes from the reference, and there is none.
        """
        if side in self._features:
            return len(self._features[side].rows)
        return self._referred().count(side)

    def features(self, side: Side, count: int | None = None) -> Tensor:
        """Return features ``[N, F]`` float32 of all images of a side, or of the first ``count``."""
        if side in self._features:
            return self._features[side].rows[:count]
        return self._reference_set(side, count).features

    def logits(self, side: Side, count: int | None = None) -> Tensor:
        """Return logits ``[N, classes]`` float32 of all images of a side, or of the first ``count``.

        Raises:
            NotApplicable: the network has no logits.
        """
        rows = self._logits[side].rows[:count] if side in self._logits else self._reference_set(side, count).logits
        if rows is None or not len(rows):
            raise NotApplicable(f"{self.network.name} has no logits")
        return rows

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """Return the result of ``make``, which is called once per key and shared by all metrics."""
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
    """Base of metrics that compare whole sets of images in a network's features; subclasses implement ``compare``.

    The evaluation collects the ``sides`` and sets ``sets`` before it calls ``compute``.
    """

    per_image = False
    sides: ClassVar[tuple[Side, ...]] = ("target", "output")
    """The sets that the metric compares."""
    smallest: ClassVar[int] = 2
    """Smallest number of images in each of "target", "output" and "midpoint"."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sets: FeatureSets | None = None

    @abstractmethod
    def compare(self, sets: FeatureSets) -> Mapping[str, float]:
        """Return the summary, with "value" and "n" (images per side).

        Raises:
            NotApplicable: the sets do not allow it; recorded as skipped.
        """

    def applies(self, images: Images) -> str | None:
        """Return a reason for too few images, which states the required number, and for unsuitable shapes."""
        if len(images) < self.smallest_set():
            return f"needs at least {self.smallest_set():,} images, got {len(images):,}"
        return super().applies(images)

    def smallest_set(self) -> int:
        """Return the smallest number of images; ``smallest`` unless it follows from an option."""
        return self.smallest

    def protocol(self) -> dict[str, Any]:
        """Add the compared sets."""
        return {**super().protocol(), "sets": [SIDES[side] for side in self.sides]}

    def update(self, pairs: EvalBatch) -> None:
        """Do nothing: the evaluation collects the features for all metrics of a network."""

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the result of ``compare`` for the collected sets."""
        assert self.sets is not None, self.name
        return dict(self.compare(self.sets))


def share_networks(metrics: Sequence[Metric], device: str) -> None:
    """Load each feature network once, and set it as the ``extractor`` of all metrics that use it.

    Raises:
        WeightsError: weights are missing or altered; the message states how to get them.
    """
    networks: dict[str, FeatureExtractor] = {}
    for metric in metrics:
        if isinstance(metric, NetworkMetric):
            if metric.network not in networks:
                metric.extractor.load(device)
            metric.extractor = networks.setdefault(metric.network, metric.extractor)


@dataclass
class Gathering:
    """The sets of one evaluation, one ``FeatureSets`` per network."""

    _sets: dict[str, FeatureSets] = field(default_factory=dict)
    _sides: dict[str, tuple[Side, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, metrics: Sequence[Metric], count: int, reference: ReferenceSets | None) -> Gathering:
        """Prepare the sets that these metrics need of ``count`` images, and assign them to the metrics."""
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
        """True if a metric compares the images of the midpoints between codes."""
        return any("midpoint" in sides for sides in self._sides.values())

    def add(self, pairs: EvalBatch, midpoints: Callable[[], Tensor]) -> None:
        """Add the features of a batch; ``midpoints`` returns the uint8 images of the midpoints between its codes."""
        halfway = midpoints() if self.wants_midpoints else None
        for name, sets in self._sets.items():
            for side in self._sides[name]:
                if side in {"target", "output"}:
                    sets.add(side, pairs.embed(sets.network, side))
                elif halfway is not None:
                    sets.add(side, sets.network.embed(halfway))
