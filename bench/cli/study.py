"""The commands ``ganinv study`` and ``ganinv studies``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import console
from bench.cli.options import AllowCode, Out, Plugins


def study(
    name: Annotated[str, typer.Argument(metavar="STUDY", help="Name of a study in 'ganinv list studies'.")],
    dataset: Annotated[
        str | None, typer.Option(help="Dataset; options follow a '?'. Default: that of the study.")
    ] = None,
    network: Annotated[str, typer.Option(help="Feature network of the metrics. Default: those of the papers.")] = "",
    images: Annotated[int, typer.Option(help="Number of test images; 0: 10,000, or all if there are fewer.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 0,
    option: Annotated[
        list[str] | None, typer.Option(help="Option of the study, KEY=VALUE. May be given several times.")
    ] = None,
    plugin: Plugins = None,
    out: Out = None,
    allow_code: AllowCode = False,
) -> None:
    """Run a study of the metrics, with a table, a figure and verdicts on the papers' claims.

    Examples:  ganinv study fish-eye --network fashion-mnist-cnn    |    ganinv show study translation
    |    ganinv study translation --dataset celeba?crop=full --option canvas=crop --option window=128
    """
    from bench.harness.experiment import silent
    from bench.studies.publish import run_study, terminal

    with console.interruptible(), console.RunDisplay() as display:
        result, folder = run_study(
            name,
            dataset=dataset,
            network=network,
            images=images,
            seed=seed,
            options=option or [],
            plugins=plugin or [],
            out=out,
            progress=display.observer().progress or silent,
            allow_code=allow_code,
        )
    for table in terminal(result):
        console.show(table)
    console.note(f"\nTable, figure and verdicts: {folder}")
    console.note(f"Next: {result.advice}")


def studies(folder: Annotated[Path, typer.Argument(help="Folder whose sub-folders contain studies.")]) -> None:
    """Write the page that lists the studies of a folder with their verdicts and figures; runs nothing.

    Example:  ganinv studies results/studies
    """
    from bench.studies.index import write_index

    console.note(f"wrote {write_index(folder)}")
