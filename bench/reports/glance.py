"""Short form of a leaderboard for a terminal, with the main columns only."""

from __future__ import annotations

from bench.reports.formatting import (
    ABSENT,
    column_title,
    decimals_for,
    method_name,
    number,
    rank_text,
    seeds_in_words,
    value_marks,
)
from bench.reports.leaderboard import Column, Leaderboard, Row
from bench.reports.terminal import TerminalBoard, TerminalColumn, TerminalRow

HEADER_WIDTH = 10
"""Width in characters at which the name of a metric is folded, unless its numbers are longer."""


def glance(board: Leaderboard, metrics: int = 3) -> TerminalBoard:
    """Return rank, method, the first test metrics and milliseconds per image; the caption counts the gaps.

    There is a column for the capacity class if there are several. Three metrics fit a terminal of 80 characters.

    Args:
        board: the leaderboard.
        metrics: number of test metrics; the ranking metric comes first.
    """
    columns = [*board.under("test")[:metrics], *(c for c in board.under("cost") if c.name == "invert_ms_per_image")]
    gaps = f" · {len(board.remarks)} gaps, listed in the report" if board.remarks else ""
    checksum = board.context.dataset_checksum[:8]
    caption = f"{board.context.device} · data {checksum} · {seeds_in_words(board.context.seeds)}{gaps}"
    several = len({row.capacity for row in board.rows}) > 1
    about = [TerminalColumn("rank", right=True), TerminalColumn("method", whole=True)]
    about += [TerminalColumn("capacity")] if several else []
    return TerminalBoard(
        board.title,
        caption,
        (*about, *(_column(column, board) for column in columns)),
        tuple(_row(place, columns, board, several) for place in range(len(board.rows))),
    )


def _column(column: Column, board: Leaderboard) -> TerminalColumn:
    widest = max((len(_cell(row, column, board)) for row in board.rows), default=0)
    return TerminalColumn(column_title(column), right=True, width=max(widest, HEADER_WIDTH))


def _row(place: int, columns: list[Column], board: Leaderboard, several: bool) -> TerminalRow:
    row = board.rows[place]
    last = place + 1 == len(board.rows) or (board.rows[place + 1].control and not row.control)
    about = [rank_text(row), method_name(row), *([row.capacity] if several else [])]
    best = [False] * len(about) + [_best(row, column) for column in columns]
    cells = (*about, *(_cell(row, column, board) for column in columns))
    return TerminalRow(cells, tuple(best), row.control, last)


def _best(row: Row, column: Column) -> bool:
    value = row.values.get(column.key)
    return value is not None and value.best


def _cell(row: Row, column: Column, board: Leaderboard) -> str:
    value = row.values.get(column.key)
    if value is None:
        return ABSENT
    places = decimals_for(value, column.decimals)
    text = number(value.mean, places) + value_marks(row, column, value)
    if column.key == f"test/{board.rank_by}" and value.interval is not None:
        text += f"±{number(value.interval.half, places)}"
    return text
