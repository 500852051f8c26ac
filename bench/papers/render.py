"""Reproduced tables and verdicts on claims, as Markdown and as rows for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.papers.claims.aggregate import ClaimResult, ClaimSource, claim_results, counted
from bench.papers.claims.render import PUBLISHED
from bench.papers.claims.spec import Claims
from bench.papers.compare_tables import Part, PrintedAndMeasured, compare_tables
from bench.reports.formatting import ABSENT, shown_metric
from bench.reports.groups import ResultGroup
from bench.reports.render_markdown import escape, table
from bench.reports.verdicts import shown_outcome

HEADER = ["dataset", "backbone", "method", "published", "measured", "difference", "rank", "same rank?"]
CLAIMS = ["id", "claim", "the paper's numbers", "measured", "decided on", "because"]
DOUBTFUL = "doubtful: "
ORDER_ONLY = "order only"


def reproduction_markdown(
    claims: Claims,
    name: str,
    measured: Sequence[ResultGroup],
    studies: Sequence[Mapping[str, Any]],
    *,
    title: str,
    budget: str,
    swapped: str = "",
    nearest: Sequence[str] = (),
    note: str = "",
    pictures: Sequence[str] = (),
) -> str:
    """Return the page of a reproduced table: printed and measured values, and the claims about the table.

    Args:
        claims: printed numbers and claims of the paper.
        name: name of the table.
        measured: groups of records of its suite.
        studies: results of its studies.
        title: heading of the page.
        budget: budget of the run.
        swapped: dataset that stands in; "" for the suite's own.
        nearest: dataset names, the nearest to the paper's first.
        note: remark for readers.
        pictures: sub-folders of the page's folder, each with the picture of an application.
    """
    lines = [f"# {escape(title)}", "", f"Budget {budget}." + (f" {scale(budget)}" if scale(budget) else ""), ""]
    if swapped:
        lines += [f"On {escape(swapped)} in place of the paper's data: orders are compared, values never.", ""]
    lines += [escape(note), ""] if note else []
    printed = claims.table(name)
    if printed is not None and measured:
        lines += parts_lines(compare_tables(claims, printed, measured, bool(swapped)))
    elif printed is not None:
        lines += _printed_alone(printed.rows)
    lines += _study_lines(studies)
    for drawn in pictures:
        lines += [f"## {escape(drawn)}", "", f"![{escape(drawn)}]({drawn}/picture.png)", ""]
    advice = {name: "smoke decides nothing" if budget == "smoke" else f"nothing is stored for {name}"}
    source = ClaimSource(name, tuple(measured), tuple(studies), budget)
    results = [r for r in claim_results(claims, [source], {name: nearest}, advice) if name in r.claim.records]
    if results:
        lines += ["## Claims", "", *claims_table(results), *evidence_lines(results)]
    return "\n".join(lines).rstrip() + "\n"


def scale(budget: str) -> str:
    """Return a sentence on how far numbers at a budget may be compared with the paper's."""
    return {
        "smoke": "It shows that everything runs; its numbers mean nothing, and no claim is decided on them.",
        "cpu": "Small networks and short training: orders may be compared with the paper's, values may not.",
    }.get(budget, "")


def parts_lines(parts: Sequence[Part]) -> list[str]:
    """Return a table for each printed metric and dataset."""
    lines: list[str] = []
    for part in parts:
        lines += [f"## {escape(part.metric)}, {escape(part.printed_on)}", "", _heading(part), ""]
        lines += [*table(HEADER, ([escape(cell) for cell in row] for row in part_rows(part))), ""]
        lines += [f"- {escape(remark)}" for remark in _remarks(part)] + [""]
    return lines


def _heading(part: Part) -> str:
    if not part.quantity:
        return "Not measured."
    rho = "" if part.rho is None else f" Spearman's correlation of the two orders: {part.rho:.2f}."
    return f"Measured: {escape(shown_metric(part.quantity))} on {escape(part.measured_on)}.{rho}"


def part_rows(part: Part) -> Iterator[list[str]]:
    """Yield the cells of every row."""
    for row in part.rows:
        printed = row.printed
        spread = "" if printed.std is None else f" ± {printed.std:g}"
        doubt = " ?" if printed.note.startswith(DOUBTFUL) else ""
        sd = "" if row.sd is None else f" ± {row.sd:.2g}"
        measured = ABSENT if row.measured is None else f"{row.measured:.4g}{sd}"
        ranks = ABSENT if row.printed_rank is None else f"{row.printed_rank} → {row.measured_rank}"
        same = {None: ABSENT, True: "yes", False: "no"}[row.same_rank]
        about = [printed.dataset, printed.backbone, printed.method]
        yield [*about, f"{printed.value:g}{spread}{doubt}", measured, _difference(row), ranks, same]


