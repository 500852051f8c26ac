"""Execution of a plan of cells: stored cells are skipped, failures are recorded, progress is reported."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bench.core.errors import BenchError, StoreError, WeightsError
from bench.core.paths import code_allowed
from bench.core.paths import device as chosen_device
from bench.core.registry import plugin_files
from bench.core.types import Cell, Record
from bench.datasets.catalogue import open_here
from bench.gans.zoo import gan_file, runs_code
from bench.harness.executor import (
    MEASURE,
    STAGES,
    STRANGERS,
    SUITE,
    Executor,
    InProcess,
    StageFailure,
    StageName,
    StageOutcome,
    StageTask,
)
from bench.harness.keys import KeyMaker, Keys, cell_facts
from bench.harness.nonce import draw_nonce, nonce_of
from bench.harness.origins import plugin_of, refuse_shared_files
from bench.harness.store import Busy, Store
from bench.metrics.weights import weights_available

if TYPE_CHECKING:
    from bench.core.run_context import Progress

JOBS = 1
"""Cells that a run computes at once, unless it is told otherwise."""
MEASURED_AHEAD = 2
"""Cells that may wait for their measuring while others are computed."""


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
    printed: Callable[[str], None] = lambda text: print(text, end="", file=sys.stderr)


def plan(cells: Sequence[Cell], store: Store) -> list[Planned]:
    """Return the keys and stored records of cells; needs no torch.

    Raises:
        ContractError: a plug-in file registers a method of a cell and something that measures it.
        DataError: a dataset is missing; the message states how to get it.
        WeightsError: weights of a metric's network are missing; the message names the file, its folder and source.
    """
    for choice in {c.dataset.name: c.dataset for c in cells}.values():
        open_here(choice)
    for name in sorted({m for c in cells for m in c.metrics}):
        reason = weights_available(name)
        if reason:
            raise WeightsError(f"metric {name}: {reason}")
    refuse_shared_files(cells)
    maker, nonce = KeyMaker(), nonce_of(store)
    cells = [cell if cell.nonce else replace(cell, nonce=nonce) for cell in cells]
    keys = [maker.keys(cell) for cell in cells]
    return [Planned(cell, each, store.record(each.cell)) for cell, each in zip(cells, keys, strict=True)]


def run_cells(
    cells: Sequence[Cell],
    store: Store | None = None,
    observer: RunCallbacks | None = None,
    *,
    retry_failed: bool = False,
    jobs: int | None = None,
    nonce: str = "",
) -> list[Record]:
    """Run the cells that are not stored; return the record of every cell, in order.

    A cell that fails is recorded and the others go on. Cells that another process is working on are taken last.

    Args:
        cells: cells; those without a nonce get that of the store.
        store: the store; the user's by default.
        observer: callbacks.
        retry_failed: run failed cells again.
        jobs: cells that are computed at once; 0 runs all stages in this process, where methods share it with the
            measuring (for debugging). ``JOBS`` by default.
        nonce: text from which generated images are drawn in a store that has none yet; by chance if empty, and if a
            cell needs one.

    Raises:
        BenchError: something is wrong before work starts (data, weights, options), or the store cannot be written.
    """
    store, observer, jobs = store or Store(), observer or RunCallbacks(), JOBS if jobs is None else jobs
    planned = plan(cells, store)
    if nonce or any(p.record is None and not p.cell.nonce for p in planned):
        draw_nonce(store, nonce)
        planned = plan(cells, store)
    observer.plan(planned)
    waiting = [p for p in planned if p.record is None or (retry_failed and p.record.status == "failed")]
    records = {p.keys.cell: p.record for p in planned if p.record is not None}
    if waiting:
        executor = _executor(store, observer, jobs)
        try:
            records |= Schedule(waiting, store, observer, executor=executor, retry=retry_failed, jobs=jobs).run()
        finally:
            executor.close()
    return [records[p.keys.cell] for p in planned]


def _executor(store: Store, observer: RunCallbacks, jobs: int) -> Executor:
    if jobs:
        from bench.harness.processes import LocalProcesses

        return LocalProcesses(
            store.root,
            chosen_device(),
            plugins=plugin_files(),
            allow_code=code_allowed(),
            progress=observer.progress or (lambda *given: None),
            printed=observer.printed,
        )
    from bench.core.environment import prepare_device
    from bench.core.run_context import silent
    from bench.harness.context import HarnessContext
    from bench.harness.stages import run_stage

    bench = HarnessContext(store, chosen_device(), observer.progress or silent)
    prepare_device(bench.device)
    return InProcess(partial(run_stage, bench), bench.device)


@dataclass
class _Chain:
    """A cell at work: the stages that remain, and the lock that keeps other processes from it."""

    item: Planned
    stages: deque[StageName]
    inside: ExitStack
    slot: int


class Schedule:
    """The stages of waiting cells, handed to an executor: each cell's in turn, measuring beside the next cell's.

    Args:
        waiting: cells without a record.
        store: the store.
        observer: callbacks.
        executor: runs the stages.
        retry: run failed cells again.
        jobs: cells that are computed at once.
    """

    def __init__(
        self,
        waiting: Sequence[Planned],
        store: Store,
        observer: RunCallbacks,
        *,
        executor: Executor,
        retry: bool,
        jobs: int,
    ) -> None:
        self.waiting, self.store, self.observer, self.executor = list(waiting), store, observer, executor
        self.retry, self.jobs = retry, max(1, jobs)
        self.records: dict[str, Record] = {}
        self._chains: dict[str, _Chain] = {}
        self._number = 0

    def run(self) -> dict[str, Record]:
        """Run all of them; return the records by key.

        Raises:
            BenchError: an option of a method of the suite or a GAN of the user is faulty, before anything is
                trained; or the store cannot be written.
        """
        self._open()
        elsewhere: list[Planned] = []
        queue = deque(self.waiting)
        with ExitStack() as all_locks:
            while queue or self._chains:
                while queue and len(self._computing()) < self.jobs and len(self._chains) < self.jobs + MEASURED_AHEAD:
                    item = queue.popleft()
                    if not self._begin(item, all_locks, wait=False):
                        elsewhere.append(item)
                if self._chains:
                    self._proceed(self.executor.wait())
            for item in elsewhere:
                self.observer.waiting(item.cell)
                self._begin(item, all_locks, wait=True)
                while self._chains:
                    self._proceed(self.executor.wait())
        return self.records

    def _open(self) -> None:
        """Build every recipe and method of the suite, and open every GAN that is code of the user, before work."""
        facts = [cell_facts(p.cell) for p in self.waiting]
        stated = [json.dumps([each["gan"], each["method"]], sort_keys=True) for each in facts]
        tasks = [self._task(item, "open") for item in dict(zip(stated, self.waiting, strict=True)).values()]
        gans = {p.keys.train: p for p in self.waiting if runs_code(p.cell.gan.name)}
        for task in (*tasks, *(self._task(item, "train") for item in gans.values())):
            self.executor.submit(task)
            failure = self.executor.wait().failure
            if failure is not None:
                raise BenchError(failure.reason)

    def _begin(self, item: Planned, all_locks: ExitStack, *, wait: bool) -> bool:
        """Begin a cell; return False if another process is working on it."""
        inside = ExitStack()
        try:
            inside.enter_context(self.store.lock("cell", item.keys.cell, wait=wait))
        except Busy:
            return False
        all_locks.callback(inside.close)
        stored = self.store.record(item.keys.cell)
        if stored and not (self.retry and stored.status == "failed"):
            self.records[item.keys.cell] = stored  # by another process, after the plan was made
            inside.close()
            return True
        if stored:
            self.store.remove_record(item.keys.cell)
            self.store.forget_failure("train", item.keys.train)
        self._number += 1
        self.observer.started(item.cell, self._number, len(self.waiting))
        slot = min(set(range(self.jobs)) - {chain.slot for chain in self._computing()}, default=0)
        self._chains[item.keys.cell] = chain = _Chain(item, deque(self._stages(item)), inside, slot)
        self.executor.submit(self._task(item, chain.stages.popleft(), slot))
        return True

    def _stages(self, item: Planned) -> Sequence[StageName]:
        """Return the stages that are not stored; one whose artefact is damaged is run again by the next stage."""
        if self.store.has("invert", item.keys.invert):
            return ("measure",)
        trained = gan_file(item.cell.gan.name) is not None or self.store.has("train", item.keys.train)
        stages: list[StageName] = ["draw"] if plugin_of(item.cell) else []
        return [*(() if trained else STAGES[:1]), *stages, *STAGES[1:]]

    def _proceed(self, outcome: StageOutcome) -> None:
        """Submit the next stage of a cell, or end the cell."""
        chain = self._chains[outcome.task.keys.cell]
        failure = outcome.failure
        if outcome.task.lane.startswith(STRANGERS) and (failure or chain.stages[0] == "measure"):
            self.executor.retire(outcome.task.lane)
        if failure is None and chain.stages:
            self.executor.submit(self._task(chain.item, chain.stages.popleft(), chain.slot))
            return
        if failure is not None and failure.ends_the_run:
            raise StoreError(failure.reason)
        if failure is not None:
            self.store.put_record(failed_record(chain.item, failure))
        record = self.store.record(outcome.task.keys.cell)  # as a later report reads it, so that both print the same
        assert record is not None, outcome.task.keys.cell
        self.records[record.key] = record
        del self._chains[record.key]
        chain.inside.close()
        self.observer.finished(chain.item.cell, record)

    def _computing(self) -> list[_Chain]:
        """Return the cells that are not yet measured."""
        return [chain for chain in self._chains.values() if chain.stages]

    def _task(self, item: Planned, stage: StageName, slot: int = 0) -> StageTask:
        lane = MEASURE if stage in {"draw", "measure"} else f"{SUITE} {slot}"
        if stage in {"fit", "invert"} and plugin_of(item.cell):
            lane = f"{STRANGERS} {item.keys.cell}"
        return StageTask(stage, item.cell, item.keys, lane)


def failed_record(item: Planned, failure: StageFailure) -> Record:
    """Return the record of a failed cell, with the reason and the end of the traceback."""
    return Record(
        key=item.keys.cell,
        cell=cell_facts(item.cell),
        status=failure.status,
        reason=failure.reason,
        traceback=failure.traceback,
        environment=dict(failure.environment or {}),
    )
