"""Statistics of samples that need no search: copies of training images, variety, published two-sample statistics.

Rows are flat images ``[n, d]`` (uint8, or floats in [-1, 1]) or features. ``CAN_SEE`` describes what each statistic
detects and what it does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.overfit.ct_test import c_t, some
from bench.overfit.distances import Index, Nearest, Rows, as_floats, nearest

PERMUTATIONS = 4_999
ALIKE_ALPHA = 0.001
"""Training and unseen images count as differently distributed below this p."""
NEAR = 0.03
"""Largest root mean squared difference, in pixels of [-1, 1], of near-duplicates: 4 of 256 levels."""

CAN_SEE = {
    "copying": "Samples that lie nearer to training images than to unseen ones, whatever their quality. Not: "
    "memorised images that are rare among samples.",
    "auth_pct": "Samples that are nearer to a training image than its nearest training image is. Not copies alone: "
    "smooth samples lower it too, as they are near to all images.",
    "c_t": "Samples that are nearer to training images than unseen images are (far below 0), or farther (far above). "
    "Not: copies in few places; smooth samples lower it without any copy.",
    "one_nn": "Any difference between samples and unseen images: 1 if they can be distinguished, .5 if not, towards "
    "0 if samples are copies of them. Not: which difference.",
    "precision": "Samples that resemble no unseen image. Not: copies, which score 1.",
    "recall": "Unseen images that no sample resembles: missing modes. Not: their cause.",
    "variety": "Samples that are more similar to each other than unseen images are. Not: a few missing modes.",
}


@dataclass(frozen=True)
class Copying:
    """Result of the test that samples lie nearer to training images than to unseen ones; see ``copying``.

    Attributes:
        share: share of samples whose nearest real image is a training image.
        expected: its value under the null hypothesis: the share of training images among the real ones.
        p: one-sided p, by permutation of membership.
    """

    share: float
    expected: float
    p: float


@dataclass(frozen=True)
class OneNN:
    """Leave-one-out accuracy of a nearest-neighbour classifier of two sets, over both and for each set."""

    accuracy: float
    of_first: float
    of_second: float


@dataclass(frozen=True)
class Alike:
    """Test that training and unseen images are draws from one pool: 1-NN accuracy and its permutation p."""

    accuracy: float
    p: float

    @property
    def differ(self) -> bool:
        """True if the sets differ so much that a gap between them cannot be interpreted."""
        return self.p < ALIKE_ALPHA


@dataclass(frozen=True)
class Variety:
    """Diversity of samples relative to that of unseen images.

    Attributes:
        nearest: median distance of a sample to its nearest other sample, divided by that of as many unseen images.
        variance: total variance of samples divided by that of unseen images.
    """

    nearest: float
    variance: float


@dataclass(frozen=True)
class SetStatistics:
    """All statistics of this module for one generator; ``counts`` are of samples, training and unseen images."""

    counts: tuple[int, int, int]
    copying: Copying
    auth_pct: float
    c_t: float
    one_nn: OneNN
    precision: float
    recall: float
    variety: Variety
    alike: Alike
    near_copies: int
    """Number of samples within ``NEAR`` of a training image."""


@dataclass(frozen=True)
class Neighbours:
    """Nearest training image of each sample and of each unseen image, and nearest unseen image of each sample."""

    own_train: Nearest
    test_train: Nearest
    own_test: Nearest


def find_neighbours(own: Rows, train: Rows, test: Rows) -> Neighbours:
    """Find the nearest neighbours that the statistics share."""
    return Neighbours(nearest(own, train), nearest(test, train), nearest(own, test))


def set_statistics(
    own: Rows, train: Rows, test: Rows, seed: int = 0, found: Neighbours | None = None
) -> SetStatistics:
    """Compute every statistic of this module.

    Args:
        own: samples of the generator ``[m, d]``.
        train: training images ``[n, d]``, as many as are available.
        test: unseen images ``[k, d]``.
        seed: seed of cells, subsets and permutations.
        found: their nearest neighbours, if these are computed already.

    Raises:
        DataError: fewer than 10 images in one of the sets.
        ContractError: the widths d differ, or values are not finite.
    """
    if min(len(own), len(train), len(test)) < 10:
        raise DataError(f"{len(own)} samples, {len(train)} and {len(test)} images: needs at least 10 of each")
    found = found or find_neighbours(own, train, test)
    few = min(len(own), len(test))
    precision, recall = precision_recall(own[:few], test[:few])
    few_real = min(len(train), len(test), 2000)
    return SetStatistics(
        (len(own), len(train), len(test)),
        copying(found.own_train, found.own_test, train_count=len(train), test_count=len(test), seed=seed),
        auth_pct=auth_pct(train, found.own_train),
        c_t=c_t(own, train, test=test, own_train=found.own_train, test_train=found.test_train, seed=seed),
        one_nn=one_nn(own[:few], test[:few]),
        precision=precision,
        recall=recall,
        variety=variety(own[:few], test[:few]),
        alike=alike(some(train, few_real, seed), test[:few_real], seed),
        near_copies=near_duplicates(found.own_train, train.shape[1]),
    )


def copying(to_train: Nearest, to_test: Nearest, train_count: int, test_count: int, seed: int = 0) -> Copying:
    """Test if the nearest images of samples are training images more often than expected by chance.

    If samples do not depend on which images were trained on, the labels "training" and "unseen" are exchangeable. p
    is the share of permutations of these labels that give at least the observed count (Monte Carlo, the observed one
    included). An image that is the nearest of many samples counts once for each, so that samples need not be
    independent.

    Args:
        to_train: nearest training image of each sample.
        to_test: nearest unseen image of each sample.
        train_count: number of training images.
        test_count: number of unseen images.
        seed: seed of the permutations.
    """
    trained = to_train.distance < to_test.distance
    places = np.where(trained, to_train.index, train_count + to_test.index)
    hit, counts = np.unique(places, return_counts=True)
    observed = counts[hit < train_count].sum()
    at_least = _permuted(counts, int(observed), members=train_count, total=train_count + test_count, seed=seed)
    expected = train_count / (train_count + test_count)
    return Copying(float(trained.mean()), expected, (at_least + 1) / (PERMUTATIONS + 1))


def auth_pct(train: Rows, to_train: Nearest) -> float:
    """Percentage of authentic samples (Alaa et al. 2022, section 4.2).

    A sample is authentic if its nearest training image has another training image nearer than the sample.
    """
    hit, back = np.unique(to_train.index, return_inverse=True)
    partner = nearest(train[hit], train, hit).distance[back]
    return 100 * float((partner < to_train.distance).mean())


def one_nn(first: Rows, second: Rows) -> OneNN:
    """Leave-one-out 1-NN accuracy of two sets (Lopez-Paz and Oquab 2017); neutral at .5 with equal sizes."""
    pool = np.concatenate([as_floats(first), as_floats(second)])
    label, to = _labelled(pool, len(first))
    right = label == label[to]
    return OneNN(float(right.mean()), float(right[: len(first)].mean()), float(right[len(first) :].mean()))


def alike(train: Rows, test: Rows, seed: int = 0) -> Alike:
    """Test that two sets of real images are draws from one pool: 1-NN accuracy against permuted labels, one-sided."""
    pool = np.concatenate([as_floats(train), as_floats(test)])
    label, to = _labelled(pool, len(train))
    observed = float((label == label[to]).mean())
    rng, at_least = np.random.default_rng(seed), 0
    for _ in range(PERMUTATIONS):
        shuffled = rng.permutation(label)
        at_least += float((shuffled == shuffled[to]).mean()) >= observed
    return Alike(observed, (at_least + 1) / (PERMUTATIONS + 1))


def precision_recall(own: Rows, test: Rows) -> tuple[float, float]:
    """Precision and recall of samples against unseen images; see ``bench.metrics.manifold.prdc``."""
    import torch

    from bench.metrics.manifold import prdc

    found = prdc(torch.from_numpy(as_floats(test)), torch.from_numpy(as_floats(own)))
    return found.precision, found.recall


def variety(own: Rows, test: Rows) -> Variety:
    """Compute the diversity of samples; see ``Variety``. Both sets have equal size."""
    mine, real = (_own_distance(rows) for rows in (own, test))
    spread = [float(as_floats(rows).astype(np.float64).var(0).sum()) for rows in (own, test)]
    return Variety(_ratio(mine, real), _ratio(*spread))


def near_duplicates(found: Nearest, dim: int) -> int:
    """Count the rows of ``dim`` values that lie within ``NEAR`` (root mean square) of their nearest one."""
    return int((found.distance <= NEAR * math.sqrt(dim)).sum())


def _own_distance(rows: Rows) -> float:
    return float(np.median(nearest(rows, rows, np.arange(len(rows))).distance))


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.inf if a else 1.0


def _labelled(pool: Rows, first: int) -> tuple[NDArray[np.bool_], Index]:
    """Return, for each row, True if it is one of the first, and its nearest other row."""
    return np.arange(len(pool)) < first, nearest(pool, pool, np.arange(len(pool))).index


def _permuted(counts: Index, observed: int, members: int, total: int, seed: int) -> int:
    """Count the permutations of membership with at least the observed number of hits on members.

    Only images that were hit matter: the number of members among them is hypergeometric, their choice uniform.
    """
    rng, at_least = np.random.default_rng(seed), 0
    drawn = rng.hypergeometric(members, total - members, len(counts), PERMUTATIONS)
    for inside in drawn:
        at_least += int(rng.permutation(counts)[:inside].sum()) >= observed
    return at_least