def _difference(row: PrintedAndMeasured) -> str:
    if row.measured is None:
        return ABSENT
    return ORDER_ONLY if row.difference is None else f"{row.difference:+.4g}"


def _remarks(part: Part) -> Iterator[str]:
    if part.remark:
        yield part.remark
    for why in dict.fromkeys(row.why for row in part.rows if row.why):
        yield f"not measured: {why}"
    for row in part.rows:
        if row.printed.note.startswith(DOUBTFUL):
            yield f"? {row.printed.method} on {row.printed.backbone}: {row.printed.note.removeprefix(DOUBTFUL)}"


def _printed_alone(rows: Sequence[Any]) -> list[str]:
    cells = [[r.metric, r.dataset, r.backbone, r.method, f"{r.value:g}", r.note] for r in rows]
    header = ["metric", "dataset", "backbone", "method", "published", "note"]
    return ["## Published", "", *table(header, ([escape(c) for c in row] for row in cells)), ""]


def _study_lines(studies: Sequence[Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    for study in studies:
        where = ", ".join(filter(None, [study["dataset"], study["network"]]))
        lines += [f"## Study {escape(study['study'])}: {escape(where)}", ""]
        for title, rows in study.get("tables", {}).items():
            if rows:
                cells = ([escape(_number(row.get(key))) for key in rows[0]] for row in rows)
                lines += [f"### {escape(title)}", "", *table([escape(key) for key in rows[0]], cells), ""]
    return lines


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else ABSENT if value is None else str(value)


def claims_table(results: Sequence[ClaimResult]) -> list[str]:
    """Return a table with one row per claim."""
    return [
        *table(CLAIMS, ([*map(escape, row[:3]), f"**{row[3]}**", *map(escape, row[4:])] for row in _rows(results))),
        "",
    ]


def _rows(results: Sequence[ClaimResult]) -> Iterator[list[str]]:
    for r in results:
        claim = r.claim
        about = [claim.id, f"{claim.text} ({claim.source})", PUBLISHED[r.verdict.published]]
        yield [*about, shown_outcome(r.verdict.outcome), r.setting or ABSENT, r.verdict.reason]


def evidence_lines(results: Sequence[ClaimResult]) -> Iterator[str]:
    """Yield the folded tests of every claim, with its evaluations in other settings."""
    for r in results:
        tests = r.verdict.evidence
        yield from (f"<details><summary>{r.claim.id}: {len(tests)} tests, {1 + len(r.others)} settings</summary>", "")
        rows = [[escape(e.question), shown_outcome(e.outcome), escape(e.detail), escape(e.stand_in)] for e in tests]
        yield from table(["test", "outcome", "found", "stand-in"], rows)
        if r.others:
            more = [[escape(t.setting), shown_outcome(t.verdict.outcome), escape(t.verdict.reason)] for t in r.others]
            yield from ("", *table(["also on", "outcome", "because"], more))
        yield from ("", "</details>", "")


def claims_page(papers: Mapping[str, Sequence[ClaimResult]], discussion: str = "") -> str:
    """Return the page of all claims: counts of each outcome, a discussion, and the verdict on each claim.

    Args:
        papers: results of claims by paper.
        discussion: Markdown with headings of the second level or below.
    """
    every = [result for results in papers.values() for result in results]
    rows = [[name, *(str(n) for n in counted(results).values())] for name, results in papers.items()]
    rows.append(["**all**", *(f"**{n}**" for n in counted(every).values())])
    lines = [
        "# Claims of the papers",
        "",
        *table(["paper", *map(shown_outcome, counted(every))], rows),
        "",
        CRITERION,
        "",
    ]
    lines += [discussion.strip(), ""] if discussion.strip() else []
    for name, results in papers.items():
        lines += [f"## {name}", "", *claims_table(results), *evidence_lines(results)]
    return "\n".join(lines).rstrip() + "\n"


CRITERION = (
    "A test is decided by its 95 % interval over training seeds and images. It holds or fails where the interval "
    "lies on one side, and is inconclusive where it crosses, or of one training. A claim holds when all of its tests "
    "do, and fails when one does after correction for their number. The setting nearest to the paper decides; others "
    "are folded beneath. *The paper's numbers*: whether the printed values agree with the claim."
)
