"""Domain networks as metrics see them: classifiers trained by this suite, shipped with it or made on this machine."""

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
        """Images of the dataset's own shape alone."""
        if shape == self.shape:
            return None
        return f"{self.name} looks at {_size(self.shape)} images, these are {_size(shape)}"

    def protocol(self) -> dict[str, Any]:
        """Layers and checksum; the weights file holds its recipe, seed, dataset and accuracy."""
        return self._protocol(
            layers=list(self.layers), feature=FEATURES[self.kind], resize=self.resizing, normalize="[-1, 1]"
        )

    def load(self, device: str) -> None:
        """Read the weights.

        Raises:
            WeightsError: missing, altered, or a network that tells something else than it is known for.
        """
        path = self.file.find()
        network = load_classifier(path)
        told = tuple(getattr(network, "attributes", ()))
        if network.kind != self.kind or told != self.attributes:
            raise WeightsError(f"weights {path}: tells other {self.kind} than {self.name}")
        self.network: DomainClassifier = network.to(device)

    @torch.no_grad()
    def embed(self, images_u8: Tensor) -> Embedding:
        """Features ``[B, 128]`` or, of attributes, ``[B, 512]``; a map a stage; logits."""
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

    Pictures of 128 pixels are seen through the 2 x 2 mean that turns them into those of 64. It knows drawings only:
    what it says of photographs means nothing.
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
        """RGB of 64 or 128 pixels."""
        return None if shape == (3, 128, 128) else super().accepts(shape)

    @torch.no_grad()
    def embed(self, images_u8: Tensor) -> Embedding:
        """Features ``[B, 512]``, five maps, logits ``[B, 15]``."""
        return super().embed(halved(images_u8) if images_u8.shape[-1] == 128 else images_u8)


def halved(images_u8: Tensor) -> Tensor:
    """Means of 2 x 2 pixels of ``[B, C, H, W]`` uint8, rounded to nearest, halves up."""
    batch, channels, height, width = images_u8.shape
    cells = images_u8.to(torch.int16).view(batch, channels, height // 2, 2, width // 2, 2)
    return ((cells.sum((3, 5), dtype=torch.int16) + 2) >> 2).to(torch.uint8)


@features("trained")
@dataclass
class TrainedClassifier(DomainNetwork):
    """The classifier that ``ganinv train-classifier DATASET`` trained on this machine (trained:DATASET).

    What it tells, and of which images, stands in its file. The file's checksum is part of the protocol and of every
    key: train it again, and what was measured through it is measured again.

    Attributes:
        dataset: its name.

    Raises:
        WeightsError: a file is there, but it is no classifier of this suite.
    """

    dataset: str

    def __post_init__(self) -> None:
        found = classifiers_folder() / self.file.file
        self._here = found.is_file()
        # What other networks say as classes, this one says as an instance: it stands in the file.
        vars(self).update({"name": f"{TRAINED}:{self.dataset}", **(_declared(found) if self._here else {})})

    @property
    def file(self) -> WeightsFile:
        """The file, with the checksum that it has."""
        return trained_weights(self.dataset)

    def accepts(self, shape: Shape) -> str | None:
        """Images of the shape that it was trained on; none while the file is missing."""
        if not self._here:
            return f"{self.file.file} is not there; {self.file.get}"
        return super().accepts(shape)

    def protocol(self) -> dict[str, Any]:
        """Layers and checksum of the file found.

        Raises:
            WeightsError: there is none.
        """
        self.file.find()
        return super().protocol()
