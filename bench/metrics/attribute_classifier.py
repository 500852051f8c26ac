"""Classifier for datasets with attributes, after STGAN's: ten convolutions, one logit per attribute."""

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

WIDTHS = (16, 32, 64, 128, 256)
"""Channels of each pair of convolutions."""
HIDDEN = 512
SMALLEST_SIDE = 2 ** len(WIDTHS)
"""Smallest side in pixels that can be halved five times."""


class AttributeClassifier(DomainClassifier):
    """Pairs of 3x3 convolutions with batch norm and ReLU, a max-pooling after each pair, two linear layers.

    The network with which STGAN (Liu et al. 2019) classifies facial attributes, and which FAC adopts.

    Args:
        shape: shape of the images, with sides of at least 32 pixels.
        attributes: names of the attributes, one per logit.
    """

    kind = "attributes"

    def __init__(self, shape: Shape, attributes: tuple[str, ...]) -> None:
        super().__init__(shape)
        channels, height, width = shape
        if min(height, width) < SMALLEST_SIDE:
            raise ValueError(f"images of {height} x {width}: expected sides of at least {SMALLEST_SIDE} pixels")
        self.attributes = attributes
        inputs = (channels, *WIDTHS)
        self.stages = nn.ModuleList(
            nn.Sequential(*convolution(before, after), *convolution(after, after))
            for before, after in zip(inputs, WIDTHS, strict=False)
        )
        left = (height // SMALLEST_SIDE) * (width // SMALLEST_SIDE)
        self.hidden = nn.Linear(WIDTHS[-1] * left, HIDDEN)
        self.head = nn.Linear(HIDDEN, len(attributes))

    def forward(self, x: Tensor) -> Embedding:
        """Compute features, maps and logits of images ``[B, C, H, W]`` in [-1, 1].

        Returns:
            features ``[B, 512]``: the hidden layer after its ReLU; maps: each pair's output before its pooling;
            logits ``[B, A]``, positive where the attribute is predicted.
        """
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
            x = F.max_pool2d(x, 2)
        features = F.relu(self.hidden(x.flatten(1)))
        return Embedding(features, tuple(maps), self.head(features))

    def facts(self) -> dict[str, str]:
        """Return the shape of the images and the names of the attributes."""
        return {"image_shape": json.dumps(self.shape), "attributes": json.dumps(self.attributes)}

    @classmethod
    def rebuild(cls, facts: Mapping[str, str]) -> Self:
        """Build from the file's metadata."""
        channels, height, width = json.loads(facts["image_shape"])
        return cls((channels, height, width), tuple(json.loads(facts["attributes"])))

    def truth(self, name: str, images: Images) -> Tensor:
        """Return attributes ``[N, A]`` float32, 0 or 1."""
        if images.attributes is None or not images.is_picture:
            raise DataError(f"dataset '{name}': a classifier of attributes needs pictures with attributes")
        if images.attribute_names != self.attributes:
            raise DataError(f"dataset '{name}': has other attributes than the classifier")
        return images.attributes.float()

    def scores(self, logits: Tensor, truth: Tensor) -> dict[str, str]:
        """Return the mean accuracy and, per attribute as JSON, accuracy, balanced accuracy and frequency."""
        seen, there = logits > 0, truth > 0.5
        right, share = seen.eq(there).double().mean(0), there.double().mean(0)
        # NaN for an attribute that all images have, or none.
        found = (seen & there).sum(0).double() / there.sum(0)
        spared = (~seen & ~there).sum(0).double() / (~there).sum(0)
        columns = {"accuracies": right, "balanced_accuracies": (found + spared) / 2, "shares": share}
        named = {
            what: json.dumps(dict(zip(self.attributes, [round(v, 4) for v in values.tolist()], strict=True)))
            for what, values in columns.items()
        }
        return {"accuracy": f"{float(right.mean()):.4f}", **named}


@dataclass(frozen=True)
class AttributeClassifierConfig(ClassifierConfig):
    """Training with Adam on the binary cross-entropy of each attribute. The defaults are STGAN's.

    Attributes:
        epochs: see ``ClassifierConfig``.
        batch: see ``ClassifierConfig``.
        rate: learning rate; with ``cycle``, its peak.
        beta: decay of Adam's first moment.
        l2: weight of the squared parameters in the loss, halved, as Adam's ``weight_decay``.
        cycle: vary the rate in one cycle over all steps (Smith & Topin 2018) instead of keeping it constant.
    """

    epochs: int = 25
    batch: int = 64
    rate: float = 2e-4
    beta: float = 0.9
    l2: float = 1e-4
    cycle: bool = False

    def build(self, data: FitData) -> AttributeClassifier:
        """Build a network with one logit per attribute; see ``ClassifierConfig.build``."""
        if data.train.attributes is None or not data.train.is_picture:
            raise DataError(f"dataset '{data.name}': a classifier of attributes needs pictures with attributes")
        try:
            return AttributeClassifier(data.train.shape, data.train.attribute_names)
        except ValueError as error:
            raise DataError(f"dataset '{data.name}': {error}") from error

    def optimizer(
        self, network: nn.Module, steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        """Return Adam and the schedule of its constant or cyclic rate."""
        optimizer = torch.optim.Adam(network.parameters(), self.rate, (self.beta, 0.999), weight_decay=self.l2)
        if self.cycle:
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, self.rate, total_steps=steps, cycle_momentum=False
            )
            return optimizer, schedule
        return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)

    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Return the mean binary cross-entropy over images and attributes."""
        return F.binary_cross_entropy_with_logits(logits, truth)
