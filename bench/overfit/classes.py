"""Which kind of images an image is: its class, told by a classifier, or a cell of images that are alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.overfit.ct_test import CELLS, FITTED_ON, CellPartition, some
from bench.overfit.distances import Index, Rows, as_floats

COMPONENTS = 50
"""Principal components that the classifier sees, at most."""
PENALTY = 10.0
"""Of the support vector machine for errors in training."""


@dataclass(frozen=True)
class ImageClasses:
    """Tells kinds of images, those of samples and of real ones by the same rule.

    Attributes:
        names: of the kinds.
        basis: what they are.
        of: the kind of each row ``[n]``, as a number below ``len(names)``.
    """

    names: tuple[str, ...]
    basis: str
    of: Callable[[Rows], Index]


def kinds_of(train: Rows, labels: Index | None = None, names: Sequence[str] = (), seed: int = 0) -> ImageClasses:
    """Learn kinds from training images.

    With labels of at least two classes, a support vector machine on their principal components tells the classes. It
    is used rather than the nearest training image because blurred samples all lie near a few images without contrast:
    on Fashion-MNIST, GANs that draw every class give .07 to .35 of the sandals that they should by nearest images,
    and .6 to 1.2 of them by this.

    Args:
        train: flat images ``[n, d]``; a part of them is learnt from where there are many.
        labels: their classes ``[n]``, if they are known.
        names: of the classes.
        seed: of the cells or the components.
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
