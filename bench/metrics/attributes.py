"""Metrics of predicted attributes and classes: FAC, accuracy and F1 of icgan's Anet, mean average precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from bench.core.errors import ContractError, NotApplicable
from bench.core.registry import metric
from bench.core.types import EvalBatch, Images
from bench.metrics.base import NetworkMetric, mean_summary
from bench.metrics.weights import DEFAULT_NETWORK

FACIAL = (
    "Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Bushy_Eyebrows", "Eyeglasses", "Male",
    "Mouth_Slightly_Open", "Mustache", "No_Beard", "Pale_Skin", "Young",
)  # fmt: skip
"""The attributes of FAC: those that STGAN edits, as dfi uses them."""


@dataclass(frozen=True)
class Predictions:
    """Annotations of a batch and a classifier's predictions for it.

    Attributes:
        truth: ``[B, K]`` bool, one column per attribute or class.
        scores: ``[B, K]``, higher for a more confident prediction that the attribute or class is present.
        predicted: ``[B, K]`` bool.
    """

    truth: Tensor
    scores: Tensor
    predicted: Tensor

    @property
    def right(self) -> Tensor:
        """Share of correctly predicted columns, ``[B]`` float64."""
        return self.predicted.eq(self.truth).double().mean(1)


@dataclass
class AttributeMetric(NetworkMetric):
    """Base of metrics that compare a classifier's attributes, or its classes, with the annotations."""

    higher_is_better = True
    labels_too: ClassVar[bool] = True
    """True if images with labels and a classifier of classes are accepted as well."""

    def names(self, images_have: tuple[str, ...]) -> tuple[str, ...]:
        """Return the attributes that are compared: those that both the images and the network have."""
        return tuple(name for name in self.extractor.attributes if name in images_have)

    def applies(self, images: Images) -> str | None:
        """Return a reason for images without annotations, and for networks that predict none of them."""
        if reason := super().applies(images):
            return reason
        lacking: str | None = "the images have no attributes"
        if images.attributes is not None:
            lacking = self._lacking(images.attribute_names)
        if lacking is None or not self.labels_too:
            return lacking
        if images.labels is None:
            return f"{lacking}, and the images have no labels"
        known, last = self.extractor.classes, int(images.labels.max())
        return None if last < known else f"{self.network} classifies {known} classes, the labels go up to {last}"

    def seen(self, pairs: EvalBatch, side: Literal["target", "output"]) -> Predictions:
        """Return the annotations and the network's predictions for one side of a batch.

        Raises:
            ContractError: the network declares attributes or classes but returns no logits, or another number.
        """
        logits = pairs.embed(self.extractor, side).logits
        stated = len(self.extractor.attributes) or self.extractor.classes
        if logits is None or logits.shape[1:] != (stated,):
            got = "none" if logits is None else str(tuple(logits.shape))
            raise ContractError(f"feature network '{self.network}' states {stated} logits an image, gave {got}")
        if pairs.attributes is not None and self.extractor.attributes:
            names = self.names(pairs.attribute_names)
            scores = logits[:, [self.extractor.attributes.index(name) for name in names]]
            truth = pairs.attributes[:, [pairs.attribute_names.index(name) for name in names]]
            return Predictions(truth.bool(), scores, scores > 0)
        assert pairs.labels is not None
        predicted = one_hot(logits.argmax(1), stated).bool()
        return Predictions(one_hot(pairs.labels, stated).bool(), logits.log_softmax(1), predicted)

    def _lacking(self, images_have: tuple[str, ...]) -> str | None:
        if not self.extractor.attributes:
            return f"{self.network} predicts no attributes"
        return None if self.names(images_have) else f"{self.network} predicts none of the images' attributes"


