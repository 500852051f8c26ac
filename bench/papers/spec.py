"""Reader of a paper's folder: bibliography, tables, and the suites and studies of each table. Needs no torch.

``bench/papers/NAME/`` holds ``paper.toml`` (read here), ``claims.toml`` (read by ``bench.papers.claims.spec``),
``published.csv`` (by ``bench.reports.published``), and suites in ``tables/``. A new paper is a new folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, unknown
from bench.harness.suite import Suite, open_suite
from bench.harness.suite_parser import BUDGETS
from bench.papers.claims.spec import Claims, read_claims
from bench.reports.published import FILE, PAPERS
from bench.reports.strict_toml import check_keys, read_toml, texts

ABOUT = "paper.toml"
TEXTS = ("name", "title", "authors", "venue", "summary")

ARGUMENTS: dict[str, dict[str, Any]] = {
    "study": {"dataset": str, "network": str, "images": int, "options": list},
    "application": {
        **dict.fromkeys(("gan", "method", "dataset", "images", "network"), str),
        **dict.fromkeys(("count", "train_steps", "fit_steps", "search_steps", "refine_steps"), int),
        "options": list,
    },
}


@dataclass(frozen=True)
class PartRun:
    """A study or an application that reproduces a table.

    Attributes:
        name: name of the study or application.
        at: arguments of ``ganinv study`` or ``ganinv apply`` by budget; options are "key=value" strings.
    """

    name: str
    at: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Table:
    """One table or figure of a paper, with the experiments that reproduce it.

    Attributes:
        paper: name of the paper.
        name: name of the table in ``published.csv`` and ``claims.toml``.
        shows: content of the table, in one line.
        suite: suite file in the folder of ``paper.toml``, or name of a suite; "" if studies or applications reproduce
            the table.
        studies: studies that reproduce the table.
        applications: applications that draw the figure.
        also: further suites whose records belong to the table.
        nearest: dataset names, the nearest to the paper's first; verdicts on these come first.
        minutes: estimated minutes by budget: on two cores for smoke and cpu, on one GPU for paper.
        note: remark for readers of the comparison.
    """

    paper: str
    name: str
    shows: str
    suite: str = ""
    studies: tuple[PartRun, ...] = ()
    applications: tuple[PartRun, ...] = ()
    also: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()
    minutes: Mapping[str, float] | None = None
    note: str = ""

    @property
    def slug(self) -> str:
        """Name of the table in commands and folders."""
        return _slug(self.name)

    @property
    def title(self) -> str:
        """``PAPER/TABLE``, the argument of commands."""
        return f"{self.paper}/{self.slug}"

    def open_suite(self) -> Suite:
        """Read the suite of the table.

        Raises:
            SuiteError: the suite is malformed or does not exist.
        """
        return open_suite(str(PAPERS / self.paper / self.suite) if self.suite.endswith(".toml") else self.suite)

    @property
    def runs(self) -> bool:
        """True if the table has a suite, a study or an application."""
        return bool(self.suite or self.studies or self.applications)

    @property
    def budgets(self) -> tuple[str, ...]:
        """Budgets at which the table can be run."""
        if self.suite:
            return tuple(self.open_suite().budgets)
        found = {budget for run in (*self.studies, *self.applications) for budget in run.at}
        return tuple(budget for budget in BUDGETS if budget in found)


@dataclass(frozen=True)
class Paper:
    """A paper with its tables and claims."""

    name: str
    title: str
    authors: str
    venue: str
    summary: str
    tables: tuple[Table, ...]
    claims: Claims

    def table(self, name: str) -> Table:
        """Return the table of a name, as in the paper or as in commands.

        Raises:
            UnknownName: there is none of that name.
        """
        known = {table.slug: table for table in self.tables}
        if _slug(name) not in known:
            raise unknown(f"table of {self.name}", name, known)
        return known[_slug(name)]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower())


def paper_names() -> list[str]:
    """Return the names of all papers, sorted."""
    return sorted(path.parent.name for path in PAPERS.glob(f"*/{ABOUT}"))


def open_paper(name: str) -> Paper:
    """Read a paper's folder.

    Raises:
        UnknownName: no such paper.
        BenchError: a file cannot be read, or a key is unknown or missing; names the file.
    """
    return read_paper(paper_folder(name))


def paper_folder(name: str) -> Path:
    """Return the folder of a paper.

    Raises:
        UnknownName: no such paper.
    """
    if name.lower() not in paper_names():
        raise unknown("paper", name, paper_names())
    return PAPERS / name.lower()


def open_tables(name: str) -> tuple[Paper, tuple[Table, ...]]:
    """Return a paper and the tables selected by ``PAPER`` or ``PAPER/TABLE``.

    Raises:
        UnknownName: no such paper or table.
    """
    first, slash, table = name.partition("/")
    paper = open_paper(first)
    return paper, (paper.table(table),) if slash else paper.tables


def read_paper(folder: Path) -> Paper:
    """Read the paper in a folder; see ``open_paper``."""
    path = folder / ABOUT
    raw = read_toml(path)
    check_keys(raw, str(path), {**dict.fromkeys(TEXTS, str), "year": int, "table": list})
    if raw["name"] != folder.name:
        raise BenchError(f"{path}: name = {raw['name']!r} should be that of the folder, '{folder.name}'")
    claims = read_claims(folder / FILE)
    tables = tuple(_table(entry, raw["name"], path) for entry in raw["table"])
    _check(tables, claims, path)
    title, authors = (" ".join(raw[key].split()) for key in ("title", "authors"))
    return Paper(
        raw["name"],
        title,
        authors=authors,
        venue=f"{raw['venue']}, {raw['year']}",
        summary=raw["summary"].strip(),
        tables=tables,
        claims=claims,
    )


def _table(entry: Any, paper: str, path: Path) -> Table:
    place = f"{path}: table {entry.get('name', '?') if isinstance(entry, dict) else '?'}"
    lists = dict.fromkeys(("study", "application", "also", "nearest"), list)
    check_keys(entry, place, {"name": str, "shows": str}, {"suite": str, "minutes": dict, "note": str} | lists)
    check_keys(entry.get("minutes", {}), f"{place}, minutes", {}, dict.fromkeys(BUDGETS, (int, float)))
    return Table(
        paper,
        entry["name"],
        shows=entry["shows"],
        suite=entry.get("suite", ""),
        studies=tuple(_part("study", run, place) for run in entry.get("study", [])),
        applications=tuple(_part("application", run, place) for run in entry.get("application", [])),
        also=texts(entry.get("also", []), "also", place),
        nearest=texts(entry.get("nearest", []), "nearest", place),
        minutes=entry.get("minutes", {}),
        note=" ".join(entry.get("note", "").split()),
    )


def _part(kind: str, entry: Any, place: str) -> PartRun:
    check_keys(entry, f"{place}, {kind}", {"name": str}, dict.fromkeys(BUDGETS, dict))
    for budget in BUDGETS:
        check_keys(entry.get(budget, {}), f"{place}, {kind} {entry['name']}, {budget}", {}, ARGUMENTS[kind])
    return PartRun(entry["name"], {budget: entry[budget] for budget in BUDGETS if budget in entry})


def _check(tables: tuple[Table, ...], claims: Claims, path: Path) -> None:
    """Check that table names are unique, and that tables with numbers or claims are defined."""
    names = [table.name for table in tables]
    slugs = [table.slug for table in tables]
    for slug in slugs:
        if slugs.count(slug) > 1:
            raise BenchError(f"{path}: table '{slug}' is defined twice")
    for printed in claims.tables:
        if printed.name not in names:
            raise unknown("table", printed.name, names, f"{path}: published.csv has a")
    for claim in claims.claims:
        for name in claim.records:
            if name not in names:
                raise unknown("table", name, names, f"{path.with_name(FILE)}: claim {claim.id}")
