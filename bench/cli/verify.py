"""The command ``ganinv verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import console
from bench.cli.options import AllowCode, Plugins


def verify(
    folder: Annotated[
        Path,
        typer.Argument(metavar="RECORDS", help="Folder of results: a report, a store, or a folder of these."),
    ],
    sample: Annotated[
        int,
        typer.Option(min=0, help="Images of each record whose metrics are recomputed from its codes; 0 for none."),
    ] = 20,
    rerun: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="CELLS",
            help="Cells of each folder that are fitted, inverted and measured again with other seeds and another "
            "nonce. Default: none.",
        ),
    ] = 0,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Seed of the sample of records, images and cells. Default: drawn by chance."),
    ] = None,
    receipt: Annotated[
        Path | None, typer.Option(help="File to which a receipt (JSON) with hashes of all records is written.")
    ] = None,
    plugin: Plugins = None,
    allow_code: AllowCode = False,
) -> None:
    """Check anybody's records: checksums, summaries, leaderboards, and metrics recomputed from stored codes.

    Prints a line for each check. Exit code 0: all good; 1: a check failed; 3: nothing failed, but codes, a generator
    or a dataset are not here.

    Examples:  ganinv verify results/acyclic    |    ganinv verify their-results --rerun 3 --receipt receipt.json
    """
    from bench.core.paths import allowing_code
    from bench.harness.experiment import open_plugins
    from bench.harness.verification.receipt import write_receipt
    from bench.harness.verification.verify import verify as run

    open_plugins(plugin or [])
    with console.interruptible(), allowing_code(allow_code):
        done = run(folder, sample, seed, rerun=rerun, told=lambda finding: console.note(finding.line))
    if receipt is not None:
        write_receipt(done, receipt)
        console.note(f"receipt: {receipt}")
    raise typer.Exit(done.exit_code)
