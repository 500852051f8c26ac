"""Validation of a paper's folder: names, numbers, planned cells and references of claims. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.core.errors import BenchError, suggest, unknown
from bench.core.registry import find
from bench.core.types import Cell
from bench.harness.suite import open_suite, parse_choice
from bench.harness.suite_parser import checked
from bench.papers.claims.spec import Claim
from bench.papers.claims.subjects import ClaimSubject
from bench.papers.spec import ABOUT, Paper, PartRun, Table, paper_folder, read_paper
from bench.papers.suites import cells_of, suites_of
from bench.reports.published import MetricMapping, plain
from bench.reports.quantities import COSTS, EXACT


@dataclass(frozen=True)
class ValidationResult:
    """The result of one check; ``message`` gives the reason of a failure."""

    name: str
    passed: bool
    message: str = ""


def check_paper(target: str) -> list[ValidationResult]:
    """Validate a paper, given by name or folder.

    Raises:
        UnknownName: no such paper.
    """
    folder = Path(target) if (Path(target) / ABOUT).is_file() else paper_folder(target)
    try:
        paper = read_paper(folder)
    except BenchError as error:
        return [ValidationResult("its files are read", False, str(error))]
    numbers = sum(len(table.rows) for table in paper.claims.tables)
    read = f"{len(paper.tables)} tables, {numbers} printed numbers, {len(paper.claims.claims)} claims"
    return [ValidationResult("its files are read", True, read), *_findings(paper)]


def _findings(paper: Paper) -> Iterator[ValidationResult]:
    for role in paper.claims.roles.values():
        yield _tried(f"metric {role.name} is one of ours", partial(_measured, role))
    for table in paper.tables:
        yield _tried(f"{table.title} can be planned", partial(_plan, table))
    for claim in paper.claims.claims:
        yield _tried(f"claim {claim.id} refers to what its tables run", partial(_refer, paper, claim))


def _tried(name: str, check: Callable[[], None]) -> ValidationResult:
    try:
        check()
    except BenchError as error:
        return ValidationResult(name, False, str(error))
    return ValidationResult(name, True)


def _measured(role: MetricMapping) -> None:
    """Check that every name that a role is mapped to is a metric, a cost or a fact of records."""
    for name in (*role.answered_by, *role.stand_in, *role.same_as):
        kind, slash, rest = name.partition("/")
        known = {"cost": COSTS, "facts": EXACT}.get(kind if slash else "")
        if known is None:
            find("metric", (rest if kind == "own" else name).partition("@")[0].partition(":")[0])
        elif rest not in known:
            raise unknown(kind, rest, known, f"metric {role.name}")


def _plan(table: Table) -> None:
    """Plan the cells of a table at every budget; look up its studies, applications and datasets."""
    for name in table.nearest:
        find("dataset", name)
    for name in table.also:
        open_suite(name)
    if not table.runs:
        return
    for budget in table.budgets:
        if table.suite:
            cells_of(suites_of(table, budget), budget)
    for kind, runs in (("study", table.studies), ("application", table.applications)):
        for run in runs:
            _named(kind, run)


def _named(kind: str, run: PartRun) -> None:
    find(kind, run.name)
    for budget, asked in run.at.items():
        for what in ("dataset", "gan", "method"):
            if asked.get(what):
                where = f"{kind} {run.name}, {budget}"
                checked(what, parse_choice(asked[what], where), where)


def _refer(paper: Paper, claim: Claim) -> None:
    tables = [paper.table(name) for name in claim.records]
    cells = [c for t in tables if t.suite for b in t.budgets for c in cells_of(suites_of(t, b), b)]
    for test in claim.tests:
        known = [run.name for table in tables for run in table.studies]
        if test.from_study and test.from_study not in known:
            raise unknown("study", test.from_study, known, f"claim {claim.id}: its tables run")
        for who in test.subjects:
            sets = {plain(each) for c in cells for each in (c.dataset.title, c.dataset.name)}
            if who.dataset and who.dataset not in paper.claims.datasets and plain(who.dataset) not in sets:
                raise unknown("dataset", who.dataset, paper.claims.datasets, f"claim {claim.id}")
            named = replace(who, gan=paper.claims.gans.get(who.gan, who.gan))
            if not any(_is(cell, named) for cell in cells):
                found = {f"{c.method.title} on {c.gan.title}" if who.gan else c.method.title for c in cells}
                raise BenchError(f"claim {claim.id}: no cell is '{who}'{suggest(str(who), found)}")


def _is(cell: Cell, who: ClaimSubject) -> bool:
    gans = {plain(cell.gan.title), plain(cell.gan.name.rpartition("/")[2])}
    return who.method in {cell.method.title, cell.method.name} and (not who.gan or plain(who.gan) in gans)
