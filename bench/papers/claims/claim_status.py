"""Verdicts on the papers' claims from all stored results: reports of reproductions, suites and studies.

A folder belongs to a table if ``table.json`` names the table, if it is named after a suite of the table
(``acyclic/cpu`` or ``acyclic-cpu``), or if it contains the result of a study that the table names. Runs no model and
needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import StoreError
from bench.core.files import write_text
from bench.core.paths import home
from bench.harness.store import read_records
from bench.harness.suite_parser import BUDGETS
from bench.papers.claims.aggregate import ClaimResult, ClaimSource, claim_results
from bench.papers.claims.study_results import read_study
from bench.papers.render import claims_page
from bench.papers.reproduce import MARK
from bench.papers.spec import Paper, Table, open_paper, paper_names
from bench.reports.groups import ResultGroup, groups


@dataclass(frozen=True)
class Stored:
    """One folder that contains records or the result of a study.

    Attributes:
        folder: path of the folder.
        parts: names of the folders on its path.
        mark: content of ``table.json`` in the folder or its parent; {} if there is none.
        study: result of the study; None for records.
    """

    folder: Path
    parts: tuple[str, ...]
    mark: Mapping[str, Any]
    study: Mapping[str, Any] | None = None

    def answers(self, table: Table, paper: Paper) -> bool:
        """Return True if this folder is about a table of the paper, or about another that runs the same."""
        if self.mark:
            if self.mark["paper"] != paper.name:
                return False
            made_for = next((t for t in paper.tables if t.name == self.mark["table"]), None)
            return made_for is not None and self._runs_alike(made_for, table)
        if self.study is not None:
            return any(run.name == self.study["study"] for run in table.studies)
        names = {table.suite, *table.also} - {""}
        known = names | {f"{name}-{budget}" for name in names for budget in BUDGETS}
        return bool(known & set(self.parts))

    def _runs_alike(self, one: Table, other: Table) -> bool:
        """Return True if two tables use the same suite, or the same study with the same arguments."""
        if one == other:
            return True
        if self.study is None:
            return bool(one.suite) and one.suite == other.suite
        asked = [
            [run.at.get(self.mark["budget"]) for run in t.studies if run.name == self.study["study"]]
            for t in (one, other)
        ]
        return bool(asked[0]) and asked[0] == asked[1]

    def source(self, table: Table, measured: Sequence[ResultGroup]) -> ClaimSource:
        """Return its content as a source for a table."""
        studies = () if self.study is None else (self.study,)
        return ClaimSource(
            table.name,
            tuple(measured),
            studies=studies,
            budget=str(self.mark.get("budget", "")),
            place=str(self.folder),
        )


def all_claim_results(folders: Sequence[Path], paper: str | None = None) -> dict[str, list[ClaimResult]]:
    """Return the result of every claim, by paper.

    Args:
        folders: folders that contain results at any depth; if empty, the local reports.
        paper: name of the only paper to evaluate; None for all.

    Raises:
        UnknownName: no such paper.
        StoreError: a folder does not exist, or a file cannot be read.
    """
    opened = [open_paper(paper)] if paper else [open_paper(name) for name in paper_names()]
    roots = list(folders) or [home() / "reports"]
    for root in folders:
        if not root.is_dir():
            raise StoreError(f"--records {root}: no such folder")
    stored = [each for root in roots for each in find_stored(root)]
    read: dict[Path, list[ResultGroup]] = {}
    return {each.name: claim_results_of(each, stored, read) for each in opened}


def claim_results_of(
    paper: Paper, stored: Sequence[Stored], read: dict[Path, list[ResultGroup]]
) -> list[ClaimResult]:
    """Return the result of every claim of one paper; ``read`` caches the groups of folders."""
    sources = []
    for table in paper.tables:
        for each in stored:
            if each.answers(table, paper):
                measured = [] if each.study is not None else _tables(each.folder, read)
                sources.append(each.source(table, measured))
    nearest = {table.name: table.nearest for table in paper.tables}
    return claim_results(paper.claims, sources, nearest, {table.name: advice(table) for table in paper.tables})


def advice(table: Table) -> str:
    """Return advice for a table of which nothing is stored."""
    if not table.runs:
        return f"{table.name}: {table.note or 'published numbers alone'}"
    return f"nothing is stored for {table.name}: ganinv reproduce {table.title}"


def write_claims(found: Mapping[str, Sequence[ClaimResult]], path: Path, discussion: Path | None = None) -> Path:
    """Write the page of all claims; the text of a Markdown file is inserted between the counts and the claims.

    Raises:
        StoreError: the page cannot be written, or the text cannot be read.
    """
    try:
        text = discussion.read_text(encoding="utf-8") if discussion else ""
    except (OSError, ValueError) as error:
        raise StoreError(f"--discussion {discussion} cannot be read: {error}") from error
    write_text(path, claims_page(found, text))
    return path


def find_stored(root: Path) -> Iterator[Stored]:
    """Yield every folder of records and every study's result under a folder, in order of their paths.

    Raises:
        StoreError: a file cannot be read.
    """
    for path in sorted(root.rglob("records")):
        if path.is_dir() and any(path.glob("*.json")):
            yield Stored(path, path.relative_to(root.parent).parts, _mark(path.parent, root))
    for path in sorted(root.rglob("study.json")):
        parts = path.relative_to(root.parent).parts
        yield Stored(path.parent, parts, _mark(path.parent, root), read_study(path))


def _tables(folder: Path, read: dict[Path, list[ResultGroup]]) -> list[ResultGroup]:
    if folder not in read:
        read[folder] = groups(read_records(folder))
    return read[folder]


def _mark(folder: Path, root: Path) -> Mapping[str, Any]:
    """Return the content of ``table.json`` in the folder, or in its parent for one of several studies."""
    for place in (folder, folder.parent):
        path = place / MARK
        if path.is_file() and (place == root or root in place.parents):
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                return {key: str(content[key]) for key in ("paper", "table", "budget")}
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise StoreError(f"{path} does not say which table it is: {error!r}") from error
    return {}
