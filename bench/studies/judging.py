"""From intervals to verdicts: thresholds, jackknife errors, and claims that several tests decide. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from bench.papers.claims.spec import Claim
from bench.papers.claims.verdicts import Evidence, Outcome, Verdict
from bench.statistics import LEVEL, Floats, Interval

ORDER: tuple[Outcome, ...] = ("fails", "not measured", "cannot tell", "holds")
"""A claim takes the first of these that one of its tests has."""


def claim(id_: str, source: str, text: str) -> Claim:
    """A claim of a paper that a study tests; its tests are code, not data."""
    return Claim(id_, source, text, ())


def judge(about: Claim, evidence: Iterable[Evidence], published: bool | None = None) -> Verdict:
    """A verdict from its tests: one that fails is enough; all must hold for the claim to hold."""
    found = tuple(evidence)
    outcome = next(o for o in ORDER if any(e.outcome == o for e in found))
    return Verdict(about, outcome, found, published)


def at_least(interval: Interval | None, threshold: float) -> Outcome:
    """Whether a value is at least ``threshold``: "cannot tell" where its interval reaches both sides, or is None."""
    if interval is None:
        return "cannot tell"
    return "holds" if interval.low >= threshold else "fails" if interval.high < threshold else "cannot tell"


def at_most(interval: Interval | None, threshold: float) -> Outcome:
    """Whether a value is at most ``threshold``; see ``at_least``."""
    return at_least(None if interval is None else Interval(-interval.high, -interval.low), -threshold)


def within(interval: Interval | None, tolerance: float) -> Outcome:
    """Whether a value lies in [-tolerance, tolerance]; fails only where its whole interval lies outside."""
    if interval is None:
        return "cannot tell"
    if interval.low > tolerance or interval.high < -tolerance:
        return "fails"
    return "holds" if interval.low >= -tolerance and interval.high <= tolerance else "cannot tell"


def all_of(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a test that has several parts."""
    found = list(outcomes)
    return next(o for o in ORDER if o in found)


def span(interval: Interval | None) -> str:
    """``[low, high]`` with four digits, or why there is none."""
    return "(no interval)" if interval is None else f"[{interval.low:.4g}, {interval.high:.4g}]"


def partition(count: int, parts: int, seed: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Row numbers ``0 … count-1`` in ``parts`` random disjoint groups, whose sizes differ by one at most."""
    order = np.random.RandomState(seed).permutation(count).astype(np.int64)
    return [np.sort(order[start::parts]) for start in range(parts)]


def jackknife_error(replicates: ArrayLike) -> Floats:
    """Standard error from delete-a-group replicates ``[K, ...]`` (Kott 2001, "The delete-a-group jackknife").

    sqrt((K - 1) / K · Σ (θ_k - mean θ)²). Unlike the bootstrap it draws no image twice, so that a distance between
    two sets keeps its size.
    """
    values = np.asarray(replicates, np.float64)
    count = len(values)
    spread = np.square(values - values.mean(0)).sum(0)
    return np.asarray(np.sqrt((count - 1) / count * spread), np.float64)


def jackknife_interval(estimate: float, replicates: ArrayLike, level: float = LEVEL) -> Interval:
    """Student's t interval around an estimate on all images, from replicates ``[K]`` that lack a group each."""
    from scipy.stats import t

    values = np.asarray(replicates, np.float64)
    half = float(t.ppf((1 + level) / 2, len(values) - 1)) * float(jackknife_error(values))
    return Interval(estimate - half, estimate + half, level)


def r_squared(x: ArrayLike, rows: ArrayLike) -> Floats:
    """Share of the variance of rows ``[..., K]`` that a straight line in ``x`` ``[K]`` explains; NaN if constant."""
    across, values = np.asarray(x, np.float64), np.asarray(rows, np.float64)
    across = across - across.mean()
    values = values - values.mean(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((values @ across) ** 2 / ((across @ across) * np.square(values).sum(-1)), np.float64)


def slope_changes(x: Sequence[float], rows: ArrayLike) -> Floats:
    """Differences between neighbouring slopes of ``rows`` ``[..., K]`` over ``x`` ``[K]``; all positive if convex."""
    slopes = np.diff(np.asarray(rows, np.float64), axis=-1) / np.diff(np.asarray(x, np.float64))
    return np.asarray(np.diff(slopes, axis=-1), np.float64)
