"""Tables on the output: fitted to a terminal without breaking a number, tab-separated where the output is a pipe."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

NUMERIC = re.compile(r"[-+±∞–]|[-+~≤≥]?[\[(]?[-+]?[\d.,]+(e[-+]?\d+)?[\s%±†‡→,;)\]\d.eE+-]*", re.ASCII)
"""Cells that are numbers, with intervals, ranks and marks."""
NARROWEST = 10
"""Characters of a column of text before the columns of a table are shown in several blocks."""


def show(table: Table, console: Console) -> None:
    """Print a table on a console.

    A terminal shows it within its width: text is folded, numbers are not, and columns that do not fit beside the
    first follow below it. Elsewhere a row is a line, its cells separated by tabs.
    """
    if not console.is_terminal:
        for line in plain_lines(table):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    for block in blocks(table, console.width):
        console.print(block)


def plain_lines(table: Table) -> Iterator[str]:
    """Title, header, rows and caption, a line each; cells are separated by tabs."""
    if table.title:
        yield _plain(table.title)
    columns = [[_plain(cell) for cell in column.cells] for column in table.columns]
    headings = [_plain(column.header) for column in table.columns]
    if any(headings):
        yield "\t".join(headings)
    yield from ("\t".join(row) for row in zip(*columns, strict=True))
    if table.caption:
        yield _plain(table.caption)


def blocks(table: Table, width: int) -> Iterator[Table]:
    """The table in as many parts as the width requires; each begins with the first column."""
    columns = [_fixed(column) for column in table.columns]
    space = 3 if table.box else max(2, sum(table.padding[1::2]))
    needed = [_least(column) + space for column in columns]
    parts: list[list[int]] = [[0]]
    for place in range(1, len(columns)):
        if len(parts[-1]) > 1 and sum(needed[i] for i in (*parts[-1], place)) > width:
            parts.append([0])
        parts[-1].append(place)
    for number, part in enumerate(parts):
        block = copy.copy(table)
        block.columns = [replace(columns[i], _index=place) for place, i in enumerate(part)]
        block.title = table.title if number == 0 else None
        block.caption = table.caption if number == len(parts) - 1 else None
        yield block


def _fixed(column: Column) -> Column:
    """The column, never folded if its cells are numbers."""
    cells = [_plain(cell) for cell in column.cells]
    numeric = any(cells) and all(NUMERIC.fullmatch(cell) for cell in cells if cell)
    return replace(column, no_wrap=True, overflow="fold") if numeric or column.no_wrap else column


def _least(column: Column) -> int:
    cells: Sequence[str] = [_plain(cell) for cell in column.cells]
    words = max((len(word) for word in _plain(column.header).split()), default=0)
    widest = max(map(len, cells), default=0)
    return max(words, widest) if column.no_wrap else max(min(words, NARROWEST), min(widest, NARROWEST))


def _plain(cell: object) -> str:
    text = cell if isinstance(cell, Text) else Text.from_markup(str(cell), emoji=False)
    return " ".join(text.plain.split())
