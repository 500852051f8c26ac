"""Aggregation of the evaluations of each claim over all stored results: one verdict per claim.

A claim may be evaluated in several settings: datasets, GANs, budgets. The setting nearest to the paper decides: the
paper's budget before cpu, then datasets in the order that the table states, then more seeds, then more images. The
other settings are listed as well. A claim about every dataset is decided by the dataset with the worst outcome.
Results at budget smoke decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.papers.claims.evaluate import evaluate_or_report, not_measured
from bench.papers.claims.scope import ClaimScope, scopes
from bench.papers.claims.spec import Claim, Claims
from bench.papers.claims.study_results import setting_of, verdict_of
from bench.reports.groups import ResultGroup
from bench.reports.published import plain
from bench.reports.verdicts import Outcome, Verdict

BUDGETS = ("paper", "cpu")
"""Budgets whose results decide, in order of preference."""
OUTCOMES: tuple[Outcome, ...] = ("holds", "fails", "cannot tell", "not measured")
SEVERITY: tuple[Outcome, ...] = ("fails", "cannot tell", "holds")
"""Outcomes from worst to best."""


@dataclass(frozen=True)
class ClaimSource:
    """Stored results for a table of a paper: groups of records, or results of studies.

    Attributes:
        table: name of the paper's table.
        groups: records of its suite, one group per dataset, GAN and budget.
        studies: contents of ``study.json`` files.
        budget: budget of the run; "" if the records state it.
        place: folder of the results, shown to readers.
    """

    table: str
    groups: tuple[ResultGroup, ...] = ()
    studies: tuple[Mapping[str, Any], ...] = ()
    budget: str = ""
    place: str = ""


@dataclass(frozen=True)
class ClaimEvaluation:
    """The verdict on a claim in one setting; ``rank`` is smaller the nearer the setting is to the paper."""

    setting: str
    verdict: Verdict
    rank: tuple[int, ...] = ()
    place: str = ""


@dataclass(frozen=True)
class ClaimResult:
    """The result of a claim: the verdict of the setting that decides, and of the others.

    Attributes:
        verdict: verdict in the deciding setting.
        setting: that setting in words.
        others: evaluations in other settings, the nearest to the paper first.
    """

    paper: str
    claim: Claim
    verdict: Verdict
    setting: str = ""
    place: str = ""
    others: tuple[ClaimEvaluation, ...] = field(default=())


def claim_results(
    claims: Claims, sources: Sequence[ClaimSource], nearest: Mapping[str, Sequence[str]], advice: Mapping[str, str]
) -> list[ClaimResult]:
    """Return the aggregated result of every claim of a paper.

    Args:
        claims: claims of the paper.
        sources: all stored results for its tables.
        nearest: dataset names by table, the nearest to the paper's first.
        advice: text by table, used where nothing is stored for it.
    """
    found: dict[str, list[ClaimSource]] = {}
    for source in sources:
        found.setdefault(source.table, []).append(source)
    return [_claim_result(claim, claims, found=found, nearest=nearest, advice=advice) for claim in claims.claims]


def counted(results: Sequence[ClaimResult]) -> dict[str, int]:
    """Return the number of claims with each outcome, in a fixed order."""
    return {outcome: sum(r.verdict.outcome == outcome for r in results) for outcome in OUTCOMES}


def _claim_result(
    claim: Claim,
    claims: Claims,
    found: Mapping[str, Sequence[ClaimSource]],
    nearest: Mapping[str, Sequence[str]],
    advice: Mapping[str, str],
) -> ClaimResult:
    evaluations = [
        evaluation
        for table in claim.records
        for source in _sources(found.get(table, ()), claim.level == "budget")
        for evaluation in _evaluations(claim, claims, source, nearest.get(table, ()))
    ]
    unique = {(t.setting, t.verdict.reason): t for t in sorted(evaluations, key=lambda t: t.rank, reverse=True)}
    ordered = sorted(unique.values(), key=lambda t: (t.verdict.outcome == "not measured", t.rank))
    if ordered:
        first = _worst(ordered) if claim.every else ordered[0]
        others = [evaluation for evaluation in ordered if evaluation is not first]
        return ClaimResult(
            claims.paper, claim, verdict=first.verdict, setting=first.setting, place=first.place, others=tuple(others)
        )
    missing = "; ".join(advice.get(table, f"nothing is stored for {table}") for table in claim.records)
    return ClaimResult(claims.paper, claim, not_measured(claim, claims, claim.unmeasurable or missing))


def _worst(ordered: Sequence[ClaimEvaluation]) -> ClaimEvaluation:
    """Return the worst of the best evaluations of each dataset at the best budget; the nearest in case of ties."""
    best: dict[int, ClaimEvaluation] = {}
    for evaluation in ordered:
        if evaluation.rank[0] == ordered[0].rank[0] and evaluation.verdict.outcome != "not measured":
            best.setdefault(evaluation.rank[1], evaluation)
    return min(best.values(), key=lambda t: SEVERITY.index(t.verdict.outcome), default=ordered[0])


def _sources(found: Sequence[ClaimSource], together: bool) -> Sequence[ClaimSource]:
    """Return the stored sources of a table, a folder at a time; joined to one where a claim spans datasets."""
    if not together or not found:
        return found
    groups = {group.title: group for source in found for group in source.groups}
    return [replace(found[0], groups=tuple(groups.values()))]


def _evaluations(
    claim: Claim, claims: Claims, source: ClaimSource, nearest: Sequence[str]
) -> Iterator[ClaimEvaluation]:
    if claim.from_study:
        for study in source.studies:
            verdict = verdict_of(study, claim)
            budget = source.budget or "cpu"
            if verdict is not None and budget in BUDGETS:
                images = int(study["protocol"].get("images", 0))
                rank = (BUDGETS.index(budget), _nearness(str(study["dataset"]), nearest), 0, -images)
                yield ClaimEvaluation(setting_of(study), verdict, rank, source.place)
        return
    decided = [group for group in source.groups if group.budget["name"] in BUDGETS]
    for scope in scopes(decided, claim.level, claims):
        yield ClaimEvaluation(
            scope.title, evaluate_or_report(claim, claims, scope), _rank(scope, nearest), source.place
        )


def _rank(scope: ClaimScope, nearest: Sequence[str]) -> tuple[int, ...]:
    records = [r for group in scope.groups for r in group.records if r.status == "done"]
    seeds = len({r.cell["seed"] for r in records})
    images = max((int(s.get("n", 0)) for r in records for s in r.metrics.get("test", {}).values()), default=0)
    near = min(_nearness(str(group.dataset["name"]), nearest) for group in scope.groups)
    return (BUDGETS.index(scope.groups[0].budget["name"]), near, -seeds, -images)


def _nearness(dataset: str, nearest: Sequence[str]) -> int:
    known = [plain(name) for name in nearest]
    name = plain(dataset.partition("?")[0])
    return known.index(name) if name in known else len(known)
