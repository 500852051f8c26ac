"""Ranks and best values within capacity classes, with ties."""

from __future__ import annotations

import numpy as np

from bench.core.types import Track
from bench.reports.groups import MethodResults, ResultGroup
from bench.reports.paired import difference
from bench.reports.standing import is_ranked
from bench.statistics import tie_groups


def ranks(group: ResultGroup, metric: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return competition ranks by a metric of the test track, within each capacity class.

    Controls, methods beyond the budget and marked ones are not ranked.

    Methods are ordered by their mean over seeds. The best one leads a tie group; each following method whose 95 %
    interval of the paired difference to that leader contains 0 shares its rank (over images with values averaged
    over seeds; over seeds for a metric without per-image values). The first method outside leads the next
    group. With ranks 1, 1, 3, the third method is worse than the first, but not necessarily than the second.

    Returns:
        Rank of each method title (absent: outside the ranks, not measured, not a number), and notes on pairs without
        an interval, which are ranked by their values alone.
    """
    placed: dict[str, int] = {}
    undecided: list[str] = []
    up = group.higher_is_better.get(metric, True)
    for members in classes(group).values():
        order = _best_first(members, "test", metric, up)

        def tied(leader: MethodResults, other: MethodResults) -> bool:
            gap = difference(leader, other, track="test", metric=metric, higher_is_better=up)
            if gap.sign is None:
                undecided.append(f"{leader.title} and {other.title}")
                return gap.mean == 0
            return gap.sign == 0

        placed.update(zip((r.title for r in order), tie_groups(order, tied), strict=True))
    if not undecided:
        return placed, ()
    pairs = "; ".join(undecided)
    return placed, (f"No interval of the difference in {metric} can be given (ranked by value alone) for: {pairs}.",)


def best_methods(group: ResultGroup, track: Track, metric: str) -> frozenset[str]:
    """Return the titles of the methods with the best value of each capacity class, and of those tied with it."""
    best: set[str] = set()
    up = group.higher_is_better.get(metric)
    if up is None:
        return frozenset()
    for members in classes(group).values():
        order = _best_first(members, track, metric, up)
        for runs in order:
            gap = difference(order[0], runs, track=track, metric=metric, higher_is_better=up)
            if runs is order[0] or gap.sign == 0 or (gap.sign is None and gap.mean == 0):
                best.add(runs.title)
    return frozenset(best)


def classes(group: ResultGroup) -> dict[str, list[MethodResults]]:
    """Return the methods that are ranked, by capacity class; see ``is_ranked``."""
    found: dict[str, list[MethodResults]] = {}
    for runs in group.runs:
        if is_ranked(runs, group.budget):
            found.setdefault(str(runs.facts.get("capacity", "")), []).append(runs)
    return found


def _best_first(members: list[MethodResults], track: Track, metric: str, up: bool) -> list[MethodResults]:
    means = {r.title: float(np.mean(list(v.values()))) for r in members if (v := r.values(track, metric))}
    ranked = [r for r in members if r.title in means and not np.isnan(means[r.title])]
    return sorted(ranked, key=lambda r: means[r.title], reverse=up)
