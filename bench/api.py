"""The Python interface: run, read, compare, reproduce and examine; base classes and decorators for plug-ins.

All of it is available by ``import bench``. Plug-ins import from ``bench`` alone, so that modules can move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.core.errors import BenchError, NotApplicable
from bench.core.paths import allowing_code
from bench.core.registry import add_plugin, application, dataset, features, gan, method, metric, refiner, study
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
from bench.harness.rank import Ranking, rank
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
    "Ranking",
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
    "rank",
    "refiner",
    "reproduce",
    "run",
    "run_suite",
    "study",
]


@dataclass(frozen=True)
class RunResult:
    """The result of a run: its suite, its cells, and one record per cell."""

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
    jobs: int | None = None,
    nonce: str = "",
) -> RunResult:
    """Run a suite, or the part of it that is not stored.

    Args:
        name: a suite's name, or the path of a TOML file.
        budget: "smoke", "cpu" or "paper"; the suite's default if None.
        methods: names of the only methods to run; all methods of the suite if None.
        gans: GANs in place of the suite's: names or labels, or texts for ``bench.harness.suite.parse_choice``.
        seeds: training seeds in place of the suite's.
        plugins: files with further methods.
        store: the store; the user's by default.
        observer: callbacks for progress.
        retry_failed: run failed cells again.
        allow_code: run the code behind GANs that are a factory, a TorchScript or a ``torch.export`` archive.
        jobs: cells that are computed at once, each in processes of its own; 0 runs all stages in this process, where
            a debugger works and plug-ins are marked as measured by themselves.
        nonce: text from which the generated images of a new store are drawn; by chance if empty.

    Raises:
        BenchError: names, options, data or weights are invalid, or a GAN requires ``allow_code``; raised before the
            run starts.
    """
    for path in _paths(plugins):
        add_plugin(path)  # first, since the suite may name what they register
    suite = open_suite(str(name))
    cells = cells_of(suite, budget, methods=methods, gans=gans, seeds=seeds, plugins=_paths(plugins))
    with allowing_code(allow_code):
        done = run_cells(cells, store, observer, retry_failed=retry_failed, jobs=jobs, nonce=nonce)
    return RunResult(suite, cells, done)


def run(name: Place, budget: str | None = None, **options: Any) -> pd.DataFrame:
    """Run a suite and return its results, one row per method and seed; ``options`` are those of ``run_suite``."""
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
    """Return the leaderboards of a suite from stored records, one per dataset and GAN; needs no torch.

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
    """Compare two methods of a suite, paired over the same images and seeds, for each dataset and GAN.

    Args:
        suite: a suite's name, or the path of a TOML file.
        method_a: title of a method in tables, or its name in the suite.
        method_b: title or name of the other method; an advantage is that of a over b.
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
    """Test a GAN for overfitting by inversion of training, unseen and generated images; write a report.

    Args:
        gans: DATASET/NAME of a shipped GAN, ``checkpoint:PATH``, or ``factory:MODULE:FUNCTION``.
        mode: examine one GAN, "compare" several on the same images, or follow a "sweep" of checkpoints.
        plugins: files with further methods or datasets.
        out: folder of the report; one in the cache folder if None.
        allow_code: run the code behind GANs that are a factory or an archive of code.
        store: store of finished images; the user's if None.
        asked: further fields of ``bench.overfit.run.OverfitOptions``: dataset, train, test, n, search, steps ...

    Raises:
        BenchError: names, options, data or the GAN are invalid; nothing is written.
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
    """Run or resume the experiments of a paper's table, or of all its tables that can be run, and compare them.

    Args:
        name: ``dfi/table4``, or a paper for all of its tables.
        budget: "smoke", "cpu" or "paper"; cpu if None.
        dataset: dataset in place of the paper's; then only ranks are compared.
        out: folder of the reports, with a sub-folder per table if there are several.
        observer: callbacks for progress.
        retry_failed: run failed cells again.

    Raises:
        UnknownName: no such paper, table or budget.
        BenchError: no table can be run on this machine; gives the reason.
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
    """Return the verdict on every claim of every paper from stored results; runs no model, needs no torch.

    Args:
        records: one or several folders of results, at any depth; if empty, the local reports.
        paper: name of the only paper; all papers if None.

    Raises:
        UnknownName: no such paper.
        StoreError: a folder does not exist, or a file cannot be read.
    """
    from bench.papers.claims.claim_status import all_claim_results

    return all_claim_results(_paths(records), paper)


def check_method(target: str) -> list[Checked]:
    """Run the contract tests on a method by name, optionally with refiners, or on every method of a plug-in file.

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
