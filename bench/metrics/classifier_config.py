"""What the classifiers of datasets share: networks rebuilt from their files, and the recipes that train them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from bench.core.types import Embedding, FitData, Images, Shape


class DomainClassifier(nn.Module, ABC):
    """A network that tells the classes or attributes of one dataset.

    Attributes:
        kind: what it tells, as its file says it.
        shape: channels, height and width of its images.
    """

    kind: ClassVar[str]

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    @abstractmethod
    def forward(self, x: Tensor) -> Embedding:
        """Look at images ``[B, C, H, W]`` in [-1, 1]: features, maps and logits."""

    @abstractmethod
    def facts(self) -> dict[str, str]:
        """What ``rebuild`` needs, for the file's metadata."""

    @classmethod
    @abstractmethod
    def rebuild(cls, facts: Mapping[str, str]) -> Self:
        """A network without weights from what ``facts`` gave.

        Raises:
            KeyError: a fact is missing.
            ValueError: a fact makes no sense.
        """

    @abstractmethod
    def truth(self, name: str, images: Images) -> Tensor:
        """What the logits should tell of each image, on the images' device.

        Args:
            name: of the dataset, for the error.
            images: labelled or with attributes.

        Raises:
            DataError: the images do not say it.
        """

    @abstractmethod
    def scores(self, logits: Tensor, truth: Tensor) -> dict[str, str]:
        """How well logits tell the truth, for the file's metadata; ``accuracy``, in [0, 1], is always there."""


@dataclass(frozen=True)
class ClassifierConfig(ABC):
    """How a classifier is trained.

    Attributes:
        epochs: passes over as many images as the train split holds, drawn with replacement.
        batch: images a step.
    """

    epochs: int
    batch: int

    def steps(self, images: int) -> int:
        """Training steps for a train split of this size; at least one."""
        return max(1, self.epochs * images // self.batch)

    @abstractmethod
    def build(self, data: FitData) -> DomainClassifier:
        """A network for this dataset, its weights drawn from torch's global randomness.

        Raises:
            DataError: the dataset does not fit.
        """

    @abstractmethod
    def optimizer(
        self, network: nn.Module, steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        """The optimizer, and the schedule that is asked after each step."""

    @abstractmethod
    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Mean loss over a batch."""


def convolution(inputs: int, outputs: int) -> Iterator[nn.Module]:
    """A 3x3 convolution that keeps the size, batch norm, ReLU."""
    yield nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    yield nn.BatchNorm2d(outputs)
    yield nn.ReLU()
