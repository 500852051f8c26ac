"""The command ``ganinv``: each command parses its arguments, calls ``bench.api`` or the like, and prints."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import console
from bench.cli.apply import apply_app
from bench.cli.data import data_app, new_app, train_classifier
from bench.cli.guide import guide
from bench.cli.options import (
    AllowCode,
    BudgetName,
    Gans,
    Jobs,
    MethodNames,
    ModelsOut,
    Nonce,
    Out,
    Plugins,
    PrintOrOut,
    Records,
    RetryFailed,
    Seeds,
    SuiteName,
)
from bench.cli.overfit import overfit
from bench.cli.pack import pack
from bench.cli.papers import claims, papers, reproduce
from bench.cli.rank import rank
from bench.cli.study import studies, study
from bench.cli.user_study import user_study
from bench.cli.verify import verify
from bench.core.errors import BenchError

if TYPE_CHECKING:
    from bench.harness.method_check import CheckResult
    from bench.papers.validate import ValidationResult

app = typer.Typer(
    help="Measure GAN inversion: run suites, compare methods, read leaderboards.\n\n"
    "Start with:  ganinv run quickstart",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)


class ListedKind(StrEnum):
    """Kinds that ``ganinv list`` lists."""

    methods = "methods"
    gans = "gans"
    datasets = "datasets"
    metrics = "metrics"
    features = "features"
    studies = "studies"
    applications = "applications"
    suites = "suites"
    papers = "papers"


class Format(StrEnum):
    """Formats of ``ganinv report``."""

    md = "md"
    csv = "csv"
    tex = "tex"
    json = "json"


@app.command("list")
def list_(
    kind: Annotated[ListedKind | None, typer.Argument(help="Kind of entries to list. Default: all kinds.")] = None,
    plugin: Plugins = None,
) -> None:
    """List what is registered. The tables of the papers are listed by 'ganinv list papers' alone.

    Examples:  ganinv list methods    |    ganinv list papers
    """
    from bench.harness.experiment import open_plugins
    from bench.harness.inspect import listing

    open_plugins(plugin or [])
    if kind is ListedKind.papers:
        papers()
        return
    for each in [kind] if kind else [each for each in ListedKind if each is not ListedKind.papers]:
        console.table(each.value, ("name", "what it is", "from"), listing(each.value))
        console.note("")


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(help="Registered name, such as dfi, psnr or fashion-mnist/dcgan; or its kind, then the name."),
    ],
    of_kind: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Registered name, if the first argument is a kind.")
    ] = None,
) -> None:
    """Show the options, the protocol and the provenance of a registered name.

    Examples:  ganinv show psnr    |    ganinv show gan fashion-mnist/lsgan
    """
    from bench.harness.inspect import describe

    kind, name = (name, of_kind) if of_kind else (None, name)
    for title, rows in describe(name, kind):
        console.table(title, ("", ""), rows)
        console.note("")


@app.command()
def run(
    suite: SuiteName,
    budget: BudgetName = None,
    methods: MethodNames = None,
    gan: Gans = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    out: Out = None,
    retry_failed: RetryFailed = False,
    allow_code: AllowCode = False,
    jobs: Jobs = None,
    nonce: Nonce = "",
) -> None:
    """Run a suite, resume it, or rank your own method in it.

    Stored cells are not run again; an interrupted run goes on where it stopped.

    Examples:  ganinv run quickstart    |    ganinv run quickstart --plugin my_method.py
    |    ganinv run quickstart --gan checkpoint:my_gan.safetensors
    """
    from bench.api import run_suite
    from bench.harness.lookup import reports_folder
    from bench.harness.suite import parse_seeds
    from bench.papers.publish import check_folder, publish

    check_folder(out)
    with console.interruptible(), console.RunDisplay() as display:
        outcome = run_suite(
            suite,
            budget,
            methods=methods.split(",") if methods else None,
            gans=gan,
            seeds=parse_seeds(seeds) if seeds else None,
            plugins=plugin or [],
            observer=display.observer(),
            retry_failed=retry_failed,
            allow_code=allow_code,
            jobs=jobs,
            nonce=nonce,
        )
    folder = out or reports_folder(outcome.suite, outcome.cells[0].budget.name)
    for table in publish(outcome.suite, outcome.records, folder):
        console.show(table)
    console.note(f"\nReports and figures: {folder}")
    if outcome.failed:
        console.note("Failed cells are kept with their reason; --retry-failed runs them again.")
        raise typer.Exit(1)
    console.note(f"Next: ganinv compare {suite} METHOD_A METHOD_B, or add your own with ganinv new method NAME")


@app.command()
def status(suite: SuiteName, budget: BudgetName = None, gan: Gans = None, plugin: Plugins = None) -> None:
    """Show which cells of a suite are stored, failed or missing.

    Example:  ganinv status quickstart
    """
    from bench.harness.lookup import look_up

    _, planned = look_up(suite, budget, gans=gan, plugins=plugin or [])
    rows = [
        (p.cell.dataset.title, p.cell.gan.title, p.cell.method.title, str(p.cell.seed))
        + (("missing", "") if p.record is None else (p.record.status, p.record.reason))
        for p in planned
    ]
    console.table(
        f"{suite}, budget {planned[0].cell.budget.name}",
        ("dataset", "gan", "method", "seed", "state", "reason"),
        rows,
    )


@app.command()
def report(
    suite: SuiteName,
    budget: BudgetName = None,
    format_: Annotated[
        Format, typer.Option("--format", help="Output format of the leaderboard: Markdown, CSV, LaTeX or JSON.")
    ] = Format.md,
    gan: Gans = None,
    plugin: Plugins = None,
    records: Records = None,
    out: PrintOrOut = None,
) -> None:
    """Print a suite's leaderboard from stored records; runs nothing. With --out, write all reports and figures.

    Example:  ganinv report quickstart --format tex
    """
    from bench.harness.lookup import stored
    from bench.papers.publish import publish, text_report

    opened, found, missing = stored(suite, budget, folder=records, plugins=plugin or [], gans=gan or [])
    if out:
        publish(opened, found, out, missing)
        console.note(f"Reports and figures: {out}")
    else:
        typer.echo(text_report(opened, found, format_.value, missing))


@app.command()
def compare(
    suite: SuiteName,
    method_a: Annotated[str, typer.Argument(help="Title or name of a method; an advantage is that of this method.")],
    method_b: Annotated[str, typer.Argument(help="Title or name of the method to which it is compared.")],
    budget: BudgetName = None,
    gan: Gans = None,
    plugin: Plugins = None,
    records: Records = None,
) -> None:
    """Compare two methods of a suite, paired over the same images.

    Example:  ganinv compare quickstart dfi dfi+opt    |    with your own:  ... dfi mine --plugin mine.py
    """
    from bench.harness.lookup import stored
    from bench.reports.compare import comparison_terminal, comparisons

    _, found, _ = stored(suite, budget, folder=records, plugins=plugin or [], gans=gan or [])
    for each in comparisons(found, method_a, method_b):
        console.show(comparison_terminal(each))


@app.command()
def check(
    method: Annotated[str, typer.Argument(help="Registered method, optionally with refiners, or a plug-in file.")],
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Name or folder of a paper, if the first argument is 'paper'."),
    ] = None,
) -> None:
    """Run the contract tests on a method: shapes, determinism, batch independence, state, no use of test images.

    'check paper NAME' instead validates a paper's folder: names exist, numbers parse, claims refer to records.

    Examples:  ganinv check my_method.py    |    ganinv check dfi+opt    |    ganinv check paper dfi
    """
    outcomes = _checked(method, name)
    for outcome in outcomes:
        mark = "ok  " if outcome.passed else "FAIL"
        console.note(f"{mark} {outcome.name}{': ' + outcome.message if outcome.message else ''}")
    if not all(outcome.passed for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Show the device, folders, datasets, weights and package versions of this machine."""
    from bench.harness.inspect import diagnosis

    for title, rows in diagnosis():
        console.table(title, ("", ""), rows)
        console.note("")


