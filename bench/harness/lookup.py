"""Lookup of a suite's cells and their stored records. Runs nothing, needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from bench.core.errors import BenchError
from bench.core.paths import home
from bench.core.registry import add_plugin
from bench.core.types import Cell, Record
from bench.harness.runner import Planned, plan
from bench.harness.store import Store, read_records
from bench.harness.suite import Suite, open_suite


def cells_of(
    suite: Suite,
    budget: str | None = None,
    *,
    methods: Sequence[str] | None = None,
    gans: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    plugins: Sequence[Path] = (),
) -> list[Cell]:
    """Return the cells of a suite; the methods of plug-in files are added to those of the suite.

    Raises:
        UnknownName: a method or budget is unknown.
        BenchError: a plug-in file registers nothing, or a name that is taken.
    """
    extra = [entry.name for path in plugins for entry in add_plugin(path) if entry.kind == "method"]
    if methods:
        extra = [name for name in extra if name not in methods]
    return suite.cells(budget, methods=methods, gans=gans, seeds=seeds, extra=extra)


def look_up(
    name: str,
    budget: str | None = None,
    *,
    gans: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    plugins: Sequence[Path] = (),
    store: Store | None = None,
) -> tuple[Suite, list[Planned]]:
    """Return a suite's cells with their stored records; runs nothing and needs no torch."""
    for path in plugins:
        add_plugin(path)  # first, since the suite may name what they register
    suite = open_suite(name)
    return suite, plan(cells_of(suite, budget, gans=gans, seeds=seeds, plugins=plugins), store or Store())


def stored(
    suite: str, budget: str | None, folder: Path | None, plugins: Sequence[Path] = (), gans: Sequence[str] = ()
) -> tuple[Suite, list[Record], list[Cell]]:
    """Return a suite, its stored records, and the cells without a record.

    Args:
        suite: name or path.
        budget: name, or None for the suite's default.
        folder: read every record of this folder, whatever its key; None reads the store.
        plugins: files whose methods joined the suite when it was run.
        gans: GANs that stood in for the suite's when it was run.

    Raises:
        BenchError: nothing is stored.
    """
    for path in plugins:
        add_plugin(path)
    if folder is not None:
        opened = open_suite(suite)
        return opened, in_order(opened, read_records(folder)), []
    opened, planned = look_up(suite, budget, gans=gans, plugins=plugins)
    records = [p.record for p in planned if p.record is not None]
    if not records:
        raise BenchError(
            f"suite {suite}, budget {planned[0].cell.budget.name}: nothing is stored; ganinv run {suite}"
        )
    return opened, records, [p.cell for p in planned if p.record is None]


def in_order(suite: Suite, records: Iterable[Record]) -> list[Record]:
    """Return records in the order of their suite; those of methods that it does not name come last of their seed."""
    return sorted(records, key=partial(_place, suite))


def _place(suite: Suite, record: Record) -> tuple[int, int, int, int]:
    """Return the place of a record among those of its suite: datasets, then GANs, then seeds, then methods."""
    parts = {"dataset": suite.datasets, "gan": suite.gans, "method": suite.methods}
    titles = {kind: [entrant.title for entrant in entrants] for kind, entrants in parts.items()}
    mine = {kind: record.cell[kind].get("label") or record.cell[kind]["name"] for kind in parts}
    dataset, gan, method = (known.index(mine[k]) if mine[k] in known else len(known) for k, known in titles.items())
    return dataset, gan, int(record.cell["seed"]), method


def reports_folder(suite: Suite, budget: str) -> Path:
    """Return the default folder of a run's reports."""
    return home() / "reports" / f"{suite.name}-{budget}"
