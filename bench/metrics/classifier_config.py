"""Base classes of dataset classifiers and of their training configurations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from bench.core.types import Embedding, FitData, Images, Shape


class DomainClassifier(nn.Module, ABC):
    """A network that predicts the classes or attributes of one dataset.

    Attributes:
        kind: "labels" or "attributes", as stored in its file.
        shape: channels, height and width of its images.
    """

    kind: ClassVar[str]

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    @abstractmethod
    def forward(self, x: Tensor) -> Embedding:
        """Compute features, maps and logits of images ``[B, C, H, W]`` in [-1, 1]."""

    @abstractmethod
    def facts(self) -> dict[str, str]:
        """Return the metadata from which ``rebuild`` builds the network."""

    @classmethod
    @abstractmethod
    def rebuild(cls, facts: Mapping[str, str]) -> Self:
        """Build a network without trained weights from the result of ``facts``.

        Raises:
            KeyError: a fact is missing.
            ValueError: a fact is invalid.
        """

    @abstractmethod
    def truth(self, name: str, images: Images) -> Tensor:
        """Return the annotations that the logits should predict, on the images' device.

        Args:
            name: name of the dataset, for the error message.
            images: images with labels or attributes.

        Raises:
            DataError: the images lack the annotations.
        """

    @abstractmethod
    def scores(self, logits: Tensor, truth: Tensor) -> dict[str, str]:
        """Return scores of logits against annotations, for the metadata; always with ``accuracy``, in [0, 1]."""


@dataclass(frozen=True)
class ClassifierConfig(ABC):
    """Base of the training configurations of classifiers.

    Attributes:
        epochs: passes over as many images as the train split holds, drawn with replacement.
        batch: images per step.
    """

    epochs: int
    batch: int

    def steps(self, images: int) -> int:
        """Return the number of training steps for a train split of this size; at least one."""
        return max(1, self.epochs * images // self.batch)

    @abstractmethod
    def build(self, data: FitData) -> DomainClassifier:
        """Build a network for this dataset, with weights drawn from torch's global random numbers.

        Raises:
            DataError: the dataset lacks labels or attributes, or its images have an unsuitable shape.
        """

    @abstractmethod
    def optimizer(
        self, network: nn.Module, steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        """Return the optimizer, and the schedule that is stepped after each update."""

    @abstractmethod
    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Return the mean loss over a batch."""


def convolution(inputs: int, outputs: int) -> Iterator[nn.Module]:
    """Yield the layers of a 3x3 convolution that keeps the size: convolution, batch norm, ReLU."""
    yield nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    yield nn.BatchNorm2d(outputs)
    yield nn.ReLU()
