"""Classes of images that a generator lacks: rare among its samples, and recovered badly by the search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.overfit.power import ALPHA

RARE = 0.5
"""A class counts as rare among samples below this fraction of its share of real images."""
NEAREST = 1e-6
"""Lower bound of distances to a training image."""


@dataclass(frozen=True)
class ImageClass:
    """One class of images: a labelled class, or a cell of similar images.

    Attributes:
        name: name of the class, or number of the cell.
        images: number of its unseen images that were inverted.
        real_share: its share of all unseen images.
        own_share: its share of samples.
        share_p: p of a one-sided Fisher test that its share of samples is lower.
        median_error: recovery error of its unseen images; NaN without any.
        error_p: twice the smaller p of two one-sided Mann-Whitney tests that its images are recovered worse than the
            others: of errors, and of errors relative to the distance to the nearest training image.
        missing: both tests are significant at ``ALPHA`` divided by the number of classes, and its share of samples
            is below ``RARE`` times its share of real images.
    """

    name: str
    images: int
    real_share: float
    own_share: float
    share_p: float
    median_error: float
    error_p: float
    missing: bool


@dataclass(frozen=True)
class ModeStatistics:
    """Statistics of all classes; ``basis`` is their origin in words ("classes", or k-means cells)."""

    kinds: tuple[ImageClass, ...]
    basis: str

    @property
    def missing(self) -> tuple[ImageClass, ...]:
        """Classes that the generator lacks, the largest first."""
        return tuple(sorted((k for k in self.kinds if k.missing), key=lambda k: -k.real_share))


def mode_statistics(
    real: ArrayLike,
    own: ArrayLike,
    errors: ArrayLike,
    nearest: ArrayLike,
    names: Sequence[str],
    basis: str = "classes",
) -> ModeStatistics:
    """Find classes that are both rare among samples and recovered badly; neither alone is evidence.

    Complex classes have large errors in every GAN, and the density of a GAN is never exact; a missing class shows
    both. Simple classes are recovered well even by a generator that was not trained on them, so errors are also
    compared after division by the squared distance to the nearest training image, which is, up to a factor, the error
    of a generator that reproduces training images alone. The class of every image, real or generated, has to be
    predicted by the same rule.

    Args:
        real: class ``[k]`` of each unseen image, a number below ``len(names)``; the inverted images come first.
        own: class ``[m]`` of each sample.
        errors: recovery errors ``[n]`` of the first unseen images.
        nearest: Euclidean distance ``[n]`` of these images to the nearest training image.
        names: names of the classes.
        basis: their origin in words.
    """
    of_real, of_own = (np.asarray(a, np.int64) for a in (real, own))
    values, distance = (np.asarray(a, np.float64) for a in (errors, nearest))
    relative = values / np.maximum(distance, NEAREST) ** 2
    kinds = []
    for number, name in enumerate(names):
        here, made = of_real == number, of_own == number
        inside = here[: len(values)]
        share_p = _less_p(int(made.sum()), len(made), int(here.sum()), len(here))
        error_p = min(1.0, 2 * min(_worse_p(values, inside), _worse_p(relative, inside)))
        median = float(np.median(values[inside])) if inside.any() else float("nan")
        missing = made.mean() < RARE * here.mean() and max(share_p, error_p) < ALPHA / len(names)
        kinds.append(
            ImageClass(
                name,
                int(inside.sum()),
                real_share=float(here.mean()),
                own_share=float(made.mean()),
                share_p=share_p,
                median_error=median,
                error_p=error_p,
                missing=bool(missing),
            )
        )
    return ModeStatistics(tuple(kinds), basis)


def _less_p(made: int, samples: int, here: int, images: int) -> float:
    from scipy.stats import fisher_exact

    table = [[made, samples - made], [here, images - here]]
    return float(fisher_exact(table, alternative="less").pvalue)


def _worse_p(
    errors: np.ndarray[tuple[int], np.dtype[np.float64]], inside: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> float:
    from scipy.stats import mannwhitneyu

    if inside.all() or not inside.any():
        return 1.0
    return float(mannwhitneyu(errors[inside], errors[~inside], alternative="greater").pvalue)
