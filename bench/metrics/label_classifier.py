"""Classifier for datasets with labels: four convolutions, 126k parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.core.errors import DataError
from bench.core.types import Embedding, FitData, Images, Shape
from bench.metrics.classifier_config import ClassifierConfig, DomainClassifier, convolution

WIDTHS = (24, 64, 64, 128)
"""Channels after each convolution; 126k parameters in total for ten classes."""


class LabelClassifier(DomainClassifier):
    """Four 3x3 convolutions with batch norm, two max-poolings, a global mean and a linear layer.

    Args:
        shape: shape of the images; the network itself accepts any size.
        classes: number of logits.
    """

    kind = "labels"

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__(shape)
        first, second, third, last = WIDTHS
        self.stages = nn.ModuleList(
            [
                nn.Sequential(*convolution(shape[0], first)),
                nn.Sequential(nn.MaxPool2d(2), *convolution(first, second), *convolution(second, third)),
                nn.Sequential(nn.MaxPool2d(2), *convolution(third, last)),
            ]
        )
        self.head = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Embedding:
        """Compute features, maps and logits of images ``[B, C, H, W]`` in [-1, 1].

        Returns:
            features ``[B, 128]``: spatial mean of the last stage; maps: each stage's output after its ReLU;
            logits ``[B, classes]``.
        """
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        pooled = x.mean((2, 3))
        return Embedding(pooled, tuple(maps), self.head(pooled))

    def facts(self) -> dict[str, str]:
        """Return channels, classes and the whole shape."""
        return {
            "channels": str(self.shape[0]),
            "classes": str(self.head.out_features),
            "image_shape": json.dumps(self.shape),
        }

    @classmethod
    def rebuild(cls, facts: Mapping[str, str]) -> Self:
        """Build from the file's metadata; height and width are 0 for older files, which do not state them."""
        channels, height, width = json.loads(facts.get("image_shape", f"[{facts['channels']}, 0, 0]"))
        return cls((channels, height, width), int(facts["classes"]))

    def truth(self, name: str, images: Images) -> Tensor:
        """Return labels ``[N]`` int64."""
        return labels_of(name, images)

    def scores(self, logits: Tensor, truth: Tensor) -> dict[str, str]:
        """Return the share of images whose highest logit is at their label."""
        return {"accuracy": f"{float((logits.argmax(1) == truth).double().mean()):.4f}"}


@dataclass(frozen=True)
class LabelClassifierConfig(ClassifierConfig):
    """Training with AdamW and a one-cycle rate on label-smoothed cross-entropy.

    Attributes:
        epochs: see ``ClassifierConfig``.
        batch: see ``ClassifierConfig``.
        peak_rate: highest learning rate of the cycle (Smith & Topin 2018, "Super-convergence").
        weight_decay: decoupled decay of AdamW.
        smoothing: label smoothing.
    """

    epochs: int = 8
    batch: int = 256
    peak_rate: float = 6e-3
    weight_decay: float = 2e-2
    smoothing: float = 0.05

    def build(self, data: FitData) -> LabelClassifier:
        """Build a network with one logit per class; see ``ClassifierConfig.build``."""
        labels = labels_of(data.name, data.train)
        return LabelClassifier(data.train.shape, len(data.classes) or int(labels.max()) + 1)

    def optimizer(
        self, network: nn.Module, steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        """Return AdamW and a schedule of one cycle over all steps."""
        optimizer = torch.optim.AdamW(network.parameters(), self.peak_rate, weight_decay=self.weight_decay)
        return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, self.peak_rate, total_steps=steps)

    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Return the cross-entropy with smoothed labels."""
        return F.cross_entropy(logits, truth, label_smoothing=self.smoothing)


def labels_of(name: str, images: Images) -> Tensor:
    """Return labels ``[N]`` int64 of a dataset called ``name``.

    Raises:
        DataError: the images have no labels, or are not pictures.
    """
    if images.labels is None or not images.is_picture:
        raise DataError(f"dataset '{name}': a classifier needs labelled pictures")
    return images.labels.long()
