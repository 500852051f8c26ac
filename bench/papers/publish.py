"""From a suite and its records to what people read: tables on screen, reports on disk, comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api import look_up
from bench.core.errors import BenchError, unknown
from bench.core.files import digest
from bench.core.types import Budget, Cell, Dataset, Images, Record
from bench.harness.store import copy_records, read_records
from bench.harness.suite import Suite, open_suite, parse_choice, parse_options

if TYPE_CHECKING:
    from rich.table import Table

    from bench.harness.runner import Observer

SPLITS = ("train", "val", "test")
PICTURED = 64
"""Images in the picture of a dataset."""


def stored(
    suite: str, budget: str | None, folder: Path | None, plugins: Sequence[Path] = (), gans: Sequence[str] = ()
) -> tuple[Suite, list[Record], list[Cell]]:
    """A suite, its stored records, and the cells that are missing.

    Args:
        suite: name or path.
        budget: name, or None for the suite's default.
        folder: read every record of this folder, whatever its key; None reads the store.
        plugins: files whose methods joined the suite when it was run.
        gans: GANs that stood in for the suite's when it was run.

    Raises:
        BenchError: nothing is stored.
    """
    if folder is not None:
        opened = open_suite(suite)
        return opened, sorted(read_records(folder), key=partial(_place, opened)), []
    opened, planned = look_up(suite, budget, gans=gans, plugins=plugins)
    records = [p.record for p in planned if p.record is not None]
    if not records:
        raise BenchError(
            f"suite {suite}, budget {planned[0].cell.budget.name}: nothing is stored; ganinv run {suite}"
        )
    return opened, records, [p.cell for p in planned if p.record is None]


def _place(suite: Suite, record: Record) -> tuple[int, int, int, int]:
    """Where a record stands among those of its suite: datasets, then GANs, then seeds, then methods."""
    parts = {"dataset": suite.datasets, "gan": suite.gans, "method": suite.methods}
    titles = {kind: [entrant.title for entrant in entrants] for kind, entrants in parts.items()}
    mine = {kind: record.cell[kind].get("label") or record.cell[kind]["name"] for kind in parts}
    dataset, gan, method = (known.index(mine[k]) if mine[k] in known else len(known) for k, known in titles.items())
    return dataset, gan, int(record.cell["seed"]), method


def publish(suite: Suite, records: Sequence[Record], folder: Path, missing: Sequence[Cell] = ()) -> list[Table]:
    """Write every report of a suite into a folder, with the records it is drawn from in ``records/``.

    Returns:
        The leaderboards that have a row, as terminal tables.
    """
    from bench.papers.claims.spec import printed_table
    from bench.reports.leaderboard import leaderboards
    from bench.reports.terminal import terminal
    from bench.reports.write import write_reports

    boards = leaderboards(records, suite.rank_by, suite.title, missing)
    write_reports(
        records,
        folder,
        title=suite.title,
        rank_by=suite.rank_by,
        missing=missing,
        claims=claims_file(suite),
        published=[printed_table(name, str(suite.path)) for name in suite.published],
    )
    copy_records(records, folder / "records")
    return [terminal(board) for board in boards if board.rows]


def text_report(suite: Suite, records: Sequence[Record], fmt: str, missing: Sequence[Cell] = ()) -> str:
    """The leaderboards of a suite as Markdown, CSV, LaTeX or JSON."""
    from bench.reports.leaderboard import leaderboards
    from bench.reports.render import render

    return render(leaderboards(records, suite.rank_by, suite.title, missing), fmt)


def claims_file(suite: Suite) -> Path | None:
    """The claims file that a suite answers, beside the suite's file.

    Raises:
        BenchError: the suite names a file that is not there.
    """
    if not suite.claims:
        return None
    path = suite.path.parent / suite.claims
    if not path.is_file():
        raise BenchError(f"{suite.path}: claims file {path} is not there")
    return path


def train_domain_classifier(
    dataset: str, out: Path | None, observer: Observer, recipe: str = ""
) -> tuple[Path, float]:
    """Train the classifier of a dataset, save its weights, and return their place and the test accuracy.

    An interrupted training goes on from its checkpoint.

    Args:
        dataset: name, then perhaps options: ``celeba?size=128``.
        out: folder for the weights; None for the one where ``trained:DATASET`` looks.
        observer: is shown the progress.
        recipe: options in place of the recipe's defaults: ``epochs=6&rate=2e-3``.

    Raises:
        BenchError: the dataset has neither labels nor attributes, or cannot be loaded; an option is wrong.
    """
    from bench.core.environment import prepare_device
    from bench.core.options import build, create
    from bench.core.paths import device
    from bench.core.run_context import Run, silent
    from bench.metrics.classifier import recipe_kind, save_classifier, train_classifier
    from bench.metrics.weights import classifier_file, classifiers_folder

    prepare_device(device())
    choice = parse_choice(dataset, "dataset")
    options = parse_options(recipe.split("&") if recipe else (), "--recipe")
    data: Dataset = create("dataset", choice.name, choice.options).load()
    chosen = build(recipe_kind(data), "recipe", options)
    path = (out or classifiers_folder()) / classifier_file(choice.name)
    budget = Budget("classifier", 0, 0, 0, 0, 0, 0, 0, timeout=float("inf"))
    checkpoint = classifiers_folder() / f"{path.stem}-{digest([data.train.checksum, repr(chosen)])}.checkpoint"
    run = Run(budget, seed=0, device=device(), checkpoint=checkpoint, progress=observer.progress or silent)
    network = train_classifier(data.without_test(), run, chosen)
    metadata = save_classifier(path, network, data, run.seed, chosen)
    return path, float(metadata["test_accuracy"])


def picture_dataset(dataset: str, out: Path, split: str) -> Path:
    """Draw the first 64 images of a dataset as PNG, eight in a row.

    Args:
        dataset: name, then perhaps options: ``celeba?size=128``.
        out: the file to write.
        split: "train", "val" or "test".

    Raises:
        BenchError: there is no such split, the dataset holds no pictures or cannot be loaded, or the file cannot be
            written.
    """
    from torchvision.utils import save_image

    from bench.core.files import writing
    from bench.core.options import create

    if split not in SPLITS:
        raise unknown("split", split, SPLITS, "--split")
    choice = parse_choice(dataset, "dataset")
    images: Images = getattr(create("dataset", choice.name, choice.options).load(), split)
    if not images.is_picture:
        raise BenchError(f"dataset {dataset}: holds points, not pictures")
    with writing(out) as temporary:
        shown = images.floats(slice(0, PICTURED))
        save_image(shown, temporary, "png", nrow=8, padding=1, normalize=True, value_range=(-1, 1))
    return out
