"""Leaderboards for a terminal: the key columns only, as a rich table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.reports.formatting import ABSENT, OPTIMISED, column_title, method_name, number
from bench.reports.leaderboard import Column, Leaderboard, Row

if TYPE_CHECKING:
    from rich.table import Table

HEADER_WIDTH = 9
"""Characters after which the name of a metric is folded, unless its numbers are longer."""


def terminal(board: Leaderboard, metrics: int = 3) -> Table:
    """Rank, method, the first test metrics and milliseconds an image; gaps are counted in the caption.

    The capacity class has a column if there are several. Three metrics fit a terminal of 80 characters.

    Args:
        board: the table.
        metrics: how many test metrics to show; the one that ranks comes first.
    """
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    columns = [*board.under("test")[:metrics], *(c for c in board.under("cost") if c.name == "invert_ms_per_image")]
    gaps = f" · {len(board.remarks)} gaps, listed in the report" if board.remarks else ""
    checksum = board.context.dataset_checksum[:8]
    caption = f"{board.context.device} · data {checksum} · seeds {', '.join(map(str, board.context.seeds))}{gaps}"
    table = Table(title=escape(board.title), caption=escape(caption), pad_edge=False)
    several = len({row.capacity for row in board.rows}) > 1
    for head in ("rank", "method", *(["capacity"] if several else [])):
        table.add_column(head, justify="right" if head == "rank" else "left", no_wrap=head == "method")
    for column in columns:
        widest = max((len(_cell(row, column, board)) for row in board.rows), default=0)
        table.add_column(
            escape(column_title(column)), justify="right", overflow="fold", max_width=max(widest, HEADER_WIDTH)
        )
    for i, row in enumerate(board.rows):
        last = i + 1 == len(board.rows) or (board.rows[i + 1].control and not row.control)
        style = "dim" if row.control else ""
        cells = [
            ABSENT if row.rank is None else str(row.rank),
            method_name(row),
            *([row.capacity] if several else []),
        ]
        numbers = [Text(_cell(row, c, board), "bold" if _best(row, c) else "") for c in columns]
        table.add_row(*map(escape, cells), *numbers, style=style, end_section=last)
    return table


def _best(row: Row, column: Column) -> bool:
    value = row.values.get(column.key)
    return value is not None and value.best


def _cell(row: Row, column: Column, board: Leaderboard) -> str:
    value = row.values.get(column.key)
    if value is None:
        return ABSENT
    text = number(value.mean, column.decimals) + (OPTIMISED if value.optimised else "")
    if column.key == f"test/{board.rank_by}" and value.sd is not None:
        text += f"±{number(value.sd, column.decimals)}"
    return text
