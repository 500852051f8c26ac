"""Leaderboards for a terminal, as rich tables; ``bench.reports.glance`` selects their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class TerminalColumn:
    """A column of text, or a column of numbers if ``width`` is set, at which its heading is folded."""

    heading: str
    right: bool = False
    whole: bool = False
    """Whether its cells are never folded."""
    width: int | None = None


@dataclass(frozen=True)
class TerminalRow:
    """Cells of one method; ``best`` marks the bold ones, ``last`` a row that is followed by a line."""

    cells: tuple[str, ...]
    best: tuple[bool, ...]
    control: bool = False
    last: bool = False


@dataclass(frozen=True)
class TerminalBoard:
    """A leaderboard for a terminal, as plain data that can be stored."""

    title: str
    caption: str
    columns: tuple[TerminalColumn, ...]
    rows: tuple[TerminalRow, ...]


def board_from(content: Mapping[str, Any]) -> TerminalBoard:
    """Build a board from its JSON.

    Raises:
        KeyError, TypeError: the JSON is not that of a board.
    """
    return TerminalBoard(
        content["title"],
        content["caption"],
        tuple(TerminalColumn(**column) for column in content["columns"]),
        tuple(
            TerminalRow(tuple(row["cells"]), tuple(row["best"]), row["control"], row["last"])
            for row in content["rows"]
        ),
    )


def draw(board: TerminalBoard) -> Table:
    """Return the board as a rich table; controls are dim."""
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    table = Table(title=escape(board.title), caption=escape(board.caption), pad_edge=False)
    for column in board.columns:
        side, folded = "right" if column.right else "left", column.width is not None
        table.add_column(
            escape(column.heading) if folded else column.heading,
            justify=side,  # type: ignore[arg-type]
            overflow="fold" if folded else "ellipsis",
            max_width=column.width,
            no_wrap=column.whole,
        )
    for row in board.rows:
        cells = zip(board.columns, row.cells, row.best, strict=True)
        shown = [
            Text(cell, "bold" if best else "") if c.width is not None else escape(cell) for c, cell, best in cells
        ]
        table.add_row(*shown, style="dim" if row.control else "", end_section=row.last)
    return table
