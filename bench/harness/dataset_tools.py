"""Tools for one dataset: train its classifier, draw its images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import BenchError, unknown
from bench.core.files import digest
from bench.core.types import Budget, Dataset, Images
from bench.harness.suite import parse_choice, parse_options

if TYPE_CHECKING:
    from bench.harness.runner import RunCallbacks

SPLITS = ("train", "val", "test")
PICTURED = 64
"""Number of images in the picture of a dataset."""


def train_domain_classifier(
    dataset: str, out: Path | None, observer: RunCallbacks, recipe: str = ""
) -> tuple[Path, float]:
    """Train the classifier of a dataset, save its weights, and return their path and the test accuracy.

    An interrupted training resumes from its checkpoint.

    Args:
        dataset: name, then perhaps options: ``celeba?size=128``.
        out: folder for the weights; None for the folder from which ``trained:DATASET`` is read.
        observer: callbacks for progress.
        recipe: options in place of the recipe's defaults: ``epochs=6&rate=2e-3``.

    Raises:
        BenchError: the dataset has neither labels nor attributes, or cannot be loaded; an option is wrong.
    """
    from bench.core.environment import prepare_device
    from bench.core.options import build, create
    from bench.core.paths import device
    from bench.core.run_context import RunContext, silent
    from bench.metrics.classifier import recipe_kind, save_classifier, train_classifier
    from bench.metrics.weights import classifier_file, classifiers_folder

    prepare_device(device())
    choice = parse_choice(dataset, "dataset")
    options = parse_options(recipe.split("&") if recipe else (), "--recipe")
    data: Dataset = create("dataset", choice.name, choice.options).load()
    chosen = build(recipe_kind(data), "recipe", options)
    path = (out or classifiers_folder()) / classifier_file(choice.name)
    budget = Budget(
        "classifier",
        0,
        test_images=0,
        own_images=0,
        train_steps=0,
        fit_steps=0,
        search_steps=0,
        refine_steps=0,
        timeout=float("inf"),
    )
    checkpoint = classifiers_folder() / f"{path.stem}-{digest([data.train.checksum, repr(chosen)])}.checkpoint"
    run = RunContext(budget, seed=0, device=device(), checkpoint=checkpoint, progress=observer.progress or silent)
    network = train_classifier(data.without_test(), run, chosen)
    metadata = save_classifier(path, network, data=data, seed=run.seed, recipe=chosen)
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
