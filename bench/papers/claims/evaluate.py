"""How each kind of test is answered on records: what was asked, what came out, and on which numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from bench import statistics
from bench.core.errors import BenchError
from bench.papers.claims.claim_tests import (
    Bound,
    Correlation,
    FromStudy,
    Group,
    Order,
    Pick,
    SameOrder,
    Subject,
    Test,
    Top,
    Unmeasured,
)
from bench.papers.claims.scope import Scene
from bench.reports.estimates import Estimate, Quantity, estimate
from bench.reports.groups import title_of
from bench.statistics import Floats, Interval

Outcome = Literal["holds", "fails", "cannot tell", "not measured"]


@dataclass(frozen=True)
class Evidence:
    """One test on one measured metric: what was asked, what came out, and on which numbers."""

    question: str
    outcome: Outcome
    detail: str
    stand_in: str = ""
    """Set when another metric or dataset than the claim's had to answer: which one for which."""


PICKS: dict[Pick, Callable[[Floats], Floats]] = {
    "best": lambda oriented: oriented.max(-1),
    "worst": lambda oriented: oriented.min(-1),
    "median": lambda oriented: np.asarray(np.median(oriented, axis=-1)),
}


def evidence(test: Test, scene: Scene) -> Iterator[Evidence]:
    """Every answer to a test in a scene.

    Raises:
        BenchError: a metric whose direction in the records is not the paper's.
    """
    if isinstance(test, FromStudy):
        yield unmeasured(f"study {test.study}", f"no such study is stored: ganinv study {test.study}")
    elif isinstance(test, Unmeasured):
        yield unmeasured("nothing measures this here", test.why)
    elif isinstance(test, Correlation):
        yield from _correlations(test, scene)
    elif isinstance(test, Bound):
        yield from _bounds(test, scene)
    else:
        for role in test.metrics:
            yield from _of_one_metric(test, scene, role)


def _of_one_metric(test: Order | Group | Top | SameOrder, scene: Scene, role: str) -> Iterator[Evidence]:
    found, remark = scene.quantities(role)
    if not found:
        yield unmeasured(_asked(test, role), f"{role} was not measured")
    remark = "; ".join(filter(None, [remark, scene.remark(test.subjects)]))
    for quantity in found:
        if isinstance(test, Order):
            for better, worse in itertools.product(test.better, test.worse):
                yield _beats(scene, quantity, better, worse, remark)
        elif isinstance(test, Group):
            yield _group(scene, quantity, test, remark)
        elif isinstance(test, Top):
            yield _top(scene, quantity, test, remark)
        else:
            yield from _same_orders(scene, quantity, test, remark)


def _asked(test: Order | Group | Top | SameOrder, name: str) -> str:
    if isinstance(test, Order):
        if len(test.better) == len(test.worse) == 1:
            return f"{name}: {test.better[0]} beats {test.worse[0]}"
        return f"{name}: {_list(test.better)} beat {_list(test.worse)}"
    if isinstance(test, Group):
        sides = f"{test.better_by} of {_list(test.better)} beats {test.worse_by} of {_list(test.worse)}"
        return f"{name}: {sides}"
    if isinstance(test, Top):
        return f"{name}: {test.who} is among the best {test.count} of {len(test.among) + 1}"
    return f"{name}: datasets order {_list(test.who)} alike, Spearman ≥ {test.at_least}"


def _beats(scene: Scene, quantity: Quantity, better: Subject, worse: Subject, remark: str) -> Evidence:
    question = f"{quantity.name}: {better} beats {worse}"
    orient = 1.0 if quantity.up else -1.0
    asked = [(better, quantity), (worse, quantity)]
    return _signed(scene, question, asked, lambda v: orient * (v[..., 0] - v[..., 1]), remark)


def _group(scene: Scene, quantity: Quantity, test: Group, remark: str) -> Evidence:
    orient, count = (1.0 if quantity.up else -1.0), len(test.better)
    better, worse = PICKS[test.better_by], PICKS[test.worse_by]

    def advantage(values: Floats) -> Floats:
        oriented = orient * values
        return np.asarray(better(oriented[..., :count]) - worse(oriented[..., count:]))

    asked = [(subject, quantity) for subject in test.subjects]
    return _signed(scene, _asked(test, quantity.name), asked, advantage, remark)


Asked = Sequence[tuple[Subject, Quantity]]


