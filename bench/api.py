"""The suite from Python: run, read and compare. The command line calls these same functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.paths import allowing_code
from bench.core.types import Cell, Record
from bench.harness.lookup import cells_of
from bench.harness.runner import Observer, run_cells
from bench.harness.store import Store
from bench.harness.suite import Suite, open_suite

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Outcome:
    """What a run left: its suite, its cells, and one record a cell."""

    suite: Suite
    cells: list[Cell]
    records: list[Record]

    @property
    def failed(self) -> list[Record]:
        """Records of cells that failed."""
        return [r for r in self.records if r.status == "failed"]


def run_suite(
    name: str,
    budget: str | None = None,
    *,
    methods: Sequence[str] | None = None,
    gans: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    plugins: Sequence[Path] = (),
    store: Store | None = None,
    observer: Observer | None = None,
    retry_failed: bool = False,
    allow_code: bool = False,
) -> Outcome:
    """Run a suite, or the part of it that is not stored.

    Args:
        name: a suite's name, or the path of a TOML file.
        budget: "smoke", "cpu" or "paper"; the suite's default if None.
        methods: only these.
        gans: in place of the suite's: names or labels, or as ``bench.harness.suite.parse_choice`` takes them.
        seeds: in place of the suite's.
        plugins: files with further methods.
        store: the user's by default.
        observer: who is told how it goes.
        retry_failed: run failed cells again.
        allow_code: run the code behind GANs that are a factory, a TorchScript or a ``torch.export`` archive.

    Raises:
        BenchError: something is wrong before work starts; without ``allow_code`` also such a GAN.
    """
    suite = open_suite(name)
    cells = cells_of(suite, budget, methods=methods, gans=gans, seeds=seeds, plugins=plugins)
    with allowing_code(allow_code):
        return Outcome(suite, cells, run_cells(cells, store, observer, retry_failed=retry_failed))


def run(name: str, budget: str | None = None, **options: Any) -> pd.DataFrame:
    """Run a suite and return its results, one row a method and seed; ``options`` as ``run_suite`` takes them."""
    from bench.reports.frame import frame

    return frame(run_suite(name, budget, **options).records)
