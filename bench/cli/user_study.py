"""The command ``ganinv user-study``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import console
from bench.cli.options import BudgetName, Gans, Plugins, Records
from bench.core.errors import BenchError

if TYPE_CHECKING:
    from bench.studies.user_study.report import Report


def user_study(
    suite: Annotated[
        str | None, typer.Argument(metavar="SUITE", help="Name of a suite, or path of a suite file (TOML).")
    ] = None,
    budget: BudgetName = None,
    gan: Gans = None,
    plugin: Plugins = None,
    records: Records = None,
    table: Annotated[
        str, typer.Option(help="Part of the title 'dataset · gan · budget' of the table, if the suite has several.")
    ] = "",
    methods: Annotated[
        str, typer.Option(help="Methods, separated by commas: dfi,dfi+opt. Default: all except controls.")
    ] = "",
    images: Annotated[int, typer.Option(help="Number of stored images in the study; 0: all.")] = 0,
    questions: Annotated[
        int, typer.Option(help="Number of questions for each participant, one target image each.")
    ] = 25,
    repeats: Annotated[int, typer.Option(help="Number of questions that are repeated, to measure consistency.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of every shuffle.")] = 0,
    invite: Annotated[
        int,
        typer.Option(
            min=0, help="Number of personal links to print; only their owners can take part. 0: open to all."
        ),
    ] = 0,
    host: Annotated[str, typer.Option(help="Network address of the server.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the server; 0: a free one.")] = 8000,
    out: Annotated[Path, typer.Option("--out", help="File of votes (JSON lines); new votes are appended.")] = Path(
        "votes.jsonl"
    ),
    report: Annotated[
        Path | None,
        typer.Option("--report", help="File of votes to evaluate, without a server. Default: start the server."),
    ] = None,
) -> None:
    """Ask people which reconstruction is most similar to its target, on a local page, as the dfi paper did.

    Pictures come from stored records; no model is run. Ctrl-C ends with the shares so far; the same command goes on.

    Examples:  ganinv user-study acyclic --methods dfi,dfi+opt    |    ganinv user-study --report votes.jsonl
    """
    from bench.harness.lookup import stored
    from bench.studies.user_study.ballots import read_ballots
    from bench.studies.user_study.questions import choose_table, open_study
    from bench.studies.user_study.report import report as report_of
    from bench.studies.user_study.server import StudyServer
    from bench.studies.user_study.votes import VotesFile

    if report is not None:
        _show(report_of(read_ballots(report)))
        return
    if suite is None:
        raise BenchError("user-study needs a SUITE to ask about, or --report VOTES to count")
    _, found, _ = stored(suite, budget, folder=records, plugins=plugin or [], gans=gan or [])
    study, pictures = open_study(
        choose_table(found, table),
        methods.split(",") if methods else [],
        images=images,
        questions=questions,
        repeats=repeats,
        seed=seed,
    )
    with VotesFile(out, study) as votes, StudyServer(host, port, votes, pictures) as server:
        for line in server.opening(invite):
            console.note(line)
        if not server.is_local:
            console.warning_line(
                f"--host {host}: whoever reaches this address can open the study; it is not encrypted"
            )
        server.run()
    _show(report_of(votes.ballots))
    console.note(f"\nVotes: {out}. The same command goes on; ganinv user-study --report {out} counts them.")


def _show(found: Report) -> None:
    console.table(found.title, found.columns, found.rows)
    for line in found.notes:
        console.note(line)
