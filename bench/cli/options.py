"""Arguments and options that several commands of ``ganinv`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SuiteName = Annotated[str, typer.Argument(metavar="SUITE", help="Name of a suite, or path of a suite file (TOML).")]
BudgetName = Annotated[
    str | None,
    typer.Option("--budget", help="Size of the run: smoke, cpu or paper. Default: that of the suite."),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        help="Python file that registers further methods, GANs, metrics or datasets; its code is run. "
        "May be given several times.",
    ),
]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Allow GANs that run code of their own: factory:MODULE:FUNCTION, or checkpoint:FILE that ends in "
        ".pt, .pth, .ts or .pt2. The code has all of your rights: only for code that you trust. Default: refused.",
    ),
]
Gans = Annotated[
    list[str] | None,
    typer.Option(
        "--gan",
        help="GAN to invert in place of all GANs of the suite: a name in the suite or in 'ganinv list gans', "
        "checkpoint:PATH, or factory:MODULE:FUNCTION. Options follow a '?': lsgan?width=32&batch=64. May be given "
        "several times.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Folder to which the reports are written. Default: a folder named after the run, in the cache folder.",
    ),
]
Records = Annotated[
    Path | None, typer.Option("--records", help="Folder from which records are read. Default: the local store.")
]
PrintOrOut = Annotated[
    Path | None,
    typer.Option(
        "--out", help="Folder to which all reports and figures are written. Default: print the leaderboard."
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed", help="Run cells again that failed before. Default: their stored failures are kept."
    ),
]
ModelsOut = Annotated[
    Path | None,
    typer.Option("--out", help="Folder to which the files are written. Default: models, in the cache folder."),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=0,
        max=64,
        help="Cells that are computed at once, in processes of their own. 0 runs everything in one process, where a "
        "debugger works; methods of plug-ins are then not ranked. Default: 1.",
    ),
]
Nonce = Annotated[
    str,
    typer.Option(
        "--nonce",
        help="Text from which a new store draws the generated images, to repeat a run with the same ones. Default: "
        "drawn by chance at the store's first run.",
    ),
]
MethodNames = Annotated[
    str | None,
    typer.Option("--methods", help="Methods of the suite to run, separated by commas: dfi,dfi+opt. Default: all."),
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", help="Training seeds: 0,1,2 or 0-4. Default: those of the suite.")
]
