"""Operators ``difference`` and ``ratio``: differences or ratios of measured values lie within bounds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from bench.core.errors import BenchError
from bench.papers.claims.operators.answers import Statistic, against, estimated, in_words, unmeasured
from bench.papers.claims.operators.base import NUMBER, SOME, ClaimTest
from bench.papers.claims.printed_values import PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.subjects import ClaimSubject, read_subjects
from bench.reports.estimates import Contrast
from bench.reports.quantities import Quantity
from bench.reports.strict_toml import check_keys, texts
from bench.reports.verdicts import Evidence, between
from bench.statistics import Floats

Side = tuple[ClaimSubject, Quantity]
LIMITS = {"difference": ("at_least", "at_most", "within"), "ratio": ("at_least", "at_most")}


@dataclass(frozen=True)
class BoundTest(ClaimTest):
    """A test that differences or ratios of values lie within bounds.

    Attributes:
        kind: "difference" (of - to) or "ratio" (of / to).
        metrics: one name for both sides, or one name for each side.
        of: minuends or numerators; each is compared with each of ``to``.
        to: subtrahends or denominators.
        at_least: lower bound, None for no such bound.
        at_most: upper bound.
        within: upper bound of the absolute difference.
    """

    operators: ClassVar[tuple[str, ...]] = ("difference", "ratio")
    position: ClassVar[int] = 3

    kind: Literal["difference", "ratio"]
    metrics: tuple[str, ...]
    of: tuple[ClaimSubject, ...]
    to: tuple[ClaimSubject, ...]
    at_least: float | None = None
    at_most: float | None = None
    within: float | None = None

    @classmethod
    def read(cls, atom: Mapping[str, Any], place: str) -> Self:
        """Parse the test; see ``ClaimTest.read``."""
        kind, limits = atom["op"], LIMITS[atom["op"]]
        check_keys(atom, place, {"op": str, "metric": SOME, "of": SOME, "to": SOME}, dict.fromkeys(limits, NUMBER))
        given = {key: float(atom[key]) for key in limits if key in atom}
        if not given:
            raise BenchError(f"{place}: a {kind} needs a bound: {', '.join(limits)}")
        metrics = texts(atom["metric"], "metric", place, 1)
        if len(metrics) > 2:
            raise BenchError(f"{place}: metric should be one name, or one for each side")
        return cls(kind, metrics, read_subjects(atom, "of", place), read_subjects(atom, "to", place), **given)

    @property
    def subjects(self) -> tuple[ClaimSubject, ...]:
        """All subjects of the test."""
        return self.of + self.to

    def evaluate(self, scope: ClaimScope) -> Iterator[Evidence]:
        """Yield the evidence for each pair of subjects and pair of quantities."""
        first, remark = scope.quantities(self.metrics[0])
        second, other = scope.quantities(self.metrics[-1])
        remark = "; ".join(dict.fromkeys(filter(None, [remark, other, scope.remark(self.subjects)])))
        for role, found in ((self.metrics[0], first), (self.metrics[-1], second)):
            if not found:
                yield unmeasured(self._question(role, self.of[0], self.to[0]), f"{role} was not measured", remark)
                return
        pairs = list(zip(first, first, strict=True) if len(self.metrics) == 1 else _alike(first, second))
        if not pairs:
            names = ", ".join(quantity.shown for quantity in (*first, *second))
            reason = f"no two of {names} look through the same network"
            yield unmeasured(" and ".join(self.metrics), reason, remark)
        for (above, below), of, to in itertools.product(pairs, self.of, self.to):
            yield self._compare(scope, (of, above), (to, below), remark)

    def agrees(self, printed: PrintedValues) -> Iterator[bool]:
        """Yield True for each pair of printed numbers that lies within the bounds."""
        low, high = self._bounds
        for who, other in itertools.product(self.of, self.to):
            of, to = printed.value(self.metrics[0], who), printed.value(self.metrics[-1], other)
            slack = 1e-9 * max(abs(of), abs(to), 1.0)  # printed decimals are not exact in binary
            yield low - slack <= (of / to if self.kind == "ratio" else of - to) <= high + slack

    @property
    def _bounds(self) -> tuple[float, float]:
        low = self.at_least if self.at_least is not None else -np.inf
        high = self.at_most if self.at_most is not None else np.inf
        return (low, high) if self.within is None else (max(low, -self.within), min(high, self.within))

    def _question(self, name: str, of: ClaimSubject, to: ClaimSubject, other: str = "") -> str:
        sign = "-" if self.kind == "difference" else "/"
        limits = [f"≥ {self.at_least:g}"] if self.at_least is not None else []
        limits += [f"≤ {self.at_most:g}"] if self.at_most is not None else []
        limits += [f"within ±{self.within:g}"] if self.within is not None else []
        below = f"{other} of {to}" if other and other != name else str(to)
        return f"{name}: {of} {sign} {below} {' and '.join(limits)}"

    def _compare(self, scope: ClaimScope, of: Side, to: Side, remark: str) -> Evidence:
        question = self._question(of[1].shown, of[0], to[0], to[1].shown)
        if uneven := _uneven(scope, of, to):
            return unmeasured(question, uneven, remark)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = estimated(scope, [of, to], self._statistic)
        if isinstance(found, str):
            return unmeasured(question, found, remark)
        outcome, words = between(found.interval, *self._bounds), in_words(f"{self.kind} ", found)
        return Evidence(question, outcome, words, remark, p=against(found, *self._bounds))

    @property
    def _statistic(self) -> Statistic:
        return _ratio if self.kind == "ratio" else Contrast((1.0, -1.0))


def _ratio(values: Floats) -> Floats:
    return np.asarray(values[..., 0] / values[..., 1])


def _alike(first: Sequence[Quantity], second: Sequence[Quantity]) -> Iterator[tuple[Quantity, Quantity]]:
    """Yield the pairs of two metrics that use the same network, or of which one uses none."""
    for above, below in itertools.product(first, second):
        networks = {name for name in (above.name.partition("@")[2], below.name.partition("@")[2]) if name}
        if len(networks) < 2:
            yield above, below


def _uneven(scope: ClaimScope, of: Side, to: Side) -> str:
    """Return the reason why two set metrics cannot be compared (different numbers of images), "" if they can."""
    try:
        counts = [scope.reading(who, quantity).count for who, quantity in (of, to)]
    except BenchError:
        return ""
    if 0 in counts or counts[0] == counts[1]:
        return ""
    return f"of {counts[0]:,} and of {counts[1]:,} images, on which metrics of sets depend"
