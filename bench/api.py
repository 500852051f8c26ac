"""The suite from Python: run, read, compare, reproduce, examine; and what a plug-in needs. ``import bench`` gives it.

A plug-in imports base classes and decorators from ``bench`` alone, so that rooms can move without breaking it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.core.errors import BenchError, NotApplicable
from bench.core.paths import allowing_code
from bench.core.registry import application, dataset, features, gan, method, metric, refiner, study
from bench.core.types import (
    Capacity,
    Cell,
    Dataset,
    DatasetSource,
    EvalBatch,
    FitData,
    Gan,
    Images,
    Inverter,
    Metric,
    Prior,
    Record,
    Refiner,
)
from bench.harness.lookup import cells_of, stored
from bench.harness.runner import RunCallbacks, run_cells
from bench.harness.store import Store
from bench.harness.suite import Suite, open_suite

if TYPE_CHECKING:
    import pandas as pd

    from bench.harness.method_check import CheckResult as Checked
    from bench.overfit.run import OverfitResult
    from bench.papers.claims.aggregate import ClaimResult
    from bench.papers.reproduce import Reproduction
    from bench.reports.compare import MethodComparison
    from bench.reports.leaderboard import Leaderboard

__all__ = [
    "BenchError",
    "Capacity",
    "Dataset",
    "DatasetSource",
    "EvalBatch",
    "FitData",
    "Gan",
    "Images",
    "Inverter",
    "Metric",
    "NotApplicable",
    "Prior",
    "Record",
    "Refiner",
    "RunResult",
    "application",
    "check_method",
    "claims",
    "compare",
    "dataset",
    "features",
    "gan",
    "leaderboard",
    "method",
    "metric",
    "overfit",
    "refiner",
    "reproduce",
    "run",
    "run_suite",
    "study",
]


@dataclass(frozen=True)
class RunResult:
    """The result of a run: its suite, its cells, and one record a cell."""

    suite: Suite
    cells: list[Cell]
    records: list[Record]

    @property
    def failed(self) -> list[Record]:
        """Records of cells that failed."""
        return [r for r in self.records if r.status == "failed"]


Place = str | Path
"""A file or folder, as a string or as a path."""


def run_suite(
    name: Place,
    budget: str | None = None,
    *,
    methods: Sequence[str] | None = None,
    gans: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    plugins: Sequence[Place] = (),
    store: Store | None = None,
    observer: RunCallbacks | None = None,
    retry_failed: bool = False,
    allow_code: bool = False,
) -> RunResult:
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
    suite = open_suite(str(name))
    cells = cells_of(suite, budget, methods=methods, gans=gans, seeds=seeds, plugins=_paths(plugins))
    with allowing_code(allow_code):
        return RunResult(suite, cells, run_cells(cells, store, observer, retry_failed=retry_failed))


def run(name: Place, budget: str | None = None, **options: Any) -> pd.DataFrame:
    """Run a suite and return its results, one row a method and seed; ``options`` as ``run_suite`` takes them."""
    from bench.reports.frame import frame

    return frame(run_suite(name, budget, **options).records)


def leaderboard(
    suite: Place,
    budget: str | None = None,
    *,
    records: Place | None = None,
    gans: Sequence[str] | None = None,
    plugins: Sequence[Place] = (),
) -> list[Leaderboard]:
    """Leaderboards of a suite from what is stored, one for each dataset and GAN; runs nothing, needs no torch.

    Args:
        suite: a suite's name, or the path of a TOML file.
        budget: "smoke", "cpu" or "paper"; the suite's default if None.
        records: a folder to read records from, in place of the user's store.
        gans: that stood in for the suite's when it was run.
        plugins: files whose methods joined the suite when it was run.

    Raises:
        BenchError: nothing is stored, or records must not share a table.
    """
    from bench.reports.leaderboard import leaderboards

    opened, found, missing = _stored(suite, budget, records=records, gans=gans, plugins=plugins)
    return leaderboards(found, opened.rank_by, opened.title, missing)


def compare(
    suite: Place,
    method_a: str,
    method_b: str,
    budget: str | None = None,
    *,
    records: Place | None = None,
    gans: Sequence[str] | None = None,
    plugins: Sequence[Place] = (),
) -> list[MethodComparison]:
    """Two methods of a suite, paired over the same images and seeds, one comparison for each dataset and GAN.

    Args:
        suite: a suite's name, or the path of a TOML file.
        method_a: as tables print it, or as the suite names it.
        method_b: the other; an advantage is that of a over b.
        budget: "smoke", "cpu" or "paper"; the suite's default if None.
        records: a folder to read records from, in place of the user's store.
        gans: that stood in for the suite's when it was run.
        plugins: files whose methods joined the suite when it was run.

    Raises:
        UnknownName: no such method in the records.
        BenchError: nothing is stored, or records must not share a table.
    """
    from bench.reports.compare import comparisons

    _, found, _ = _stored(suite, budget, records=records, gans=gans, plugins=plugins)
    return list(comparisons(found, method_a, method_b))


def overfit(
    *gans: str,
    mode: Literal["one", "compare", "sweep"] = "one",
    plugins: Sequence[Place] = (),
    out: Path | None = None,
    allow_code: bool = False,
    store: Store | None = None,
    **asked: Any,
) -> OverfitResult:
    """Did a GAN overfit? Inverts training, unseen and generated images; a verdict with its reasons and a report.

    Args:
        gans: DATASET/NAME that ships, ``checkpoint:PATH``, or ``factory:MODULE:FUNCTION``.
        mode: examine one GAN, "compare" several on the same images, or follow a "sweep" of checkpoints.
        plugins: files with further methods or datasets.
        out: folder of the report; one in the cache folder if None.
        allow_code: run the code behind GANs that are a factory or an archive of code.
        store: where finished images are kept; the user's if None.
        asked: dataset, train, test, n, search, steps, budget ...: the fields of ``bench.overfit.run.OverfitOptions``.

    Raises:
        BenchError: something is wrong with names, options, data or the GAN; nothing is written then.
    """
    from bench.overfit.run import examine

    return examine(*gans, mode=mode, plugins=_paths(plugins), out=out, allow_code=allow_code, store=store, **asked)


def reproduce(
    name: str,
    budget: str | None = None,
    *,
    dataset: str | None = None,
    out: Path | None = None,
    observer: RunCallbacks | None = None,
    retry_failed: bool = False,
) -> list[Reproduction]:
    """Run or resume what answers a paper's table, or all tables that can be run here, beside what the paper prints.

    Args:
        name: ``dfi/table4``, or a paper for all of its tables.
        budget: "smoke", "cpu" or "paper"; cpu if None.
        dataset: in place of the paper's data; then orders alone are compared.
        out: folder of the reports, with a sub-folder a table if there are several.
        observer: who is told how it goes.
        retry_failed: run failed cells again.

    Raises:
        UnknownName: no such paper, table or budget.
        BenchError: nothing of it can be run here; says why.
    """
    from bench.papers.listing import to_run
    from bench.papers.reproduce import reproduce as run_table

    paper, tables = to_run(name, budget, dataset, lambda line: None)
    return [
        run_table(
            paper,
            table,
            budget,
            dataset=dataset,
            out=out if len(tables) == 1 or out is None else out / table.slug,
            observer=observer,
            retry_failed=retry_failed,
        )
        for table in tables
    ]


def claims(records: Place | Sequence[Place] = (), paper: str | None = None) -> dict[str, list[ClaimResult]]:
    """The verdict on every claim of every paper, from what is stored; runs no model, needs no torch.

    Args:
        records: a folder with results at any depth, or several; those of this machine if there are none.
        paper: this one alone.

    Raises:
        UnknownName: no such paper.
        StoreError: a folder that is not there, or a file that cannot be read.
    """
    from bench.papers.claims.claim_status import all_rulings

    return all_rulings(_paths(records), paper)


def check_method(target: str) -> list[Checked]:
    """Run the contract tests on a method by name, perhaps with refiners, or on every method of a plug-in file.

    Raises:
        BenchError: no such method or file.
    """
    from bench.harness.method_check import check_method as check

    return list(check(target))


def _paths(places: Place | Sequence[Place]) -> list[Path]:
    return [Path(places)] if isinstance(places, str | Path) else [Path(place) for place in places]


def _stored(
    suite: Place, budget: str | None, records: Place | None, gans: Sequence[str] | None, plugins: Sequence[Place]
) -> tuple[Suite, list[Record], list[Cell]]:
    folder = None if records is None else Path(records)
    return stored(str(suite), budget, folder=folder, plugins=_paths(plugins), gans=gans or ())