def _signed(
    scene: Scene, question: str, asked: Asked, statistic: Callable[[Floats], Floats], remark: str
) -> Evidence:
    found = _estimated(scene, asked, statistic)
    if isinstance(found, str):
        return unmeasured(question, found, remark)
    outcome: Outcome = {1: "holds", -1: "fails"}.get(found.sign or 0, "cannot tell")  # type: ignore[assignment]
    return Evidence(question, outcome, _words("advantage ", found, "+"), remark)


def _estimated(scene: Scene, asked: Asked, statistic: Callable[[Floats], Floats], within: str = "") -> Estimate | str:
    """The estimate, or why there is none."""
    try:
        found = estimate([scene.reading(who, quantity, within) for who, quantity in asked], statistic)
    except BenchError as error:
        return str(error)
    return found.why if found.basis == "nothing" else found


def _bounds(test: Bound, scene: Scene) -> Iterator[Evidence]:
    first, remark = scene.quantities(test.metrics[0])
    second, other = scene.quantities(test.metrics[-1])
    remark = "; ".join(dict.fromkeys(filter(None, [remark, other, scene.remark(test.subjects)])))
    for role, found in ((test.metrics[0], first), (test.metrics[-1], second)):
        if not found:
            yield unmeasured(_bound_asked(test, role, test.of[0], test.to[0]), f"{role} was not measured", remark)
            return
    pairs = list(zip(first, first, strict=True) if len(test.metrics) == 1 else _alike(first, second))
    if not pairs:
        names = ", ".join(quantity.name for quantity in (*first, *second))
        yield unmeasured(" and ".join(test.metrics), f"no two of {names} look through the same network", remark)
    for (above, below), of, to in itertools.product(pairs, test.of, test.to):
        yield _bound(test, scene, (of, above), (to, below), remark)


def _alike(first: Sequence[Quantity], second: Sequence[Quantity]) -> Iterator[tuple[Quantity, Quantity]]:
    """Pairs of two metrics that look through the same network, or of which one looks through none."""
    for above, below in itertools.product(first, second):
        networks = {name for name in (above.name.partition("@")[2], below.name.partition("@")[2]) if name}
        if len(networks) < 2:
            yield above, below


def _bound_asked(test: Bound, name: str, of: Subject, to: Subject, other: str = "") -> str:
    sign = "-" if test.kind == "difference" else "/"
    limits = [f"≥ {test.at_least:g}"] if test.at_least is not None else []
    limits += [f"≤ {test.at_most:g}"] if test.at_most is not None else []
    limits += [f"within ±{test.within:g}"] if test.within is not None else []
    below = f"{other} of {to}" if other and other != name else str(to)
    return f"{name}: {of} {sign} {below} {' and '.join(limits)}"


def _bound(
    test: Bound, scene: Scene, of: tuple[Subject, Quantity], to: tuple[Subject, Quantity], remark: str
) -> Evidence:
    question = _bound_asked(test, of[1].name, of[0], to[0], to[1].name)
    if uneven := _uneven(scene, of, to):
        return unmeasured(question, uneven, remark)
    ratio = test.kind == "ratio"
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = (lambda v: v[..., 0] / v[..., 1]) if ratio else (lambda v: v[..., 0] - v[..., 1])
        found = _estimated(scene, [of, to], statistic)
    if isinstance(found, str):
        return unmeasured(question, found, remark)
    span = found.interval
    if span is None:
        return Evidence(question, "cannot tell", _words(f"{test.kind} ", found), remark)
    low = test.at_least if test.at_least is not None else -np.inf
    high = test.at_most if test.at_most is not None else np.inf
    if test.within is not None:
        low, high = max(low, -test.within), min(high, test.within)
    outcome: Outcome = "cannot tell"
    if span.low >= low and span.high <= high:
        outcome = "holds"
    elif span.high < low or span.low > high:
        outcome = "fails"
    return Evidence(question, outcome, _words(f"{test.kind} ", found), remark)


def _uneven(scene: Scene, of: tuple[Subject, Quantity], to: tuple[Subject, Quantity]) -> str:
    """Why two metrics of sets cannot be set against each other: they are of different numbers of images."""
    try:
        counts = [scene.reading(who, quantity).count for who, quantity in (of, to)]
    except BenchError:
        return ""
    if 0 in counts or counts[0] == counts[1]:
        return ""
    return f"of {counts[0]:,} and of {counts[1]:,} images, on which metrics of sets depend"


