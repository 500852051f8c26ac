"""Kinds of images that a generator lacks: samples do not show them, and the search cannot reach them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.overfit.power import ALPHA

RARE = 0.5
"""Below this part of its share of real images, a kind counts as rare among samples."""
NEAREST = 1e-6
"""Distances to a training image below this count as this."""


@dataclass(frozen=True)
class ImageClass:
    """One kind of images: a class, or a cell of similar ones.

    Attributes:
        name: of the class, or the cell's number.
        images: unseen images of it that were inverted.
        real_share: of all unseen images.
        own_share: of samples.
        share_p: one-sided Fisher test: samples have less of it.
        median_error: recovery error of its unseen images; NaN without any.
        error_p: one-sided Mann-Whitney tests: they are recovered worse than the others, as errors are or for how
            near a training image they lie; twice the smaller p.
        missing: both tests hold at ``ALPHA`` over the number of kinds, and samples have less than ``RARE`` of its
            share.
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
    """All kinds; ``basis`` says what they are ("classes", "k-means cells")."""

    kinds: tuple[ImageClass, ...]
    basis: str

    @property
    def missing(self) -> tuple[ImageClass, ...]:
        """Those that the generator lacks, the largest first."""
        return tuple(sorted((k for k in self.kinds if k.missing), key=lambda k: -k.real_share))


def mode_statistics(
    real: ArrayLike,
    own: ArrayLike,
    errors: ArrayLike,
    nearest: ArrayLike,
    names: Sequence[str],
    basis: str = "classes",
) -> ModeStatistics:
    """Look for kinds that are rare among samples and recovered badly; either alone is no sign.

    Kinds that are hard to draw have large errors in every GAN, and the density of a GAN is never quite right. A kind
    that is missing has both faults. Kinds that are easy to draw are recovered well even by a generator that never saw
    one; so errors are also compared after division by the squared distance to the nearest training image, up to
    a factor the error of a generator that knows training images alone. The kind of every image, real or not, has to
    be told in the same way.

    Args:
        real: kind ``[k]`` of each unseen image, as numbers below ``len(names)``; those that were inverted first.
        own: kind ``[m]`` of each sample.
        errors: recovery errors ``[n]`` of the first unseen images.
        nearest: Euclidean distance ``[n]`` of these to the nearest training image.
        names: of the kinds.
        basis: what kinds are.
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
        shares = float(here.mean()), float(made.mean())
        kinds.append(ImageClass(name, int(inside.sum()), *shares, share_p, median, error_p, bool(missing)))
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
