"""The context shared by the stages of all cells: the store, the device, cached objects, seeds and runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.core.declared import canonical_choice
from bench.core.files import digest
from bench.core.options import create
from bench.core.run_context import Progress, RunContext, silent
from bench.core.types import Cell, Dataset
from bench.gans.zoo import without_pick
from bench.harness.clock import Clock, OwnClock
from bench.harness.file_watch import FileWatch
from bench.harness.store import Store


@dataclass
class HarnessContext:
    """The context of all cells of a run: store, device, progress, and the last GAN and dataset, cached in memory.

    Attributes:
        store: the store.
        device: "cpu" or "cuda".
        progress: callback for progress.
        clock: measures the cost of stages; the process itself, unless a process outside of it does.
        watch: notes the files that a method opens.
        isolated: True in a process that runs no other method.
        apart: True if methods run in other processes than those that measure.
    """

    store: Store
    device: str
    progress: Progress = silent
    clock: Clock = field(default_factory=OwnClock)
    watch: FileWatch = field(default_factory=FileWatch)
    isolated: bool = False
    apart: bool = False
    _kept: dict[str, tuple[str, Any]] = field(default_factory=dict)

    def keep(self, what: str, key: str, make: Callable[[], Any]) -> Any:
        """Return the cached object of this key; only the latest object of each kind is cached."""
        if self._kept.get(what, ("", None))[0] != key:
            self._kept.pop(what, None)
            self._kept[what] = (key, make())
        return self._kept[what][1]

    def forget(self, what: str) -> None:
        """Drop the cached object of a kind."""
        self._kept.pop(what, None)


def seed_of(stage: str, cell: Cell) -> int:
    """Return the 63-bit seed of a stage: a hash of names, options and the cell's seed, independent of the code.

    An option that is written out at its default gives the seed that it gives when it is left out.

    Stages that cells share have the same seed in each: "train", "own" and "sample" depend on dataset and GAN, "fit"
    also on the method without its refiners, "invert" on the whole method, and "own" on the cell's nonce.
    """
    whole, (method, base), options = _method(cell)
    own = [cell.nonce] if cell.nonce else []
    extra = {"train": [], "own": own, "sample": [], "fit": [method, base], "invert": [whole, options]}[stage]
    data = list(canonical_choice("dataset", cell.dataset.name, cell.dataset.options))
    gan = list(canonical_choice("gan", without_pick(cell.gan.name), cell.gan.options))
    return int(digest([stage, data, gan, extra, cell.seed]), 16) & (2**63 - 1)


def _method(cell: Cell) -> tuple[str, tuple[str, dict[str, Any]], dict[str, Any]]:
    """Return name of the method, name and options of its base, and all options; without those at their defaults."""
    name, *refiners = cell.method.name.split("+")
    given = cell.method.options
    base, options = canonical_choice("method", name, {k: v for k, v in given.items() if k not in refiners})
    refined = [(r, *canonical_choice("refiner", r, given.get(r, {}))) for r in refiners]
    tables = {r: table for r, _, table in refined if table}
    return "+".join([base, *(found for _, found, _ in refined)]), (base, options), options | tables


def load_data(bench: HarnessContext, cell: Cell) -> Dataset:
    """Return the cell's dataset, cached in memory between cells."""
    name = digest([cell.dataset.name, dict(cell.dataset.options)])

    def load() -> Dataset:
        with bench.watch.noting_data():
            data: Dataset = create("dataset", cell.dataset.name, cell.dataset.options).load()
        return data

    loaded: Dataset = bench.keep("data", name, load)
    return loaded


def open_run(bench: HarnessContext, cell: Cell, key: str, stage: str) -> RunContext:
    """Return the run context of one stage of a cell: budget, seed, device, checkpoint and deadline."""
    return RunContext(
        cell.budget,
        seed_of(stage, cell),
        device=bench.device,
        checkpoint=bench.store.checkpoint(stage, key),
        progress=bench.progress,
        deadline=time.monotonic() + cell.budget.timeout,
    )
