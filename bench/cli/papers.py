"""The commands ``ganinv papers``, ``ganinv reproduce`` and ``ganinv claims``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import console
from bench.cli.options import Out, RetryFailed
from bench.core.errors import BenchError

TableBudget = Annotated[
    str | None, typer.Option("--budget", help="Size of the run: smoke, cpu or paper. Default: cpu.")
]
PaperTable = Annotated[
    str,
    typer.Argument(metavar="PAPER[/TABLE]", help="Name of a paper, for all of its tables; or one table: dfi/table4."),
]


def papers(
    name: Annotated[
        str | None, typer.Argument(metavar="[PAPER]", help="Name of a paper. Default: all papers.")
    ] = None,
    budget: TableBudget = None,
) -> None:
    """List the papers and their tables, with the time that each takes and whether this machine can run it.

    Examples:  ganinv papers    |    ganinv papers dfi --budget paper
    """
    from bench.papers.listing import papers_rows

    for title, about, rows in papers_rows(name, budget):
        console.table(title, ("table", "shows", "answered by", "minutes", "here?"), rows)
        for line in (*about, ""):
            console.note(line)


def reproduce(
    name: PaperTable,
    budget: TableBudget = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="Dataset in place of the paper's; only ranks are compared then. Default: the paper's."),
    ] = None,
    out: Out = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Run or resume the experiments of a paper's table; compare the results with its printed numbers and claims.

    Examples:  ganinv reproduce creswell/tablei    |    ganinv reproduce dfi/table4 --budget smoke
    |    ganinv reproduce dfi/fig8 --dataset drawn-faces
    """
    from bench.papers.listing import beside_tables, claims_rows, to_run
    from bench.papers.reproduce import reproduce as run

    paper, tables = to_run(name, budget, dataset, console.note)
    for table in tables:
        with console.interruptible(), console.RunDisplay() as display:
            made = run(
                paper,
                table,
                budget,
                dataset=dataset,
                out=out if len(tables) == 1 or out is None else out / table.slug,
                observer=display.observer(),
                retry_failed=retry_failed,
            )
        for title, header, rows in beside_tables(paper, made):
            console.table(title, header, rows)
            console.note("")
        console.table("claims", ("claim", "pub", "measured", "on", "because"), claims_rows(paper, made))
        console.note(f"\nReports, figures and records: {made.folder}")
        if made.failed:
            console.note("Failed cells are kept with their reason; --retry-failed runs them again.")


def claims(
    claim: Annotated[
        str | None,
        typer.Argument(
            metavar="[CLAIM]", help="Identifier of a claim, such as C51, to show its tests. Default: all claims."
        ),
    ] = None,
    records: Annotated[
        list[Path] | None,
        typer.Option(
            "--records",
            help="Folder of results, at any depth. May be given several times. Default: the local reports.",
        ),
    ] = None,
    paper: Annotated[str | None, typer.Option(help="Name of a paper. Default: all papers.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Markdown file to which all claims and their evidence are written. Default: none."
        ),
    ] = None,
    discussion: Annotated[
        Path | None, typer.Option(help="Markdown file that is inserted before the claims of --out. Default: none.")
    ] = None,
) -> None:
    """Show the claims of the papers and their verdicts on stored results; for one claim, its tests. Runs no model.

    Examples:  ganinv claims --records results    |    ganinv claims C51 --records results
    |    ganinv claims --records results --out results/papers/README.md
    """
    from bench.papers.claims.claim_status import all_claim_results, write_claims
    from bench.papers.listing import claim_lines, counts_line, evidence_tables, one_claim

    if discussion and not out:
        raise BenchError("--discussion is for the page of --out: give both")
    if claim and out:
        raise BenchError("--out writes the page of all claims: leave the claim out")
    found = all_claim_results(records or [], paper)
    if claim:
        result = one_claim(found, claim)
        console.paragraphs(claim_lines(result))
        for title, header, rows in evidence_tables(result):
            console.note("")
            console.table(title, header, rows)
        return
    for name, results in found.items():
        console.note(name)
        for each in results:
            console.paragraphs(claim_lines(each))
        console.note("")
    console.note(counts_line(found))
    console.note("The tests behind a claim: ganinv claims C51, with the same --records.")
    if out:
        console.note(f"wrote {write_claims(found, out, discussion)}")
