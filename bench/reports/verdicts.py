"""Whether a paper's claims hold on records: every test with its evidence, and a verdict that admits doubt.

A per-image metric is decided by the paired bootstrap interval over images (values averaged over seeds), a set
metric by Student's t interval of the paired differences over seeds; either must exclude 0. One seed of a set
metric decides nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.contracts import Record
from bench.errors import BenchError, UnknownName
from bench.reports import statistics
from bench.reports.claims import Claim, Claims, Correlation, Order, Test
from bench.reports.gather import Group, Runs, only_group
from bench.reports.paired import difference
from bench.reports.printed import Role
from bench.reports.statistics import Floats, Interval

Printed = Mapping[tuple[str, str], float]
"""Printed values by metric and method."""
Outcome = Literal["holds", "fails", "cannot tell", "not measured"]


@dataclass(frozen=True)
class Evidence:
    """One test on one measured metric: what was asked, what came out, and on which numbers."""

    question: str
    outcome: Outcome
    detail: str
    stand_in: str = ""
    """Set when another metric than the claim's had to answer: which one for which."""


@dataclass(frozen=True)
class Verdict:
    """A claim with its evidence. ``published`` is what the paper's own numbers say, None if they do not cover it."""

    claim: Claim
    outcome: Outcome
    evidence: tuple[Evidence, ...]
    published: bool | None

    @property
    def reason(self) -> str:
        """Why the verdict is what it is: the decisive tests, and every stand-in."""
        decisive = [e for e in self.evidence if e.outcome == self.outcome]
        if self.outcome == "holds":
            count = len(self.evidence)
            text = f"{count} of {count} tests hold" if count > 1 else decisive[0].detail
        else:
            shown = "; ".join(f"{e.question}: {e.detail}" for e in decisive[:3])
            more = len(decisive) - 3
            text = shown + (f"; and {more} more" if more > 0 else "")
        stand_ins = dict.fromkeys(e.stand_in for e in self.evidence if e.stand_in)
        return "; ".join([text, *stand_ins])


def evaluate_claims(claims: Claims, records: Sequence[Record]) -> list[Verdict]:
    """Judge every claim on the records of one table.

    A claim fails as soon as one test does; else it is not measured if one test is not; else it cannot be told if
    one test cannot; else it holds.

    Raises:
        BenchError: records of several tables, or not comparable ones; a metric whose direction in the records is
            not that of the claims file.
    """
    group = only_group(records)
    printed: Printed = {(p.metric, p.method): p.value for p in claims.published}
    return [_verdict(claim, claims.roles, group, printed) for claim in claims.claims]


def answers(role: Role, group: Group) -> tuple[list[str], str]:
    """Metrics of the test track that answer a role, and a remark if they only stand in for it.

    Raises:
        BenchError: a metric whose direction in the records is not the role's.
    """
    measured = list(dict.fromkeys(m for r in group.records for m in r.metrics.get("test", {})))
    found = [m for m in measured if _matches(m, role.answered_by)]
    remark = ""
    if not found:
        found = [m for m in measured if _matches(m, role.stand_in)]
        remark = f"{', '.join(found)} stands in for {role.name}" if found else ""
    for metric in found:
        if group.higher_is_better.get(metric) != role.higher_is_better:
            raise BenchError(f"{group.title}: {metric} has another direction than the paper's {role.name}")
    return found, remark


def published_outcome(claim: Claim, roles: Mapping[str, Role], printed: Printed) -> bool | None:
    """Whether the printed numbers agree with a claim; None if a number is not printed."""
    try:
        return all(_published_test(test, roles, printed) for test in claim.tests)
    except KeyError:
        return None


def _matches(metric: str, families: Sequence[str]) -> bool:
    return metric in families or metric.split("@", maxsplit=1)[0] in families


def _verdict(claim: Claim, roles: Mapping[str, Role], group: Group, printed: Printed) -> Verdict:
    evidence = tuple(e for test in claim.tests for e in _evidence(test, roles, group))
    order: tuple[Outcome, ...] = ("fails", "not measured", "cannot tell", "holds")
    outcome = next(o for o in order if any(e.outcome == o for e in evidence))
    return Verdict(claim, outcome, evidence, published_outcome(claim, roles, printed))


def _evidence(test: Test, roles: Mapping[str, Role], group: Group) -> Iterator[Evidence]:
    if isinstance(test, Correlation):
        yield from _correlations(test, roles, group)
        return
    for name, better, worse in itertools.product(test.metrics, test.better, test.worse):
        metrics, remark = answers(roles[name], group)
        if not metrics:
            yield _unmeasured(f"{name}: {better} beats {worse}", f"{name} was not measured")
        for metric in metrics:
            yield _order(group, metric, better, worse, remark)