@metric("fac")
@dataclass
class Fac(AttributeMetric):
    """Facial attribute classification: share of 13 attributes that are predicted correctly (dfi, section 4).

    The truth is the dataset's annotation of the target, not the classifier's prediction for it; "ceiling" is the
    share that the classifier predicts correctly on the targets themselves.

    Example:
        >>> import torch
        >>> from bench.metrics.attributes import Predictions
        >>> truth = torch.tensor([[True, False, True, False]])
        >>> logits = torch.tensor([[2.0, -1.0, -0.5, -3.0]])
        >>> Predictions(truth, logits, predicted=logits > 0).right.tolist()
        [0.75]
    """

    network: str = DEFAULT_NETWORK["fac"]

    per_image = True
    tracks = ("test",)  # generated images have no annotation
    labels_too = False

    def names(self, images_have: tuple[str, ...]) -> tuple[str, ...]:
        """Return the 13 attributes of STGAN."""
        return FACIAL

    def protocol(self) -> dict[str, Any]:
        """Add the attributes and the criterion of a correct prediction."""
        return {
            **super().protocol(),
            "attributes": list(FACIAL),
            "right": "logit above 0 where the attribute is annotated, not above where it is not",
            "aggregation": "share of attributes, then mean over images",
        }

    def prepare(self, device: str) -> None:
        """Reset the sums."""
        self._targets_right = 0.0

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return the share of correct attributes in each reconstruction, one value per image."""
        self._targets_right += float(self.seen(pairs, "target").right.sum())
        return self.seen(pairs, "output").right

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean over images, and the classifier's share on the targets as "ceiling"."""
        assert values is not None
        return {**mean_summary(values), "ceiling": self._targets_right / len(values)}

    def _lacking(self, images_have: tuple[str, ...]) -> str | None:
        for who, known in (("the images", images_have), (self.network, self.extractor.attributes)):
            absent = [name for name in FACIAL if name not in known]
            if absent:
                return f"{who} lack{'s' if who == self.network else ''} the attributes {', '.join(absent)}"
        return None


@metric("anet_accuracy")
@dataclass
class AnetAccuracy(AttributeMetric):
    """Accuracy with which images G(z, y) of a conditional GAN show their condition y (icgan, section 5.2).

    The share of correct attributes, or 1 for the correct class and 0 for another.

    Example:
        >>> from bench.metrics.evaluation import open_metrics
        >>> of_attributes, of_classes = open_metrics(["anet_accuracy", "anet_accuracy@fashion-mnist-cnn"])
        >>> of_attributes.name, of_attributes.tracks
        ('anet_accuracy@drawn-faces-cnn', ('own',))
        >>> len(of_attributes.extractor.attributes), of_classes.extractor.classes
        (15, 10)
    """

    network: str = DEFAULT_NETWORK["anet_accuracy"]

    per_image = True
    tracks = ("own",)

    def protocol(self) -> dict[str, Any]:
        """Add the compared sides and the criterion of a correct prediction."""
        return {
            **super().protocol(),
            "compared": "the conditions of codes drawn from the prior with what the network sees in their images",
            "right": "logit above 0 for attributes, highest logit for labels",
            "aggregation": "share of attributes or right labels, then mean over images",
        }

    def update(self, pairs: EvalBatch) -> Tensor:
        """Return one value per generated image."""
        seen = self.seen(pairs, "target")
        return seen.right if self.extractor.attributes else seen.right.eq(1.0).double()

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return the mean over images."""
        return mean_summary(values)


@dataclass
class _OverAllImages(AttributeMetric):
    """Base of metrics that need the predictions for all images at once."""

    per_image = False
    side: ClassVar[Literal["target", "output"]]

    def prepare(self, device: str) -> None:
        """Discard earlier predictions."""
        self._seen: list[Predictions] = []

    def update(self, pairs: EvalBatch) -> None:
        """Store the predictions for a batch."""
        seen = self.seen(pairs, self.side)
        self._seen.append(Predictions(seen.truth.cpu(), seen.scores.cpu(), seen.predicted.cpu()))

    def collected(self) -> Predictions:
        """Return all predictions in order, and discard them."""
        parts = [torch.cat([getattr(s, name) for s in self._seen]) for name in ("truth", "scores", "predicted")]
        self._seen = []
        return Predictions(*parts)


@metric("anet_f1")
@dataclass
class AnetF1(_OverAllImages):
    """F1 of a classifier's predictions of a conditional GAN's conditions, mean over attributes (icgan, section 5.2).

    Example:
        >>> import torch
        >>> from bench.metrics.attributes import f1_scores
        >>> truth = torch.tensor([[True, True], [True, False], [False, False]])
        >>> predicted = torch.tensor([[True, True], [False, False], [False, True]])
        >>> f1_scores(truth, predicted).round(4).tolist()  # precision 1 and 1/2, recall 1/2 and 1
        [0.6667, 0.6667]
    """

    network: str = DEFAULT_NETWORK["anet_f1"]

    tracks = ("own",)
    side = "target"

    def protocol(self) -> dict[str, Any]:
        """Add the compared sides and the value of an undefined ratio."""
        return {
            **super().protocol(),
            "compared": "the conditions of codes drawn from the prior with what the network sees in their images",
            "undefined": "a precision or recall without cases is 1, as in the authors' code",
            "aggregation": "F1 of each attribute or class over all images, then their mean",
        }

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return mean and standard deviation over attributes, and the number of images."""
        seen = self.collected()
        scores = f1_scores(seen.truth, seen.predicted)
        return {"value": float(scores.mean()), "sd": float(scores.std(ddof=0)), "n": float(len(seen.truth))}


