"""Domain networks: classifiers trained by this suite, used as feature extractors of metrics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.core.errors import WeightsError
from bench.core.pretrained_files import WeightsFile
from bench.core.registry import features
from bench.core.types import Embedding, Shape
from bench.metrics.classifier import classifier_metadata, load_classifier
from bench.metrics.classifier_config import DomainClassifier
from bench.metrics.networks import PinnedNetwork, full_precision
from bench.metrics.weights import TRAINED, classifiers_folder, trained_weights

STAGES = {"labels": 3, "attributes": 5}
"""Spatial maps of each kind of classifier."""
FEATURES = {"labels": "spatial mean of stage3", "attributes": "hidden layer of 512 after its ReLU"}


class DomainNetwork(PinnedNetwork):
    """A classifier that ``train_classifier`` trained on one dataset and ``save_classifier`` wrote."""

    shape: ClassVar[Shape]
    kind: ClassVar[str]
    resizing: ClassVar[str] = "none"

    def accepts(self, shape: Shape) -> str | None:
        """Return a reason for images of another shape than the dataset's."""
        if shape == self.shape:
            return None
        return f"{self.name} requires {_size(self.shape)} images, got {_size(shape)}"

    def protocol(self) -> dict[str, Any]:
        """Return layers and checksum; the weights file holds its recipe, seed, dataset and accuracy."""
        return self._protocol(
            layers=list(self.layers), feature=FEATURES[self.kind], resize=self.resizing, normalize="[-1, 1]"
        )

    def load(self, device: str) -> None:
        """Read the weights.

        Raises:
            WeightsError: the file is missing or altered, or its network predicts other classes or attributes.
        """
        path = self.file.find()
        network = load_classifier(path)
        told = tuple(getattr(network, "attributes", ()))
        if network.kind != self.kind or told != self.attributes:
            raise WeightsError(f"weights {path}: trained on other {self.kind} than {self.name}")
        self.network: DomainClassifier = network.to(device)

    @torch.no_grad()
    def embed(self, images_u8: Tensor) -> Embedding:
        """Compute features ``[B, 128]`` (attributes: ``[B, 512]``), one map per stage, and logits."""
        x = images_u8.float().div(127.5).sub(1.0)
        with full_precision():
            embedding: Embedding = self.network(x)
        return embedding


def _layers(kind: str) -> tuple[str, ...]:
    return tuple(f"stage{number}" for number in range(1, STAGES[kind] + 1))


def _declared(path: Path) -> dict[str, Any]:
    facts = classifier_metadata(path)
    try:
        kind = facts["network"]
        channels, height, width = json.loads(facts["image_shape"])
        return {
            "kind": kind,
            "layers": _layers(kind),
            "shape": (channels, height, width),
            "classes": int(facts.get("classes", 0)),
            "attributes": tuple(json.loads(facts.get("attributes", "[]"))),
        }
    except (KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"weights {path}: not a classifier of this suite ({error!r})") from error


def _size(shape: Shape) -> str:
    channels, height, width = shape
    return f"{height}x{width}x{channels}"


@features("fashion-mnist-cnn")
@dataclass
class FashionMnistCnn(DomainNetwork):
    """Small classifier of Fashion-MNIST, trained by this suite and shipped with it; 28x28 grey images."""

    name = "fashion-mnist-cnn"
    kind = "labels"
    layers = _layers("labels")
    shape = (1, 28, 28)
    classes = 10


@features("drawn-faces-cnn")
@dataclass
class DrawnFacesCnn(DomainNetwork):
    """Classifier of the 15 attributes of drawn-faces, trained by this suite and shipped with it; RGB, 64 or 128 px.

    Pictures of 128 pixels are reduced to 64 by 2 x 2 means. The network was trained on drawings only: its predictions
    for photographs are meaningless.
    """

    name = "drawn-faces-cnn"
    kind = "attributes"
    layers = _layers("attributes")
    shape = (3, 64, 64)
    attributes = (
        "Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Bushy_Eyebrows", "Eyeglasses", "Male",
        "Mouth_Slightly_Open", "Mustache", "No_Beard", "Pale_Skin", "Young", "Smiling", "Wearing_Hat",
    )  # fmt: skip
    resizing = "128x128 to 64x64: mean of 2x2 pixels, rounded to 8 bits, halves up"

    def accepts(self, shape: Shape) -> str | None:
        """Accept RGB images of 64 or 128 pixels."""
        return None if shape == (3, 128, 128) else super().accepts(shape)

    @torch.no_grad()
    def embed(self, images_u8: Tensor) -> Embedding:
        """Compute features ``[B, 512]``, five maps, and logits ``[B, 15]``."""
        return super().embed(halved(images_u8) if images_u8.shape[-1] == 128 else images_u8)


def halved(images_u8: Tensor) -> Tensor:
    """Return the 2 x 2 means of ``[B, C, H, W]`` uint8, rounded to nearest, halves up."""
    batch, channels, height, width = images_u8.shape
    cells = images_u8.to(torch.int16).view(batch, channels, height // 2, 2, width // 2, 2)
    return ((cells.sum((3, 5), dtype=torch.int16) + 2) >> 2).to(torch.uint8)


@features("trained")
@dataclass
class TrainedClassifier(DomainNetwork):
    """The classifier that ``ganinv train-classifier DATASET`` trained on this machine (trained:DATASET).

    The file states its classes or attributes and the shape of its images. Its checksum is part of the protocol and of
    every key: after training again, every metric that uses it is measured again.

    Attributes:
        dataset: name of the dataset.

    Raises:
        WeightsError: the file exists, but is not a classifier of this suite.
    """

    dataset: str

    def __post_init__(self) -> None:
        found = classifiers_folder() / self.file.file
        self._here = found.is_file()
        # Other networks declare these as class attributes; here they are read from the file of the instance.
        vars(self).update({"name": f"{TRAINED}:{self.dataset}", **(_declared(found) if self._here else {})})

    @property
    def file(self) -> WeightsFile:
        """The weights file, with its actual checksum."""
        return trained_weights(self.dataset)

    def accepts(self, shape: Shape) -> str | None:
        """Return a reason for images of another shape than the training images, or if the file is missing."""
        if not self._here:
            return f"{self.file.file} is not there; {self.file.get}"
        return super().accepts(shape)

    def protocol(self) -> dict[str, Any]:
        """Return layers and checksum of the file found.

        Raises:
            WeightsError: the file is missing.
        """
        self.file.find()
        return super().protocol()
