"""Metrics, the feature networks that they look through, and the pairs of images that they compare."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bench.core.types.gans import Prior
from bench.core.types.images import Images, Shape

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Track = Literal["test", "own"]
"""Which images: real ones of the test split, or images that the GAN made itself and whose codes are known."""

Side = Literal["target", "output", "midpoint", "train", "sample"]
"""A set of images that a network looks at: what was inverted, what came out, the images of the midpoints between
neighbouring codes, the training images, and images of codes drawn from the prior."""


@dataclass
class EvalBatch:
    """One batch of targets and reconstructions, as the metrics see it.

    Attributes:
        target: images as handed to the method, ``[B, C, H, W]`` in [-1, 1].
        output: decoded codes, the same shape, as the generator made them.
        target_u8: ``target`` clamped and rounded to 256 levels, uint8.
        output_u8: ``output`` clamped and rounded to 256 levels, uint8: what a user would save.
        codes: ``[B, d]``.
        true_codes: ``[B, d]`` on the own track, else None.
        labels: ``[B]`` int64, or None.
        attributes: ``[B, A]`` bool, or None.
        attribute_names: names of the columns of ``attributes``.
        prior: distribution of the codes.
        embed: ``embed(network, "target" | "output")`` runs a feature network at most once a batch for all metrics.
    """

    target: Tensor
    output: Tensor
    target_u8: Tensor
    output_u8: Tensor
    codes: Tensor
    true_codes: Tensor | None
    labels: Tensor | None
    attributes: Tensor | None
    attribute_names: tuple[str, ...]
    prior: Prior
    embed: Callable[[FeatureExtractor, Literal["target", "output"]], Embedding]


@dataclass(frozen=True)
class Embedding:
    """What a feature network says of a batch: its pooled ``features`` ``[B, F]``, spatial ``maps``, ``logits``."""

    features: Tensor
    maps: tuple[Tensor, ...] = ()
    logits: Tensor | None = None


class FeatureExtractor(ABC):
    """A frozen network that metrics look through. Weights come from a known file and are checked."""

    name: ClassVar[str]
    layers: ClassVar[tuple[str, ...]] = ()
    """Names of the spatial maps that ``embed`` gives; empty if it gives none."""
    classes: ClassVar[int] = 0
    """How many classes its logits tell apart; 0 for a network that is no classifier."""
    categories: ClassVar[int] = 0
    """How many logits it gives that are not a dataset's classes (those of ImageNet, say); 0 for other networks."""
    attributes: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes that its logits tell (positive: present), in order; empty for other networks."""

    def accepts(self, shape: Shape) -> str | None:
        """None, or the reason why the network cannot look at images of this shape."""
        return None

    @abstractmethod
    def protocol(self) -> dict[str, Any]:
        """Name, layers, SHA-256 of the weights, resizing and normalisation. Without torch."""

    @abstractmethod
    def load(self, device: str) -> None:
        """Read the weights.

        Raises:
            WeightsError: the file is missing (names it, the places and how to get it) or its checksum differs.
        """

    @abstractmethod
    def embed(self, images_u8: Tensor) -> Embedding:
        """Run on uint8 images ``[B, C, H, W]``, C = 1 or 3."""


class Metric(ABC):
    """One number about reconstructions, with the protocol that makes it comparable.

    Subclasses are dataclasses. ``update`` is called for each batch, ``compute`` once at the end.
    """

    registered_name: ClassVar[str]
    name: str
    higher_is_better: ClassVar[bool]
    per_image: ClassVar[bool]
    """True: ``update`` returns a value an image, kept on disk. False: one value for the whole set."""
    tracks: ClassVar[tuple[Track, ...]] = ("test", "own")
    unit: ClassVar[str] = ""

    @abstractmethod
    def protocol(self) -> dict[str, Any]:
        """Everything that has to be equal for two values to be comparable. Without torch; JSON-able."""

    def applies(self, images: Images) -> str | None:
        """None, or the reason why this metric makes no sense for these images."""
        return None

    def prepare(self, device: str) -> None:  # noqa: B027 - most metrics have nothing to load
        """Forget earlier counts, load further weights; called before the first batch, with the network loaded."""

    @abstractmethod
    def update(self, pairs: EvalBatch) -> Tensor | None:
        """Take in a batch; return ``[B]`` values if the metric is per image."""

    @abstractmethod
    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """The summary, always with "value" and "n".

        Args:
            values: every per-image value in order, or None for a set metric.

        Raises:
            NotApplicable: only the whole set showed that the metric makes no sense here; recorded as skipped.
        """
