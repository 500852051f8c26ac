"""Rows shown by the commands about papers: tables, measured values and claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.core.errors import BenchError, unknown
from bench.papers.claims.aggregate import ClaimResult, ClaimSource, claim_results, counted
from bench.papers.claims.claim_status import advice
from bench.papers.claims.render import PUBLISHED
from bench.papers.compare_tables import compare_tables
from bench.papers.render import HEADER, part_rows, scale
from bench.papers.reproduce import Reproduction, budget_of, why_not_runnable
from bench.papers.spec import Paper, Table, open_paper, open_tables, paper_names
from bench.papers.suites import answered_by
from bench.reports.formatting import ABSENT, shown_metric
from bench.reports.verdicts import shown_outcome

Rows = list[tuple[str, ...]]


def papers_rows(name: str | None, budget: str | None) -> Iterator[tuple[str, list[str], Rows]]:
    """Yield a heading, a description and one row per table for each paper; reasons against a run are stated once.

    Raises:
        UnknownName: no such paper or budget.
    """
    chosen = budget_of(budget)
    for paper in [open_paper(name)] if name else [open_paper(each) for each in paper_names()]:
        reasons = {table.slug: why_not_runnable(table, chosen) for table in paper.tables}
        rows: Rows = [
            (t.slug, t.shows, answered_by(t), _minutes(t, chosen), "no" if reasons[t.slug] else "yes")
            for t in paper.tables
        ]
        about = [f"{paper.authors}: {paper.venue}. Budget {chosen}; minutes on {_machine(chosen)}, estimated."]
        for reason in dict.fromkeys(filter(None, reasons.values())):
            stopped = ", ".join(slug for slug, why in reasons.items() if why == reason)
            about.append(f"{stopped}: {reason}")
        yield f"{paper.name}: {paper.title}", about, rows


def to_run(
    name: str, budget: str | None, dataset: str | None, say: Callable[[str], None]
) -> tuple[Paper, list[Table]]:
    """Return the paper and the tables to run; ``say`` is called with the reason for each table that is left out.

    Raises:
        UnknownName: no such paper, table or budget.
        BenchError: none of the tables can be run.
    """
    chosen = budget_of(budget)
    paper, tables = open_tables(name)
    if "/" in name:
        return paper, list(tables)
    able, reasons = [], []
    for table in tables:
        reason = why_not_runnable(table, chosen, dataset)
        if reason:
            reasons.append(f"{table.title} is left out: {reason}")
        else:
            able.append(table)
    for line in reasons:
        say(line.replace("[", "\\["))
    if not able:
        raise BenchError(f"no table of {paper.name} can be run at budget {chosen}")
    return paper, able


def beside_tables(paper: Paper, made: Reproduction) -> Iterator[tuple[str, Sequence[str], list[list[str]]]]:
    """Yield title, header and rows of the comparison of each printed metric with measured values."""
    printed = paper.claims.table(made.table.name)
    worth = scale(made.budget)
    if printed is None or not made.groups:
        return
    for part in compare_tables(paper.claims, printed, made.groups, bool(made.dataset)):
        measured = f"{shown_metric(part.quantity)} on {part.measured_on}" if part.quantity else "not measured"
        rho = "" if part.rho is None else f", rank correlation {part.rho:.2f}"
        yield (
            f"{made.table.title}, {part.metric}, {part.printed_on}; {measured}{rho}. {worth}",
            HEADER,
            list(part_rows(part)),
        )


def claims_rows(paper: Paper, made: Reproduction) -> Rows:
    """Return the rows of the claims about a reproduced table."""
    source = ClaimSource(made.table.name, made.groups, made.studies, made.budget)
    reason = "smoke decides nothing" if made.budget == "smoke" else advice(made.table)
    results = claim_results(paper.claims, [source], {made.table.name: made.table.nearest}, {made.table.name: reason})
    return claim_rows([r for r in results if made.table.name in r.claim.records])


def claim_lines(result: ClaimResult) -> list[tuple[str, str]]:
    """Return the sentence of a claim with its source, and the verdict: two lines, each a word and a text."""
    found = result.verdict
    where = f"on {result.setting}" if result.setting else ""
    printed = PRINTED.get(found.published, "")
    count = sum(e.outcome == found.outcome for e in found.evidence)
    tests = f"{count} of {len(found.evidence)} tests" if len(found.evidence) > 1 else "one test"
    because = found.reason if found.outcome == "not measured" else tests
    parts = (shown_outcome(found.outcome), because, where, printed)
    return [
        (result.claim.id, f"{result.claim.text} ({result.paper}, {result.claim.source})"),
        ("", "; ".join(filter(None, parts))),
    ]


PRINTED: Mapping[bool | None, str] = {
    True: "the paper's own numbers agree",
    False: "the paper's own numbers do not agree",
}


def one_claim(found: Mapping[str, Sequence[ClaimResult]], name: str) -> ClaimResult:
    """Return the result of one claim.

    Raises:
        UnknownName: no paper has this claim.
    """
    every = {result.claim.id: result for results in found.values() for result in results}
    if name not in every:
        raise unknown("claim", name, every)
    return every[name]


def evidence_tables(result: ClaimResult) -> Iterator[tuple[str, Sequence[str], Rows]]:
    """Yield title, header and rows of the tests of a claim, and of its evaluations in other settings."""
    tests: Rows = [(e.question, shown_outcome(e.outcome), e.detail, e.stand_in) for e in result.verdict.evidence]
    yield "Tests", ("test", "outcome", "found", "stand-in"), tests
    if result.others:
        others: Rows = [(t.setting, shown_outcome(t.verdict.outcome), t.verdict.reason) for t in result.others]
        yield "Other settings", ("on", "outcome", "because"), others


def claim_rows(results: Sequence[ClaimResult]) -> Rows:
    """Return one row per claim."""
    return [
        (
            r.claim.id,
            PUBLISHED[r.verdict.published],
            shown_outcome(r.verdict.outcome),
            r.setting or ABSENT,
            r.verdict.reason,
        )
        for r in results
    ]


def counts_line(found: Mapping[str, Sequence[ClaimResult]]) -> str:
    """Return a line with the number of claims of each outcome."""
    every = [result for results in found.values() for result in results]
    counts = ", ".join(f"{count} {shown_outcome(outcome)}" for outcome, count in counted(every).items())
    return f"{len(every)} claims: {counts}."


def _minutes(table: Table, budget: str) -> str:
    known = (table.minutes or {}).get(budget)
    return ABSENT if known is None else f"{known:g}"


def _machine(budget: str) -> str:
    return "one GPU" if budget == "paper" else "two cores"