@app.command()
def export(
    suite: SuiteName,
    budget: BudgetName = None,
    seed: Annotated[int, typer.Option(help="Training seed of the GANs to write.")] = 0,
    out: ModelsOut = None,
) -> None:
    """Write the trained GANs of a suite as files, in half precision, each with its grid of samples.

    Example:  ganinv export acyclic --budget cpu --out models/
    """
    from bench.harness.export import export_gans

    for path in export_gans(suite, budget, seed, out):
        console.note(f"wrote {path}  (use it as checkpoint:{path})")


for command in (rank, guide, papers, reproduce, claims, overfit, study, studies, user_study, pack, verify):
    app.command()(command)
app.command()(train_classifier)
app.add_typer(apply_app, name="apply")
app.add_typer(data_app, name="data")
app.add_typer(new_app, name="new")


def _checked(what: str, name: str | None) -> Sequence[CheckResult | ValidationResult]:
    if name is None:
        from bench.harness.method_check import check_method

        return check_method(what)
    from bench.papers.validate import check_paper

    if what != "paper":
        raise BenchError(f"ganinv check {what} {name}: one name is expected, or 'paper' and the name of a paper")
    return check_paper(name)


def main() -> None:
    """Entry point: every error is one line, and its exit code is not 0."""
    warnings.showwarning = console.warning_line
    try:
        app()
    except BenchError as error:
        console.error_line(str(error))
        sys.exit(2)
