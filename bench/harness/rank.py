"""Ranking of a new method beside the committed records of a suite: the method of one file runs, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.core.errors import BenchError, ContractError, StoreError
from bench.core.paths import results_folder
from bench.core.registry import Entry, add_plugin, find
from bench.core.types import Cell, Record
from bench.harness.committed import (
    CommittedTable,
    check_conditions,
    check_kept,
    committed_table,
    take_generators,
)
from bench.harness.lookup import in_order, reports_folder
from bench.harness.runner import RunCallbacks, plan, run_cells
from bench.harness.store import Store
from bench.harness.suite import Suite, open_suite

if TYPE_CHECKING:
    from bench.reports.leaderboard import Leaderboard

SUITE = "quickstart"
"""Suite that a method is ranked in unless another one is named."""


@dataclass(frozen=True)
class Ranking:
    """A new method beside the committed records of a suite.

    Attributes:
        table: the committed records.
        cells: cells of the new methods.
        own: one record for each of them, in the user's store.
    """

    table: CommittedTable
    cells: tuple[Cell, ...]
    own: tuple[Record, ...]

    @property
    def suite(self) -> Suite:
        """The suite."""
        return self.table.suite

    @property
    def records(self) -> list[Record]:
        """Committed and new records, in the order of the suite."""
        return in_order(self.suite, [*self.table.records, *self.own])

    @property
    def methods(self) -> tuple[str, ...]:
        """Titles of the new methods."""
        return tuple(dict.fromkeys(cell.method.title for cell in self.cells))

    @property
    def failed(self) -> list[Record]:
        """New records of cells that failed."""
        return [record for record in self.own if record.status == "failed"]

    def leaderboards(self) -> list[Leaderboard]:
        """Return the tables with the new methods, one per dataset, GAN and budget; needs no torch.

        Raises:
            BenchError: a new record and a committed one must not share a table; names the difference.
        """
        from bench.reports.leaderboard import leaderboards
        from bench.reports.own_runs import with_own_runs

        boards = leaderboards(self.records, self.suite.rank_by, self.suite.title)
        return with_own_runs(boards, self.methods)


def rank(
    file: str | Path,
    suite: str | Path = SUITE,
    budget: str | None = None,
    *,
    methods: Sequence[str] | None = None,
    records: str | Path | None = None,
    store: Store | None = None,
    observer: RunCallbacks | None = None,
    retry_failed: bool = False,
    jobs: int | None = None,
) -> Ranking:
    """Run the methods of one file on the generators and images of committed records, and join them.

    The methods are fitted with the budget, the seeds and the nonce of the records. Nothing else is fitted or trained,
    and the committed files stay as they are.

    Args:
        file: plug-in file with one or several methods or refiners, as ``ganinv new method`` writes it.
        suite: a suite's name, or the path of a TOML file.
        budget: "smoke", "cpu" or "paper"; the suite's default if None.
        methods: the only methods to run, each of which uses the file: ``my_method+opt``; all of the file if None.
        records: folder of the committed records; ``results/SUITE/BUDGET`` of the checkout if None.
        store: the store of new records; the user's by default.
        observer: callbacks for progress.
        retry_failed: run the file's failed cells again.
        jobs: cells that are computed at once; see ``bench.run_suite``.

    Returns:
        The committed and the new records; its ``leaderboards()`` are the tables.

    Raises:
        UnknownName: no such suite, budget or method.
        ContractError: a method has the name of a committed row or of a registered method.
        BenchError: the file registers no method, there are no committed records, their generators were not kept, or
            a condition of theirs differs here; raised before anything runs.

    Example:
        >>> bench.rank("my_method.py").leaderboards()[0].rows[0].method  # doctest: +SKIP
        'dfi_image+opt'
    """
    path, store = Path(file), store or Store()
    names = _methods(path, add_plugin(path), methods)
    table = committed_table(open_suite(str(suite)), budget, None if records is None else Path(records))
    for name in names:
        if name in table.titles:
            raise ContractError(
                f"{path}: method '{name}' has the name of a committed row of {table.folder}; give it another one in "
                '@method("...")'
            )
    check_kept(table)
    cells = table.cells(names)
    planned = plan(cells, store)
    take_generators(table, planned, store)
    check_conditions(table, planned, store)
    done = run_cells(cells, store, observer, retry_failed=retry_failed, jobs=jobs)
    return Ranking(table, tuple(cells), tuple(done))


def reports_place(
    suite: str, budget: str | None, file: Path, records: Path | None = None, out: Path | None = None
) -> Path:
    """Return the folder of a ranking's reports: the chosen one, or one in the cache folder named after the file.

    Raises:
        UnknownName: no such suite or budget.
        StoreError: it lies among the committed results, which stay as they are, or it cannot be written.
    """
    opened = open_suite(suite)
    default = reports_folder(opened, opened.budget(budget).name)
    place = (out or default.with_name(f"{default.name}-{file.stem}")).resolve()
    committed = [results_folder(), *([records.resolve()] if records else [])]
    if any(place.is_relative_to(each) or place / "records" == each for each in committed):
        raise StoreError(f"--out {place}: lies among committed results, which stay as they are; name another folder")
    above = next(each for each in (place, *place.parents) if each.exists())
    try:
        with TemporaryDirectory(dir=above):
            return place
    except OSError as error:
        raise StoreError(f"--out {place}: cannot be written: {error.strerror or error}") from error


def _methods(path: Path, registered: Sequence[Entry], chosen: Sequence[str] | None) -> list[str]:
    """Return the names of the methods to run: those of a file, or chosen ones that use it."""
    if not chosen:
        names = [entry.name for entry in registered if entry.kind == "method"]
        if not names:
            others = ", ".join(f"{entry.kind} {entry.name}" for entry in registered)
            raise BenchError(f"{path} registers no method to rank; it registers {others}{_hint(registered)}")
        return names
    mine = {(entry.kind, entry.name) for entry in registered}
    for name in chosen:
        base, *refiners = name.split("+")
        parts = [("method", base), *(("refiner", each) for each in refiners)]
        found = {(kind, find(kind, each, "--methods").name) for kind, each in parts}
        if not found & mine:
            raise BenchError(f"--methods {name}: nothing of it is in {path}; a committed method is not run again")
    return list(dict.fromkeys(chosen))


def _hint(registered: Sequence[Entry]) -> str:
    """Return a note on the way to rank a file of refiners, "" for other files."""
    refiners = [entry.name for entry in registered if entry.kind == "refiner"]
    return f"; --methods METHOD+{refiners[0]} ranks the refiner after a method" if refiners else ""
