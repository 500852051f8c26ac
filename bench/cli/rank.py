"""The command ``ganinv rank``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import console
from bench.cli.options import BudgetName, Jobs, Out, RetryFailed

if TYPE_CHECKING:
    from bench.harness.rank import Ranking
    from bench.reports.leaderboard import Leaderboard, Row


def rank(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.py", help="Plug-in file with one or several methods; its code is run.")
    ],
    suite: Annotated[
        str,
        typer.Option("--suite", help="Suite with committed records: its name, or the path of its file (TOML)."),
    ] = "quickstart",
    budget: BudgetName = None,
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            help="Methods to rank, separated by commas, each of which uses the file: my_method,my_method+opt. "
            "Default: all methods of the file.",
        ),
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option(
            "--records",
            help="Folder of the committed records; it is only read. Default: results/SUITE/BUDGET in the checkout.",
        ),
    ] = None,
    out: Out = None,
    retry_failed: RetryFailed = False,
    jobs: Jobs = None,
) -> None:
    """Rank your own method beside the committed rows of a suite; nothing but your method is fitted.

    The method runs on the generators, images, seeds and budget of the committed records, and is checked in the run.

    Examples:  ganinv rank my_method.py    |    ganinv rank my_method.py --methods my_method,my_method+opt
    |    ganinv rank my_method.py --suite quickstart --out my_table
    """
    from bench.harness.rank import rank as rank_methods
    from bench.harness.rank import reports_place
    from bench.papers.publish import publish

    place = reports_place(suite, budget, file, records=records, out=out)
    with console.interruptible(), console.RunDisplay() as display:
        found = rank_methods(
            file,
            suite,
            budget,
            methods=methods.split(",") if methods else None,
            records=records,
            observer=display.observer(),
            retry_failed=retry_failed,
            jobs=jobs,
        )
    for table in publish(found.suite, found.records, place, own_runs=found.methods):
        console.show(table)
    console.note("")
    for line in _summary(found, suite, place):
        console.note(line)
    if found.failed:
        raise typer.Exit(1)


def _summary(found: Ranking, suite: str, place: Path) -> Iterator[str]:
    """Yield the place of each new method in each table, where the table is, and the next steps."""
    rival = ""
    for board in found.leaderboards():
        for row in (row for row in board.rows if row.own_run):
            yield _standing(row, board)
            rival = rival or next((other.method for other in board.rows if not other.own_run), "")
    for record in found.own:
        if record.status != "done":
            yield f"{record.cell['method']['name']} (seed {record.cell['seed']}) {record.status}: {record.reason}"
    yield f"The table, with its figures: {place / 'leaderboard.md'}"
    if found.failed:
        yield "Next: correct the file and give the same command again; --retry-failed repeats an unchanged file."
    elif rival:
        yield f"Next: ganinv compare {suite} {rival} {found.methods[0]} --records {place / 'records'}"
        yield "or change the file and give the same command again: a changed file counts as another method."


def _standing(row: Row, board: Leaderboard) -> str:
    """Return the place of a new method among the rows of its capacity class by value, and its neighbours."""
    if row.control:
        return f"{row.method}: a control, which is not ranked"
    key = f"test/{board.rank_by}"
    rising = next((c.higher_is_better for c in board.columns if c.key == key), True)
    rivals = [r for r in board.rows if r.capacity == row.capacity and not r.control and key in r.values]
    rivals.sort(key=lambda r: r.values[key].mean, reverse=bool(rising))
    if row not in rivals:
        return f"{row.method}: no rank, {board.rank_by} was not measured"
    place = rivals.index(row)
    beside = [("after", rivals[place - 1])] if place else []
    beside += [("before", each) for each in rivals[place + 1 : place + 2]]
    text = " and ".join(f"{word} {each.method} ({each.values[key].mean:.4g})" for word, each in beside)
    ranked = "no rank" if row.rank is None else f"rank {row.rank.text}"
    found = f"{row.method}: {ranked}, place {place + 1} of {len(rivals)} by {board.rank_by}"
    return f"{found} ({row.values[key].mean:.4g}){', ' if text else ''}{text}"
