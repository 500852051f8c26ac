"""Statistics of recovery errors: the gap between training and unseen images, its tests and their power.

Recovery error of an image: e = min_z mean |G(z) - x|^2, pixels in [-1, 1] (Webster et al. 2019, section 3). All tests
have the same null hypothesis: errors do not depend on which images were trained on. It is true of a generator that
did not memorise, however good or bad, if both sets are draws from one pool. The tests use ranks, so that neither the
numerical floor of a search (errors of 1e-12 and 1e-10 are equivalent) nor long tails decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import ContractError, DataError
from bench.overfit.power import ALPHA as ALPHA  # noqa: PLC0414 - re-exported: the level of the tests below
from bench.overfit.power import Detectable, detectable
from bench.statistics import LEVEL, RESAMPLES, Interval

Floats = NDArray[np.float64]

RECOVERED = 1e-6
"""Mean squared error below which an image counts as recovered, as in metric ``recovery_error``."""
GATE = 0.9
"""Share of generated images that a search has to recover before the absence of a gap is evidence."""
TAIL = 0.05
"""Share of all errors, the lowest, in which training images are counted."""
FLOOR = 1e-12
"""Lower bound of errors in ratios: smaller errors differ by rounding alone."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Spread:
    """Summary of the errors of one group: ``quantiles`` at ``QUANTILES``."""

    n: int
    mean: float
    median: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Gap:
    """The relative difference of median training and unseen errors; see ``signed_gap``.

    Attributes:
        value: gap in [-1, 1]; above 0 if training images are recovered better.
        interval: its bootstrap interval.
        log_ratio: ln(median unseen / median training), from which ``value`` follows.
    """

    value: float
    interval: Interval
    log_ratio: float


@dataclass(frozen=True)
class Separation:
    """Tests of training errors against unseen ones; ``*_p`` are p values.

    Attributes:
        ks: two-sample Kolmogorov-Smirnov statistic.
        ks_p: two-sided (Webster et al. 2019).
        mann_whitney_p: two-sided.
        better_p: Mann-Whitney, one-sided: training errors are lower.
        cliffs_delta: P(training lower) - P(training higher), in [-1, 1].
        auc: area under the curve of classifying membership by low error: (1 + delta) / 2.
        tail_share: share of training images in the lowest ``TAIL`` of all errors; without memorisation, their share
            of all images.
        tail_p: one-sided, hypergeometric: more of them than by chance. Detects a few memorised images, which do not
            change a median.
    """

    ks: float
    ks_p: float
    mann_whitney_p: float
    better_p: float
    cliffs_delta: float
    auc: float
    tail_share: float
    tail_p: float

    @property
    def p(self) -> float:
        """Combined p of both one-sided tests (Bonferroni)."""
        return min(1.0, 2 * min(self.better_p, self.tail_p))


@dataclass(frozen=True)
class Gate:
    """The share of generated images, whose codes exist, that a search recovers.

    Attributes:
        rate: share of generated images with an error below ``recovered_below``.
        interval: its Clopper-Pearson interval.
        recovered_below: threshold of the mean squared error.
        needed: lowest rate that passes.
    """

    rate: float
    interval: Interval
    recovered_below: float
    needed: float

    @property
    def passed(self) -> bool:
        """True if the absence of a gap is evidence with this search."""
        return self.rate >= self.needed


@dataclass(frozen=True)
class ErrorStatistics:
    """All statistics of recovery errors for one GAN, search and budget."""

    train: Spread
    test: Spread
    own: Spread
    gap: Gap
    separation: Separation
    gate: Gate
    detectable: Detectable


def error_statistics(
    train: ArrayLike,
    test: ArrayLike,
    own: ArrayLike,
    *,
    recovered_below: float = RECOVERED,
    needed: float = GATE,
    seed: int = 0,
) -> ErrorStatistics:
    """Compute all statistics of this module from errors ``[n]``, ``[m]`` and ``[k]``.

    Raises:
        ContractError: errors are not a vector of finite, non-negative numbers.
        DataError: fewer than two errors in a group.
    """
    train, test, own = (checked(name, e) for name, e in (("train", train), ("test", test), ("own", own)))
    return ErrorStatistics(
        spread(train),
        spread(test),
        own=spread(own),
        gap=signed_gap(train, test, seed=seed),
        separation=separation(train, test),
        gate=gate(own, recovered_below, needed),
        detectable=detectable(test, len(train)),
    )


def checked(name: str, errors: ArrayLike) -> Floats:
    """Return errors as float64.

    Raises:
        ContractError: errors are not a vector of finite, non-negative numbers.
        DataError: fewer than two errors.
    """
    array = np.asarray(errors, np.float64)
    if array.ndim != 1 or not np.isfinite(array).all() or (array < 0).any():
        raise ContractError(f"{name} errors must be a row of finite numbers from 0 upwards, got shape {array.shape}")
    if len(array) < 2:
        raise DataError(f"{len(array)} {name} errors: statistics need at least 2")
    return array


