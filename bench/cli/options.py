"""Arguments and options that several commands of ``ganinv`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SuiteName = Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, or the path of a TOML file.")]
BudgetName = Annotated[
    str | None, typer.Option("--budget", help="smoke, cpu or paper; the suite's default if left out.")
]
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="A Python file with further methods (runs its code).")
]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Run the code behind GANs named factory:MODULE:FUNCTION (that module) or checkpoint:FILE.pt, .pth, .ts, "
        ".pt2 (that file). It may do anything that you may: only for code that you trust.",
    ),
]
Gans = Annotated[
    list[str] | None,
    typer.Option(
        "--gan",
        help="In place of the suite's GANs: a name of the suite or of 'ganinv list gans', checkpoint:PATH, or "
        "factory:MODULE:FUNCTION; options follow a '?': lsgan?width=32&batch=64. May be given several times.",
    ),
]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for the reports.")]
Records = Annotated[Path | None, typer.Option("--records", help="Read records from this folder, not from the store.")]
