"""Reproduction of a paper's table: run or resume its experiments and compare the results with the printed numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import BenchError, unknown
from bench.core.files import write_json, write_text
from bench.core.paths import home
from bench.core.types import Record
from bench.harness.store import Store, copy_records
from bench.harness.suite_parser import BUDGETS
from bench.papers.experiments import check_parts, run_parts
from bench.papers.manifest import kept_reports
from bench.papers.spec import Paper, Table
from bench.papers.suites import answered_by, cells_of, check_weights, own_datasets, suites_of

if TYPE_CHECKING:
    from bench.harness.runner import RunCallbacks
    from bench.reports.groups import ResultGroup

MARK = "table.json"
"""Name of the file that states the table and the budget of a folder."""
PAGE = "reproduction.md"
DEFAULT_BUDGET = "cpu"


@dataclass(frozen=True)
class Reproduction:
    """The result of reproducing a table.

    Attributes:
        folder: folder with the reports and records.
        records: one per cell; empty for a table of studies.
        groups: groups of these records.
        studies: content of ``study.json`` of each study.
        page: the report as Markdown.
    """

    table: Table
    budget: str
    dataset: str
    folder: Path
    records: tuple[Record, ...] = ()
    groups: tuple[ResultGroup, ...] = ()
    studies: tuple[Mapping[str, Any], ...] = field(default=())
    page: str = ""

    @property
    def failed(self) -> list[Record]:
        """Records of cells that failed."""
        return [record for record in self.records if record.status == "failed"]


def budget_of(name: str | None) -> str:
    """Return the given budget, or "cpu" for None.

    Raises:
        UnknownName: no such budget.
    """
    if name is not None and name not in BUDGETS:
        raise unknown("budget", name, BUDGETS, "--budget")
    return name or DEFAULT_BUDGET


def why_not_runnable(table: Table, budget: str, dataset: str | None = None) -> str:
    """Return the reason why a table cannot be run at a budget on this machine, "" if it can; trains nothing."""
    from bench.harness.runner import plan

    try:
        _check_budget(table, budget)
        if table.suite:
            cells = cells_of(suites_of(table, budget, dataset), budget)
            plan(cells, Store())
            check_weights(cells)
        check_parts(table, budget, dataset)
    except BenchError as error:
        return str(error)
    return ""


def reproduce(
    paper: Paper,
    table: Table,
    budget: str | None = None,
    *,
    dataset: str | None = None,
    out: Path | None = None,
    observer: RunCallbacks | None = None,
    retry_failed: bool = False,
) -> Reproduction:
    """Run or resume the experiments of a table, and write its reports.

    Args:
        paper: the paper.
        table: one of its tables.
        budget: "smoke", "cpu" or "paper"; cpu if None.
        dataset: one of the table's datasets; or another one in place of them, and then only ranks are compared.
        out: folder of the reports; ``reports_folder`` if None.
        observer: callbacks for progress.
        retry_failed: run failed cells again.

    Raises:
        UnknownName: no such budget.
        BenchError: the table has nothing to run, or not at this budget, or data or weights are missing; raised
            before anything is trained.
    """
    chosen = budget_of(budget)
    reason = why_not_runnable(table, chosen, dataset)
    if reason:
        raise BenchError(f"{table.title}, budget {chosen}: {reason}")
    folder = out or reports_folder(table, chosen, dataset)
    records, measured = _run_suite(
        table, chosen, dataset=dataset, observer=observer, retry_failed=retry_failed, folder=folder
    )
    studies = run_parts(table, chosen, dataset=dataset, folder=folder, observer=observer)
    write_json(folder / MARK, {"paper": paper.name, "table": table.name, "budget": chosen, "dataset": dataset or ""})
    made = Reproduction(
        table,
        chosen,
        dataset=dataset or "",
        folder=folder,
        records=tuple(records),
        groups=tuple(measured),
        studies=tuple(studies),
    )
    return replace(made, page=write_page(paper, made))


def write_page(paper: Paper, made: Reproduction) -> str:
    """Write ``reproduction.md`` into a reproduction's folder; return its text."""
    from bench.papers.render import reproduction_markdown

    text = reproduction_markdown(
        paper.claims,
        made.table.name,
        made.groups,
        made.studies,
        title=f"{made.table.title}: {made.table.shows}",
        budget=made.budget,
        swapped="" if own_datasets(made.table, made.budget, made.dataset or None) else made.dataset,
        nearest=made.table.nearest,
        note=made.table.note,
        pictures=tuple(run.name for run in made.table.applications),
    )
    write_text(made.folder / PAGE, text)
    return text


def reports_folder(table: Table, budget: str, dataset: str | None = None) -> Path:
    """Return the default folder of a reproduction."""
    end = f"-{dataset.partition('?')[0]}" if dataset else ""
    return home() / "reports" / "papers" / table.paper / f"{table.slug}-{budget}{end}"


def _check_budget(table: Table, budget: str) -> None:
    if not table.runs:
        raise BenchError(f"nothing runs for it: {table.note or answered_by(table)}")
    if budget not in table.budgets:
        raise BenchError(f"{answered_by(table)} runs at {', '.join(table.budgets)} alone")


def _run_suite(
    table: Table, budget: str, dataset: str | None, observer: RunCallbacks | None, retry_failed: bool, folder: Path
) -> tuple[list[Record], list[ResultGroup]]:
    if not table.suite:
        return [], []
    from bench.harness.runner import run_cells
    from bench.reports.glance import glance
    from bench.reports.groups import groups
    from bench.reports.leaderboard import boards_of
    from bench.reports.write import Reported, write_reports

    suites = suites_of(table, budget, dataset)
    records = run_cells(cells_of(suites, budget), None, observer, retry_failed=retry_failed)
    measured, title, rank_by = groups(records), suites[0].title, suites[0].rank_by
    kept = kept_reports(folder, records, words=[title, rank_by], missing=(), read=())
    if not kept.whole:
        boards = boards_of(measured, rank_by, title)
        written = write_reports(Reported(title, measured, boards), folder, kept.has)
        kept.remember(written, [glance(board) for board in boards])
    copy_records(records, folder / "records")
    return records, measured
