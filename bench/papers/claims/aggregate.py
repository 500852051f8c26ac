"""Every claim of a paper on everything that is stored: one ruling a claim, decided where it is nearest to the paper.

A claim may have been tried in several settings: datasets, GANs, budgets. The setting nearest to the paper speaks: the
paper's budget before cpu, then datasets in the order that the table states, then more seeds, then more images. The
others stand beside it. Of a claim about every dataset, the one speaks on which it does worst. What was run at smoke
decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.core.errors import BenchError
from bench.core.types import Record
from bench.papers.claims.claim_tests import FromStudy, Unmeasured
from bench.papers.claims.evaluate import unmeasured
from bench.papers.claims.published_tests import published_outcome
from bench.papers.claims.scope import Scene, scenes
from bench.papers.claims.spec import Claim, Claims
from bench.papers.claims.study_results import setting_of, verdict_of
from bench.papers.claims.verdicts import Outcome, Verdict, judge, verdict
from bench.reports.groups import Group, groups
from bench.reports.published import plain

BUDGETS = ("paper", "cpu")
"""Budgets that decide, the best first."""
OUTCOMES: tuple[Outcome, ...] = ("holds", "fails", "cannot tell", "not measured")
SEVERITY: tuple[Outcome, ...] = ("fails", "cannot tell", "holds")
"""The worst first."""


@dataclass(frozen=True)
class Source:
    """Records, or a study's result, that answer a table.

    Attributes:
        table: name of the table.
        records: of its suite.
        studies: results, as ``study.json`` holds them.
        budget: at which they were made; "" where the records say it themselves.
        place: where they lie, for a reader.
    """

    table: str
    records: tuple[Record, ...] = ()
    studies: tuple[Mapping[str, Any], ...] = ()
    budget: str = ""
    place: str = ""


@dataclass(frozen=True)
class Trial:
    """A claim in one setting; ``rank`` is smaller the nearer it is to the paper."""

    setting: str
    verdict: Verdict
    rank: tuple[int, ...] = ()
    place: str = ""


@dataclass(frozen=True)
class Ruling:
    """What is known of a claim.

    Attributes:
        verdict: of the trial that speaks.
        setting: where that was.
        others: further trials, the nearest first.
    """

    paper: str
    verdict: Verdict
    setting: str = ""
    place: str = ""
    others: tuple[Trial, ...] = field(default=())

    @property
    def claim(self) -> Claim:
        """The claim."""
        return self.verdict.claim


def rule(
    claims: Claims, sources: Sequence[Source], nearest: Mapping[str, Sequence[str]], advice: Mapping[str, str]
) -> list[Ruling]:
    """A ruling on every claim of a paper.

    Args:
        claims: of the paper.
        sources: everything that is stored for its tables.
        nearest: datasets of each table, the nearest to the paper's first.
        advice: for each table what to do where nothing is stored.
    """
    found: dict[str, list[tuple[Source, list[Group]]]] = {}
    for source in sources:
        found.setdefault(source.table, []).append((source, groups(source.records) if source.records else []))
    return [_ruling(claim, claims, found, nearest, advice) for claim in claims.claims]


def counted(rulings: Sequence[Ruling]) -> dict[str, int]:
    """How many claims have each outcome, in a fixed order."""
    return {outcome: sum(r.verdict.outcome == outcome for r in rulings) for outcome in OUTCOMES}


def _ruling(
    claim: Claim,
    claims: Claims,
    found: Mapping[str, Sequence[tuple[Source, Sequence[Group]]]],
    nearest: Mapping[str, Sequence[str]],
    advice: Mapping[str, str],
) -> Ruling:
    trials = [
        trial
        for table in claim.records
        for source, tables in _sources(found.get(table, ()), claim.level == "budget")
        for trial in _trials(claim, claims, source, tables, nearest.get(table, ()))
    ]
    unique = {(t.setting, t.verdict.reason): t for t in sorted(trials, key=lambda t: t.rank, reverse=True)}
    ordered = sorted(unique.values(), key=lambda t: (t.verdict.outcome == "not measured", t.rank))
    if ordered:
        first = _worst(ordered) if claim.every else ordered[0]
        others = [trial for trial in ordered if trial is not first]
        return Ruling(claims.paper, first.verdict, first.setting, first.place, tuple(others))
    why = next((t.why for t in claim.tests if isinstance(t, Unmeasured)), "")
    why = why or "; ".join(advice.get(table, f"nothing is stored for {table}") for table in claim.records)
    return Ruling(claims.paper, verdict(claim, [unmeasured("", why)], published_outcome(claim, claims)))


def _worst(ordered: Sequence[Trial]) -> Trial:
    """Of the best trial of each dataset at the best budget, the one that does worst; the nearest of several."""
    best: dict[int, Trial] = {}
    for trial in ordered:
        if trial.rank[0] == ordered[0].rank[0] and trial.verdict.outcome != "not measured":
            best.setdefault(trial.rank[1], trial)
    return min(best.values(), key=lambda t: SEVERITY.index(t.verdict.outcome), default=ordered[0])


def _sources(
    found: Sequence[tuple[Source, Sequence[Group]]], together: bool
) -> Sequence[tuple[Source, Sequence[Group]]]:
    """What is stored for a table, a folder at a time; all of it together where a claim spans datasets."""
    if not together or not found:
        return found
    tables = {group.title: group for _, groups_ in found for group in groups_}
    return [(found[0][0], list(tables.values()))]


def _trials(
    claim: Claim, claims: Claims, source: Source, tables: Sequence[Group], nearest: Sequence[str]
) -> Iterator[Trial]:
    if any(isinstance(test, FromStudy) for test in claim.tests):
        for study in source.studies:
            judged = verdict_of(study, claim)
            budget = source.budget or "cpu"
            if judged is not None and budget in BUDGETS:
                images = int(study["protocol"].get("images", 0))
                rank = (BUDGETS.index(budget), _nearness(str(study["dataset"]), nearest), 0, -images)
                yield Trial(setting_of(study), judged, rank, source.place)
        return
    decided = [group for group in tables if group.budget["name"] in BUDGETS]
    for scene in scenes(decided, claim.level, claims):
        yield Trial(scene.title, tried(claim, claims, scene), _rank(scene, nearest), source.place)


def tried(claim: Claim, claims: Claims, scene: Scene) -> Verdict:
    """A claim in one scene; records that contradict the claims file are a reason, not an end."""
    try:
        return judge(claim, claims, scene)
    except BenchError as error:
        return verdict(claim, [unmeasured(claim.id, str(error))], published_outcome(claim, claims))


def _rank(scene: Scene, nearest: Sequence[str]) -> tuple[int, ...]:
    records = [r for group in scene.groups for r in group.records if r.status == "done"]
    seeds = len({r.cell["seed"] for r in records})
    images = max((int(s.get("n", 0)) for r in records for s in r.metrics.get("test", {}).values()), default=0)
    near = min(_nearness(str(group.dataset["name"]), nearest) for group in scene.groups)
    return (BUDGETS.index(scene.groups[0].budget["name"]), near, -seeds, -images)


def _nearness(dataset: str, nearest: Sequence[str]) -> int:
    known = [plain(name) for name in nearest]
    name = plain(dataset.partition("?")[0])
    return known.index(name) if name in known else len(known)
