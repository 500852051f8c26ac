"""Execution of a plan of cells: stored cells are skipped, failures are recorded, progress is reported."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.core.errors import BenchError, NotApplicable, StoreError, WeightsError
from bench.core.paths import device as chosen_device
from bench.core.types import Cell, Record
from bench.datasets.catalogue import open_here
from bench.gans.zoo import runs_code
from bench.harness.keys import KeyMaker, Keys, cell_facts
from bench.harness.store import Busy, Store
from bench.metrics.weights import weights_available

if TYPE_CHECKING:
    from bench.core.run_context import Progress
    from bench.harness.context import HarnessContext

TRACEBACK_LINES = 12


@dataclass(frozen=True)
class Planned:
    """A cell with its keys and its stored record, if there is one."""

    cell: Cell
    keys: Keys
    record: Record | None


@dataclass
class RunCallbacks:
    """Callbacks for the progress of a run; each of them may be replaced."""

    plan: Callable[[Sequence[Planned]], None] = lambda planned: None
    started: Callable[[Cell, int, int], None] = lambda cell, number, total: None
    finished: Callable[[Cell, Record], None] = lambda cell, record: None
    progress: Progress | None = None
    waiting: Callable[[Cell], None] = field(default=lambda cell: None)


def plan(cells: Sequence[Cell], store: Store) -> list[Planned]:
    """Return the keys and stored records of cells; needs no torch.

    Raises:
        DataError: a dataset is missing; the message states how to get it.
        WeightsError: weights of a metric's network are missing; the message names the file, its folder and source.
    """
    for choice in {c.dataset.name: c.dataset for c in cells}.values():
        open_here(choice)
    for name in sorted({m for c in cells for m in c.metrics}):
        reason = weights_available(name)
        if reason:
            raise WeightsError(f"metric {name}: {reason}")
    maker = KeyMaker()
    keys = [maker.keys(cell) for cell in cells]
    return [Planned(cell, each, store.record(each.cell)) for cell, each in zip(cells, keys, strict=True)]


def run_cells(
    cells: Sequence[Cell],
    store: Store | None = None,
    observer: RunCallbacks | None = None,
    *,
    retry_failed: bool = False,
) -> list[Record]:
    """Run the cells that are not stored; return the record of every cell, in order.

    A cell that fails is recorded and the others go on. Cells that another process is working on are taken last.

    Raises:
        BenchError: something is wrong before work starts (data, weights, options), or the store cannot be written.
    """
    store, observer = store or Store(), observer or RunCallbacks()
    planned = plan(cells, store)
    observer.plan(planned)
    waiting = [p for p in planned if p.record is None or (retry_failed and p.record.status == "failed")]
    records = {p.keys.cell: p.record for p in planned if p.record is not None}
    if waiting:
        records |= _run_waiting(waiting, store, observer, retry_failed)
    return [records[p.keys.cell] for p in planned]


def _run_waiting(waiting: list[Planned], store: Store, observer: RunCallbacks, retry: bool) -> dict[str, Record]:
    from bench.core.environment import prepare_device
    from bench.core.run_context import silent
    from bench.harness.bound_method import open_method
    from bench.harness.context import HarnessContext
    from bench.harness.train_stage import open_recipe, train

    bench = HarnessContext(store, chosen_device(), observer.progress or silent)
    prepare_device(bench.device)
    for item in waiting:
        if "plug-in" not in _origin(item.cell):
            open_method(item.cell)  # raises for wrong options before anything is trained
        open_recipe(item.cell.gan)  # raises for wrong options, and for a plug-in that is no recipe
        if runs_code(item.cell.gan.name):
            train(bench, item.cell, item.keys)  # raises for a faulty GAN of the user
    records: dict[str, Record] = {}
    total, taken_elsewhere = len(waiting), []
    for item in waiting:
        try:
            with store.lock("cell", item.keys.cell, wait=False):
                records[item.keys.cell] = _run_one(
                    bench, item, observer=observer, number=len(records) + 1, total=total, retry=retry
                )
        except Busy:
            taken_elsewhere.append(item)
    for item in taken_elsewhere:
        observer.waiting(item.cell)
        with store.lock("cell", item.keys.cell):
            records[item.keys.cell] = _run_one(
                bench, item, observer=observer, number=len(records) + 1, total=total, retry=retry
            )
    return records


def _run_one(
    bench: HarnessContext, item: Planned, observer: RunCallbacks, number: int, total: int, retry: bool
) -> Record:
    from bench.harness.stages import run_cell

    stored = bench.store.record(item.keys.cell)
    if stored and not (retry and stored.status == "failed"):
        return stored  # stored by another process after the plan was made
    if stored:
        bench.store.remove_record(item.keys.cell)
        bench.store.forget_failure("train", item.keys.train)
    observer.started(item.cell, number, total)
    try:
        record: Record = run_cell(bench, item.cell, item.keys)
    except StoreError:
        raise
    except Exception as error:
        bench.store.put_record(failed_record(item, error, bench.device))
        stored = bench.store.record(item.keys.cell)  # as a later report reads it
        assert stored is not None, item.keys.cell
        record = stored
    observer.finished(item.cell, record)
    return record


def failed_record(item: Planned, error: Exception, device: str) -> Record:
    """Return the record of a failed cell, with the reason and the end of the traceback."""
    from bench.core.environment import environment

    reason = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return Record(
        key=item.keys.cell,
        cell=cell_facts(item.cell),
        status="not applicable" if isinstance(error, NotApplicable) else "failed",
        reason=reason.splitlines()[0] if reason else type(error).__name__,
        traceback="\n".join(lines[-TRACEBACK_LINES:]),
        environment=environment(device),
    )


def _origin(cell: Cell) -> str:
    from bench.core.registry import find

    return find("method", cell.method.name.split("+")[0]).origin