def _order(group: Group, metric: str, better: str, worse: str, remark: str) -> Evidence:
    question = f"{metric}: {better} beats {worse}"
    try:
        a, b = (_measured(group, method, metric) for method in (better, worse))
    except BenchError as error:
        return _unmeasured(question, str(error), remark)
    gap = difference(a, b, "test", metric, group.higher_is_better[metric])
    if gap.basis == "nothing":
        return _unmeasured(question, "no seed with numbers for both", remark)
    outcome: Outcome = {1: "holds", -1: "fails"}.get(gap.sign or 0, "cannot tell")  # type: ignore[assignment]
    if gap.interval is None:
        what = "one seed of a set metric" if gap.basis == "seeds" else "one image"
        return Evidence(question, outcome, f"advantage {gap.mean:+.4g}, no interval: {what}", remark)
    return Evidence(question, outcome, f"advantage {gap.mean:+.4g} {_span(gap.interval)} over {gap.basis}", remark)


def _measured(group: Group, method: str, metric: str) -> Runs:
    """The method's runs; raises ``BenchError`` with the reason if the metric has no value."""
    try:
        runs = group.find(method)
    except UnknownName:
        raise BenchError(f"no method {method} in these records") from None
    if runs.values("test", metric):
        return runs
    reasons = [f"{r.status}: {r.reason}" for r in runs.others]
    reasons += [r.skipped[f"test/{metric}"] for r in runs.by_seed.values() if f"test/{metric}" in r.skipped]
    raise BenchError(f"{method} has no {metric} ({reasons[0] if reasons else 'not asked for'})")


def _correlations(test: Correlation, roles: Mapping[str, Role], group: Group) -> Iterator[Evidence]:
    (left, remark), (right, other) = (answers(roles[name], group) for name in test.metrics)
    remarks = "; ".join(filter(None, [remark, other]))
    for name, found in zip(test.metrics, (left, right), strict=True):
        if not found:
            question = f"Spearman({', '.join(test.metrics)}) ≥ {test.at_least}"
            yield _unmeasured(question, f"{name} was not measured", remarks)
            return
    for first, second in itertools.product(left, right):
        yield _correlation(group, test, (first, second), remarks)


def _correlation(group: Group, test: Correlation, metrics: tuple[str, str], remark: str) -> Evidence:
    question = f"Spearman({', '.join(metrics)}) ≥ {test.at_least}"
    try:
        runs, _ = ([_measured(group, method, metric) for method in test.methods] for metric in metrics)
    except BenchError as error:
        return _unmeasured(question, str(error), remark)
    values = [[r.values("test", metric) for r in runs] for metric in metrics]
    seeds = [seed for seed in values[0][0] if all(seed in v for side in values for v in side)]
    if not seeds:
        return _unmeasured(question, "no seed that all methods share", remark)
    up = [1.0 if group.higher_is_better[metric] else -1.0 for metric in metrics]
    sides = np.array([[[o * v[s] for v in side] for s in seeds] for o, side in zip(up, values, strict=True)])
    rho = float(statistics.spearman(*sides.mean(1)))
    interval = _rho_interval(runs, metrics, up, seeds)
    if interval is not None:
        outcome = _against(interval.low, interval.high, test.at_least)
        return Evidence(question, outcome, f"{rho:.3f} {_span(interval)} over images", remark)
    by_seed = statistics.spearman(*sides)
    outcome = _against(by_seed.min(), by_seed.max(), test.at_least) if len(seeds) > 1 else "cannot tell"
    return Evidence(question, outcome, f"{rho:.3f}; by seed {', '.join(f'{r:.3f}' for r in by_seed)}", remark)


def _rho_interval(
    runs: Sequence[Runs], metrics: tuple[str, str], up: Sequence[float], seeds: Sequence[int]
) -> Interval | None:
    """Bootstrap interval of rho over images, or None if a metric keeps no per-image values."""
    stacks: list[list[Floats]] = []
    for orient, metric in zip(up, metrics, strict=True):
        images = [r.images("test", metric, seeds) for r in runs]
        stacks.append([orient * statistics.over_seeds(i) for i in images if i is not None])
    if {len(stack) for stack in stacks} != {len(runs)}:
        return None
    means = statistics.bootstrap_means(np.array(stacks))
    return statistics.percentile_interval(statistics.spearman(means[:, 0], means[:, 1]))


def _against(low: float, high: float, threshold: float) -> Outcome:
    return "holds" if low >= threshold else "fails" if high < threshold else "cannot tell"


def _unmeasured(question: str, reason: str, remark: str = "") -> Evidence:
    return Evidence(question, "not measured", reason, remark)


def _span(interval: Interval) -> str:
    return f"[{interval.low:+.4g}, {interval.high:+.4g}]"


def _published_test(test: Test, roles: Mapping[str, Role], printed: Printed) -> bool:
    def oriented(metric: str, method: str) -> float:
        value = printed[metric, method]
        return value if roles[metric].higher_is_better else -value

    if isinstance(test, Order):
        triples = itertools.product(test.metrics, test.better, test.worse)
        return all(oriented(m, a) > oriented(m, b) for m, a, b in triples)
    sides = [[oriented(metric, method) for method in test.methods] for metric in test.metrics]
    return bool(statistics.spearman(*sides) >= test.at_least)