def f1_scores(truth: Tensor, predicted: Tensor) -> np.ndarray[Any, Any]:
    """Return the F1 of each column of ``[N, K]`` bool, ``[K]``; a precision or recall without cases counts as 1."""
    hits = (truth & predicted).sum(0).double()
    precision = torch.where(predicted.any(0), hits / predicted.sum(0), 1.0)
    recall = torch.where(truth.any(0), hits / truth.sum(0), 1.0)
    both = precision + recall
    scores: np.ndarray[Any, Any] = torch.where(both > 0, 2 * precision * recall / both, 0.0).numpy()
    return scores


@metric("map")
@dataclass
class MeanAveragePrecision(_OverAllImages):
    """Mean over attributes of a classifier's average precision on reconstructions.

    invgan's Table 2 trains one classifier per kind of image; here a classifier trained on originals is applied to
    reconstructions. Attributes that no target has, or that all have, are left out and counted.

    Example:
        >>> import torch
        >>> from bench.core.types import Images
        >>> from bench.metrics.evaluation import open_metrics
        >>> metric, pixels = open_metrics(["map@fashion-mnist-cnn"])[0], torch.zeros(2, 1, 28, 28).byte()
        >>> metric.applies(Images(pixels))
        'the images have no attributes, and the images have no labels'
        >>> metric.applies(Images(pixels, labels=torch.tensor([0, 9]))) is None  # classes count as attributes
        True
    """

    network: str = DEFAULT_NETWORK["map"]

    tracks = ("test",)
    side = "output"

    def protocol(self) -> dict[str, Any]:
        """Add the definition."""
        return {
            **super().protocol(),
            "average_precision": "sum of precision times the step in recall, no interpolation (scikit-learn)",
            "aggregation": "mean over attributes or classes with both kinds among the targets",
        }

    def compute(self, values: np.ndarray[Any, Any] | None) -> dict[str, float]:
        """Return mean and standard deviation over attributes, their number, how many were left out, and N.

        Raises:
            NotApplicable: no attribute is present in some targets and absent in others.
        """
        from sklearn.metrics import average_precision_score

        seen = self.collected()
        decidable = (seen.truth.any(0) & ~seen.truth.all(0)).nonzero().flatten().tolist()
        if not decidable:
            raise NotApplicable("no attribute is there in some images and absent in others")
        found = [average_precision_score(seen.truth[:, k].numpy(), seen.scores[:, k].numpy()) for k in decidable]
        return {
            "value": float(np.mean(found)),
            "sd": float(np.std(found)),
            "attributes": float(len(found)),
            "left_out": float(seen.truth.shape[1] - len(found)),
            "n": float(len(seen.truth)),
        }