def spread(errors: ArrayLike) -> Spread:
    """Compute mean, median and quantiles of errors ``[n]``."""
    array = np.asarray(errors, np.float64)
    quantiles = tuple(float(q) for q in np.quantile(array, QUANTILES))
    return Spread(len(array), float(array.mean()), float(np.median(array)), quantiles)


def signed_gap(
    train: ArrayLike, test: ArrayLike, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Gap:
    """Compute the gap of median recovery errors with a bootstrap interval; both groups are resampled independently.

    value = (M_test - M_train) / max(M_test, M_train), M a median. Where training errors are lower this is the gap of
    Webster et al. (2019, eq. 3); swapping the groups only changes its sign. Medians are used because errors have long
    right tails in which a few images would decide a mean. The gap is bounded because the log-ratio of a generator
    that memorised its training set measures mostly how far the search reduced errors near 0.

    Args:
        train: errors ``[n]``.
        test: errors ``[m]``.
        level: confidence level.
        resamples: number of bootstrap samples.
        seed: seed of the resampling.
    """
    first, second = np.sort(np.asarray(train, np.float64)), np.sort(np.asarray(test, np.float64))
    rng = np.random.default_rng(seed)
    ratios = _log(_resampled_medians(second, resamples, rng)) - _log(_resampled_medians(first, resamples, rng))
    low, high = np.quantile(_bounded(ratios), [(1 - level) / 2, (1 + level) / 2])
    ratio = float(_log(np.median(second)) - _log(np.median(first)))
    return Gap(float(_bounded(ratio)), Interval(float(low), float(high), level), ratio)


def separation(train: ArrayLike, test: ArrayLike) -> Separation:
    """Compute all tests of training errors ``[n]`` against unseen ones ``[m]``; ties count half."""
    from scipy import stats

    first, second = np.asarray(train, np.float64), np.asarray(test, np.float64)
    n, m = len(first), len(second)
    ks = stats.ks_2samp(first, second)
    higher = stats.mannwhitneyu(first, second, alternative="two-sided")
    lower_p = float(stats.mannwhitneyu(first, second, alternative="less").pvalue)
    auc = 1 - float(higher.statistic) / (n * m)
    tail_share, tail_p = _tail(first, second)
    return Separation(
        float(ks.statistic),
        float(ks.pvalue),
        mann_whitney_p=float(higher.pvalue),
        better_p=lower_p,
        cliffs_delta=2 * auc - 1,
        auc=auc,
        tail_share=tail_share,
        tail_p=tail_p,
    )


def gate(own: ArrayLike, recovered_below: float = RECOVERED, needed: float = GATE) -> Gate:
    """Compute the share of generated images ``[k]`` recovered, with the interval of Clopper and Pearson (1934)."""
    from scipy.stats import binomtest

    errors = np.asarray(own, np.float64)
    found = int((errors < recovered_below).sum())
    ends = binomtest(found, len(errors)).proportion_ci(LEVEL, "exact")
    return Gate(found / len(errors), Interval(float(ends.low), float(ends.high)), recovered_below, needed)


def _tail(train: Floats, test: Floats) -> tuple[float, float]:
    """Return the share of training images in the lowest errors, and its p; ties at the border are all included."""
    from scipy.stats import hypergeom

    pooled = np.concatenate([train, test])
    border = np.partition(pooled, k := max(1, round(TAIL * len(pooled))) - 1)[k]
    drawn, members = int((pooled <= border).sum()), int((train <= border).sum())
    return members / drawn, float(hypergeom.sf(members - 1, len(pooled), len(train), drawn))


def _resampled_medians(ordered: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Return medians ``[R]`` of bootstrap samples: order statistics whose ranks are drawn, without sorting.

    The k-th smallest of n draws from n values is value floor(n b), b ~ Beta(k, n + 1 - k).
    """
    n = len(ordered)
    if n % 2:
        return _at(ordered, rng.beta((n + 1) / 2, (n + 1) / 2, resamples))
    low = rng.beta(n / 2, n / 2 + 1, resamples)
    high = low + (1 - low) * rng.beta(1, n / 2, resamples)  # the next one, given this one
    middle: Floats = (_at(ordered, low) + _at(ordered, high)) / 2
    return middle


def _at(ordered: Floats, share: Floats) -> Floats:
    places = np.minimum((share * len(ordered)).astype(int), len(ordered) - 1)
    chosen: Floats = ordered[places]
    return chosen


def _log(values: Any) -> Any:
    return np.log(np.maximum(values, FLOOR))


def _bounded(ratio: Any) -> Any:
    """Return the gap of a log-ratio r: 1 - exp(-|r|), with the sign of r."""
    return -np.sign(ratio) * np.expm1(-np.abs(ratio))
