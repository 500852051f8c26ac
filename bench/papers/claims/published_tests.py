"""Whether a paper's own numbers agree with what it claims."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bench import statistics
from bench.papers.claims.claim_tests import Bound, Correlation, Group, Order, SameOrder, Subject, Test, Top
from bench.papers.claims.evaluate import PICKS
from bench.papers.claims.spec import Claim, Claims
from bench.reports.published import Published, Role, plain
from bench.statistics import Floats


def published_outcome(claim: Claim, claims: Claims) -> bool | None:
    """Whether the printed numbers agree with a claim, on every dataset of its tables; None if they do not cover it.

    What the file states of a claim (``published = true``) goes before what its numbers say.
    """
    if claim.stated is not None:
        return claim.stated
    named = [t for t in claims.tables if t.name in claim.records] if claim.records else list(claims.tables)
    rows = [row for table in named for row in table.rows]
    sets = list(dict.fromkeys(row.dataset for row in rows))
    apart = claim.level != "budget"
    parts = [[r for r in rows if r.dataset == one] for one in sets] if apart else [rows]
    outcomes = [_agrees(claim, part, claims.roles) for part in parts]
    known = [outcome for outcome in outcomes if outcome is not None]
    return all(known) if known else None


def _agrees(claim: Claim, rows: Sequence[Published], roles: Mapping[str, Role]) -> bool | None:
    try:
        return all(answer for test in claim.tests for answer in _answers(test, rows, roles))
    except KeyError:
        return None


def _answers(test: Test, rows: Sequence[Published], roles: Mapping[str, Role]) -> Iterator[bool]:
    def value(metric: str, who: Subject, dataset: str = "") -> float:
        return _value(rows, metric, who, dataset)

    def good(metric: str, who: Subject, dataset: str = "") -> float:
        return value(metric, who, dataset) * (1 if roles[metric].higher_is_better else -1)

    if isinstance(test, Order):
        for metric, a, b in itertools.product(test.metrics, test.better, test.worse):
            yield good(metric, a) > good(metric, b)
    elif isinstance(test, Group):
        for metric in test.metrics:
            better, worse = (np.array([good(metric, w) for w in side]) for side in (test.better, test.worse))
            yield bool(PICKS[test.better_by](better) > PICKS[test.worse_by](worse))
    elif isinstance(test, Bound):
        for of, to in itertools.product(test.of, test.to):
            yield _bounded(test, value(test.metrics[0], of), value(test.metrics[-1], to))
    elif isinstance(test, Top):
        for metric in test.metrics:
            yield sum(good(metric, other) > good(metric, test.who) for other in test.among) < test.count
    elif isinstance(test, Correlation):
        sides = [[good(metric, who) for who in test.methods] for metric in test.metrics]
        yield bool(statistics.spearman(*sides) >= test.at_least)
    elif isinstance(test, SameOrder):
        yield from _same_orders(test, rows)
    else:
        raise KeyError(test)


def _same_orders(test: SameOrder, rows: Sequence[Published]) -> Iterator[bool]:
    sets = list(dict.fromkeys(row.dataset for row in rows))
    for metric, (one, other) in itertools.product(test.metrics, itertools.combinations(sets, 2)):
        sides: list[Floats] = [np.array([_value(rows, metric, who, s) for who in test.who]) for s in (one, other)]
        yield bool(statistics.spearman(*sides) >= test.at_least)


def _bounded(test: Bound, of: float, to: float) -> bool:
    found = of / to if test.kind == "ratio" else of - to
    slack = 1e-9 * max(abs(of), abs(to), 1.0)  # printed decimals are not exact in binary
    return (
        (test.at_least is None or found >= test.at_least - slack)
        and (test.at_most is None or found <= test.at_most + slack)
        and (test.within is None or abs(found) <= test.within + slack)
    )


def _value(rows: Sequence[Published], metric: str, who: Subject, dataset: str = "") -> float:
    """The printed number.

    Raises:
        KeyError: there is none, or there are several that differ.
    """
    within = who.dataset or dataset
    found = {
        row.value
        for row in rows
        if (row.metric, row.method) == (metric, who.method)
        and (not who.gan or plain(row.backbone) == plain(who.gan))
        and (not within or row.dataset == within)
    }
    if len(found) != 1:
        raise KeyError(metric, who)
    return found.pop()
