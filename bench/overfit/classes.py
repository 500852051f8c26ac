"""Classes of images: those that a classifier predicts, or k-means cells of similar training images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.overfit.ct_test import CELLS, FITTED_ON, CellPartition, some
from bench.overfit.distances import Index, Rows, as_floats

COMPONENTS = 50
"""Largest number of principal components that the classifier is given."""
PENALTY = 10.0
"""Penalty C of the support vector machine for errors in training."""


@dataclass(frozen=True)
class ImageClasses:
    """A rule that assigns a class to every image, the same for samples and real images.

    Attributes:
        names: names of the classes.
        basis: their origin in words ("classes", or k-means cells).
        of: returns the class of each row ``[n]``, a number below ``len(names)``.
    """

    names: tuple[str, ...]
    basis: str
    of: Callable[[Rows], Index]


def kinds_of(train: Rows, labels: Index | None = None, names: Sequence[str] = (), seed: int = 0) -> ImageClasses:
    """Learn classes of images from training images.

    With labels of at least two classes, a support vector machine on principal components predicts the class; without
    them, the classes are k-means cells. The machine is used rather than the nearest training image because blurred
    samples all lie near a few images without contrast: on Fashion-MNIST, GANs that generate every class show .07 to
    .35 of the expected share of sandals by nearest images, and .6 to 1.2 of it by this classifier.

    Args:
        train: flat images ``[n, d]``; at most ``FITTED_ON`` of them are used.
        labels: their classes ``[n]``, if they are known.
        names: names of the classes.
        seed: seed of the cells or the components.
    """
    if labels is not None and names and len(np.unique(labels)) > 1:
        return ImageClasses(tuple(names), "classes", _classifier(train, labels, seed))
    cells = CellPartition(train, CELLS, seed)
    found = tuple(f"cell {k}" for k in range(len(cells.centres)))
    return ImageClasses(found, "k-means cells of the training images", cells.of)


def _classifier(train: Rows, labels: Index, seed: int) -> Callable[[Rows], Index]:
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    chosen = some(np.arange(len(train)), FITTED_ON, seed)
    known = as_floats(train[chosen])
    components = PCA(min(COMPONENTS, *known.shape), random_state=seed)
    model = make_pipeline(components, SVC(C=PENALTY)).fit(known, labels[chosen])
    return lambda rows: np.asarray(model.predict(as_floats(rows)), np.int64)
