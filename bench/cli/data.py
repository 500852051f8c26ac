"""The commands ``ganinv data ...`` and ``ganinv new ...``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import console

data_app = typer.Typer(help="Datasets: what is here, and how to get the rest.", no_args_is_help=True)
new_app = typer.Typer(help="Write a new method.", no_args_is_help=True)


@data_app.command("list")
def data_list() -> None:
    """Show which datasets are here, and which are not and why."""
    from bench.datasets.catalogue import catalogue

    rows = [(s.name, "here" if s.available else "not here", s.place) for s in catalogue()]
    console.table("datasets", ("name", "", "where, or why not"), rows)


@data_app.command("get")
def data_get(name: str) -> None:
    """Fetch a dataset into the data folder, if it is not here already.

    Example:  ganinv data get fashion-mnist
    """
    from bench.datasets.catalogue import get

    console.note(f"{name}: {get(name)}")


@data_app.command("picture")
def data_picture(
    name: Annotated[str, typer.Argument(help="A dataset; options follow a '?'.")],
    out: Annotated[Path, typer.Option("--out", help="The PNG to write.")],
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
) -> None:
    """Draw the first 64 images of a dataset.

    Example:  ganinv data picture drawn-faces --out faces.png
    """
    from bench.harness.dataset_tools import picture_dataset

    console.note(f"wrote {picture_dataset(name, out, split)}")


@new_app.command("method")
def new_method(name: str, folder: Annotated[Path, typer.Option(help="Where to write.")] = Path()) -> None:
    """Write a working method and its test, ready to change.

    Example:  ganinv new method my_method
    """
    from bench.harness.scaffold import new_method as write

    method, test = write(name, folder)
    console.note(f"wrote {method} and {test}")
    console.note(f"next:  ganinv check {method}    then    ganinv run quickstart --plugin {method}")