def _top(scene: Scene, quantity: Quantity, test: Top, remark: str) -> Evidence:
    question, orient = _asked(test, quantity.name), (1.0 if quantity.up else -1.0)
    ahead, open_, details = 0, 0, []
    for other in test.among:
        asked = [(other, quantity), (test.who, quantity)]
        found = _estimated(scene, asked, lambda v: orient * (v[..., 0] - v[..., 1]))
        if isinstance(found, str):
            return unmeasured(question, found, remark)
        ahead += found.sign == 1
        open_ += found.sign in {0, None}
        details += [str(other)] if found.sign == 1 else []
    outcome: Outcome = "holds" if ahead + open_ < test.count else "fails" if ahead >= test.count else "cannot tell"
    detail = f"{ahead} are better ({', '.join(details)})" if ahead else "none is better"
    return Evidence(question, outcome, detail + (f", {open_} cannot be told" if open_ else ""), remark)


def _correlations(test: Correlation, scene: Scene) -> Iterator[Evidence]:
    (left, remark), (right, other) = (scene.quantities(name) for name in test.metrics)
    remarks = "; ".join(filter(None, [remark, other]))
    for name, found in zip(test.metrics, (left, right), strict=True):
        if not found:
            question = f"Spearman({', '.join(test.metrics)}) ≥ {test.at_least}"
            yield unmeasured(question, f"{name} was not measured", remarks)
            return
    for first, second in itertools.product(left, right):
        question = f"Spearman({first.name}, {second.name}) ≥ {test.at_least}"
        asked = [(who, quantity) for quantity in (first, second) for who in test.methods]
        signs = [1.0 if quantity.up else -1.0 for _, quantity in asked]
        statistic = partial(_rho, signs=np.array(signs))
        yield _at_least(question, _estimated(scene, asked, statistic), test.at_least, remarks)


def _same_orders(scene: Scene, quantity: Quantity, test: SameOrder, remark: str) -> Iterator[Evidence]:
    sets = list(dict.fromkeys(title_of(group.dataset) for group in scene.groups))
    if len(sets) < 2:
        yield unmeasured(_asked(test, quantity.name), f"one dataset alone: {', '.join(sets)}", remark)
    for one, other in itertools.combinations(sets, 2):
        question = f"{quantity.name}: {one} and {other} order {len(test.who)} alike, Spearman ≥ {test.at_least}"
        try:
            readings = [scene.reading(who, quantity, within) for within in (one, other) for who in test.who]
            found: Estimate | str = estimate(readings, partial(_rho, signs=np.ones(2 * len(test.who))))
        except BenchError as error:
            found = str(error)
        yield _at_least(question, found, test.at_least, remark)


def _rho(values: Floats, signs: Floats) -> Floats:
    """Spearman's rho between the first and the second half of values ``[..., 2K]``."""
    oriented, half = values * signs, values.shape[-1] // 2
    return statistics.spearman(oriented[..., :half], oriented[..., half:])


def _at_least(question: str, found: Estimate | str, threshold: float, remark: str) -> Evidence:
    if isinstance(found, str):
        return unmeasured(question, found, remark)
    span = found.interval
    outcome: Outcome = "cannot tell"
    if span is not None:
        outcome = "holds" if span.low >= threshold else "fails" if span.high < threshold else "cannot tell"
    if span is None:
        return Evidence(question, outcome, f"{found.value:.3f}, no interval: {found.why}", remark)
    return Evidence(question, outcome, f"{found.value:.3f} {_span(span, '+')} over {found.basis}", remark)


def unmeasured(question: str, reason: str, remark: str = "") -> Evidence:
    """A test that could not be tried, and why."""
    return Evidence(question, "not measured", reason, remark)


def _words(what: str, found: Estimate, sign: str = "") -> str:
    value = f"{what}{found.value:{sign}.4g}"
    if found.interval is None:
        return f"{value}, no interval{f': {found.why}' if found.why else ''}"
    if found.basis == "count":
        return f"{value}, counted"
    return f"{value} {_span(found.interval, sign)} over {found.basis}"


def _span(interval: Interval, sign: str) -> str:
    return f"[{interval.low:{sign}.4g}, {interval.high:{sign}.4g}]"


def _list(subjects: Sequence[Subject]) -> str:
    return ", ".join(map(str, subjects))
