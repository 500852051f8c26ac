"""The command ``ganinv pack``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import console


def pack(
    folder: Annotated[
        Path, typer.Argument(help="Folder of records, or one that contains such folders at any depth.")
    ],
    images: Annotated[
        int, typer.Option(min=0, help="Largest number of images that each folder of records keeps, targets included.")
    ] = 100,
) -> None:
    """Pack stored records into a few small files; every command reads them as before.

    Records and per-image values keep every bit. Of the pictures the first ones of each record stay, of codes none.
    PNG files in the folder are re-encoded without loss.

    Example:  ganinv pack results
    """
    from bench.core.png import shrink_figures
    from bench.harness.packing import pack_below

    for done in pack_below(folder, images):
        dropped = f" ({done.without} records keep none)" if done.without else ""
        size = f"{done.before / 1e6:.2f} MB -> {done.after / 1e6:.2f} MB"
        console.note(f"{done.folder}: {done.records} records, {done.kept} images kept{dropped}, {size}")
    before, after = shrink_figures(folder)
    console.note(f"figures: {before / 1e6:.2f} MB -> {after / 1e6:.2f} MB")
