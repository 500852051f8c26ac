"""The commands ``ganinv data ...``, ``ganinv train-classifier`` and ``ganinv new ...``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import console
from bench.cli.options import ModelsOut

data_app = typer.Typer(help="List, download and draw datasets.", no_args_is_help=True)
new_app = typer.Typer(help="Write a new method.", no_args_is_help=True)


@data_app.command("list")
def data_list() -> None:
    """List the datasets and their folders; for a missing dataset, the reason."""
    from bench.datasets.catalogue import catalogue

    rows = [(s.name, "here" if s.available else "not here", s.place) for s in catalogue()]
    console.table("datasets", ("name", "", "where, or why not"), rows)


@data_app.command("get")
def data_get(name: Annotated[str, typer.Argument(help="Name of a dataset in 'ganinv data list'.")]) -> None:
    """Fetch a dataset into the data folder, if it is not here already.

    Example:  ganinv data get fashion-mnist
    """
    from bench.datasets.catalogue import get

    console.note(f"{name}: {get(name)}")


@data_app.command("picture")
def data_picture(
    name: Annotated[str, typer.Argument(help="Name of a dataset; options follow a '?'.")],
    out: Annotated[Path, typer.Option("--out", help="PNG file to write.")],
    split: Annotated[str, typer.Option(help="Part of the dataset: train, val or test.")] = "test",
) -> None:
    """Draw the first 64 images of a dataset.

    Example:  ganinv data picture drawn-faces --out faces.png
    """
    from bench.harness.dataset_tools import picture_dataset

    console.note(f"wrote {picture_dataset(name, out, split)}")


def train_classifier(
    dataset: Annotated[str, typer.Argument(help="Dataset with labels or attributes; options follow a '?'.")],
    out: ModelsOut = None,
    recipe: Annotated[
        str, typer.Option(help="Training options: epochs=6&rate=2e-3&cycle=true. Default: those of the recipe.")
    ] = "",
) -> None:
    """Train the small classifier of a dataset's labels or attributes; metrics use it as network trained:DATASET.

    Example:  ganinv train-classifier celeba    |    ganinv train-classifier fashion-mnist --out models/
    """
    from bench.harness.dataset_tools import train_domain_classifier

    with console.interruptible(), console.RunDisplay() as display:
        path, accuracy = train_domain_classifier(dataset, out, display.observer(), recipe)
    console.note(f"test accuracy {accuracy:.4f}; weights: {path}")


@new_app.command("method")
def new_method(
    name: Annotated[str, typer.Argument(help="Name of the method: lower-case letters, digits and underscores.")],
    folder: Annotated[Path, typer.Option(help="Folder to which both files are written.")] = Path(),
) -> None:
    """Write a working method and its test, ready to change.

    Example:  ganinv new method my_method
    """
    from bench.harness.scaffold import new_method as write

    method, test = write(name, folder)
    console.note(f"wrote {method} and {test}")
    console.note(f"next:  ganinv check {method}    then    ganinv rank {method}")
