"""Ranks within capacity classes, as sets that hold for all methods of a class at once, and the best values."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.core.types import Track
from bench.reports.groups import MethodResults, ResultGroup
from bench.reports.paired import PairedDifferences, paired_differences
from bench.reports.standing import is_ranked
from bench.statistics import CrossedMean, RankSet, additive_effects, better_pairs, rank_sets


@dataclass(frozen=True)
class MethodRanks:
    """The methods of a table in order of one metric.

    Attributes:
        ranks: set of possible ranks of each method title, within its capacity class; absent: outside the ranks, not
            measured, or compared on one training only.
        best: titles of the methods at the top of their class: the best one, and those behind it from which it is not
            told, up to the first from which it is. The best one alone where methods have no rank.
        effects: mean of each title, higher is better, adjusted for seeds that it lacks.
        notes: sentences on methods without ranks.
    """

    ranks: dict[str, RankSet]
    best: frozenset[str]
    effects: dict[str, float]
    notes: tuple[str, ...] = ()


def ranking(group: ResultGroup, track: Track, metric: str) -> MethodRanks:
    """Rank the methods of a table by a metric.

    All pairs of a capacity class are compared over training seeds and images (``bench.reports.paired``), with Holm's
    correction for their number. A method's rank is at least 1 + the number of methods that are better, and at most
    the number of methods - the number of those that are worse: all sets contain the true ranks with 95 % confidence
    (Mogstad, Romano, Shaikh and Wilhelm 2024, "Inference for Ranks with Applications", section 3). Controls, methods
    beyond the budget and marked ones are not ranked. On one training seed nothing is said of methods that were
    trained: they have an order, but no ranks, and may lie anywhere among the others.
    """
    pairs = paired_differences(group, track, metric)
    everyone = [runs.title for runs in group.runs]
    effects = {t: float(e) for t, e in zip(everyone, additive_effects(pairs.table(everyone)), strict=True)}
    ranks: dict[str, RankSet] = {}
    best: set[str] = set()
    notes: list[str] = []
    for members in classes(group).values():
        order = sorted((r for r in members if np.isfinite(effects[r.title])), key=lambda r: -effects[r.title])
        better, open_pairs = _better(order, pairs)
        alone = [len(order) > 1 and bool(open_pairs[i].sum() == len(order) - 1) for i in range(len(order))]
        sets = rank_sets(better)
        ranks.update({runs.title: s for runs, s, none in zip(order, sets, alone, strict=True) if not none})
        if any(alone):
            notes.append(_without_rank([runs for runs, none in zip(order, alone, strict=True) if none]))
            best.update(runs.title for runs in order[:1])
        else:
            top = list(itertools.takewhile(lambda ranks: ranks.low == 1, sets))
            best.update(runs.title for runs in order[: len(top)])
    return MethodRanks(ranks, frozenset(best), effects, tuple(notes))


def classes(group: ResultGroup) -> dict[str, list[MethodResults]]:
    """Return the methods that are ranked, by capacity class; see ``is_ranked``."""
    found: dict[str, list[MethodResults]] = {}
    for runs in group.runs:
        if is_ranked(runs, group.budget):
            found.setdefault(str(runs.facts.get("capacity", "")), []).append(runs)
    return found


def _better(order: Sequence[MethodResults], pairs: PairedDifferences) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return, for each pair ``[M, M]``, whether the first is better after correction, and whether that is unknown."""
    index = list(itertools.combinations(range(len(order)), 2))
    gaps = {(i, j): pairs.between(order[i], order[j]).crossed or CrossedMean(np.nan, ()) for i, j in index}
    unknown = np.zeros((len(order), len(order)), bool)
    for (i, j), gap in gaps.items():
        unknown[i, j] = unknown[j, i] = gap.interval() is None
    return better_pairs(len(order), gaps), unknown


def _without_rank(members: Sequence[MethodResults]) -> str:
    names = ", ".join(runs.title for runs in members)
    return f"One training: {names} stand in the order of their values, without ranks; more seeds give ranks."
