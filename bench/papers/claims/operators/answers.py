"""Functions shared by the operators: from estimates to evidence in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bench import statistics
from bench.core.errors import BenchError
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.subjects import ClaimSubject
from bench.reports.estimates import Contrast, Estimate, estimate
from bench.reports.quantities import Quantity
from bench.reports.verdicts import Evidence, Outcome, at_least, span, with_span
from bench.statistics import Floats

Asked = Sequence[tuple[ClaimSubject, Quantity]]
"""Arguments of a statistic, in order: subjects and their quantities."""
Statistic = Callable[[Floats], Floats]
"""Function of values ``[..., K]`` with result ``[...]``."""
SIGNS: dict[int | None, Outcome] = {1: "holds", -1: "fails"}


def unmeasured(question: str, reason: str, remark: str = "") -> Evidence:
    """Return the evidence of a test that could not be evaluated, with the reason."""
    return Evidence(question, "not measured", reason, remark)


def estimated(scope: ClaimScope, asked: Asked, statistic: Statistic) -> Estimate | str:
    """Return the estimate of a statistic, or the reason why there is none."""
    try:
        found = estimate([scope.reading(who, quantity) for who, quantity in asked], statistic)
    except BenchError as error:
        return str(error)
    return found.why if found.basis == "nothing" else found


def positive(scope: ClaimScope, question: str, asked: Asked, statistic: Statistic, remark: str) -> Evidence:
    """Test that a statistic is above 0."""
    found = estimated(scope, asked, statistic)
    if isinstance(found, str):
        return unmeasured(question, found, remark)
    outcome, words = SIGNS.get(found.sign, "cannot tell"), in_words("advantage ", found, "+")
    return Evidence(question, outcome, words, remark, p=against(found, 0.0, np.inf))


def against(found: Estimate, low: float, high: float) -> float:
    """Return the p of the bound that a value violates, against which a failing test stands; 1 within the bounds."""
    violated = [bound for bound, outside in ((low, found.value < low), (high, found.value > high)) if outside]
    return found.p(violated[0]) if violated else 1.0


def advantage(quantity: Quantity) -> Contrast:
    """Return the advantage of the first of two values over the second, in the unit of the quantity."""
    return Contrast((quantity.orient, -quantity.orient))


def rank_correlation(values: Floats) -> Floats:
    """Return Spearman's rho between the first and the second half of values ``[..., 2K]``."""
    half = values.shape[-1] // 2
    return statistics.spearman(values[..., :half], values[..., half:])


def alike(question: str, found: Estimate | str, threshold: float, remark: str) -> Evidence:
    """Test that a correlation reaches a threshold; ``found`` may be the reason why there is none."""
    if isinstance(found, str):
        return unmeasured(question, found, remark)
    interval = found.interval
    spread = f", no interval: {found.why}" if interval is None else f" {span(interval, '+')} over {found.basis}"
    words = f"{found.value:.3f}{spread}"
    return Evidence(question, at_least(interval, threshold), words, remark, p=against(found, threshold, np.inf))


def in_words(what: str, found: Estimate, sign: str = "") -> str:
    """Return an estimate with its interval and the basis of the interval, in words."""
    value = f"{what}{found.value:{sign}.4g}"
    if found.interval is None:
        return f"{value}, no interval{f': {found.why}' if found.why else ''}"
    if found.basis == "count":
        return f"{value}, counted"
    return f"{what}{with_span(found.value, found.interval, sign)} over {found.basis}"


def picked(oriented: Floats, by: str) -> Floats:
    """Return the best, the median or the worst of values ``[..., K]``, of which higher ones are better."""
    if by == "median":
        return np.asarray(np.median(oriented, axis=-1))
    return np.asarray(oriented.max(-1) if by == "best" else oriented.min(-1))
