"""The command ``ganinv guide``: short how-tos, each one Markdown file in the folder ``guides`` beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import console
from bench.core.errors import unknown

FOLDER = Path(__file__).parent / "guides"


def guide(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name of the guide to show. Default: list all guides.")
    ] = None,
) -> None:
    """List the how-to guides, or show one of them in the terminal.

    Where the output is not a terminal, a guide is printed as the Markdown that it is written in.

    Examples:  ganinv guide    |    ganinv guide method    |    ganinv guide method > method.md
    """
    known = guides()
    if name is None:
        console.table("guides", ("name", "how to"), [(each, title(path)) for each, path in known.items()])
        console.note("\nShow one with:  ganinv guide NAME")
        return
    if name not in known:
        raise unknown("guide", name, known)
    text = known[name].read_text(encoding="utf-8")
    if console.out.is_terminal:
        from rich.markdown import Markdown

        console.out.print(Markdown(text))
    else:
        typer.echo(text, nl=False)


def guides() -> dict[str, Path]:
    """Name -> file of every guide, sorted; a new guide is a new file."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.md"))}


def title(path: Path) -> str:
    """The title of a guide, which is its first line without the ``#``."""
    with path.open(encoding="utf-8") as lines:
        return lines.readline().removeprefix("#").strip()
