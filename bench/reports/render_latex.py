"""Leaderboards as LaTeX tables (packages booktabs and graphicx), one table per heading, texts escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.core.texts import latex_text, one_line
from bench.reports.formatting import (
    ABSENT,
    HEADINGS,
    column_title,
    context_lines,
    decimals_for,
    latent_dimensions,
    legend,
    method_name,
    number,
    rank_text,
    spread,
    value_marks,
)
from bench.reports.leaderboard import Column, Heading, Leaderboard, Row

_ESCAPES = {
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "∞": r"$\infty$",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "§": r"\S{}",
    "¶": r"\P{}",
    "‖": r"$\parallel$",
    "–": "--",
}


def escape(text: str) -> str:
    """Escape the special characters of LaTeX."""
    return "".join(_ESCAPES.get(char, char) for char in latex_text(text))


def latex(boards: Sequence[Leaderboard]) -> str:
    """Return all tables; conditions and legend are in the first caption of a board, gaps in comments below it."""
    return "\n".join(line for board in boards for line in _board(board)) + "\n"


def _board(board: Leaderboard) -> Iterator[str]:
    shown = [heading for heading in HEADINGS if board.under(heading) and board.rows]
    for heading in shown:
        caption = f"{board.title}. {HEADINGS[heading]}."
        yield from _table(board, heading, f"{caption} {_conditions(board)}" if heading == shown[0] else caption)
    for remark in board.remarks:
        yield "% " + one_line(
            f"not in the table: {remark.method}, seed {remark.seed}, {remark.what}: {remark.reason}"
        )
    yield ""


def _table(board: Leaderboard, heading: Heading, caption: str) -> Iterator[str]:
    columns = board.under(heading)
    full = heading == "test"
    about = ["rank", "method", "capacity", "latent dimensions", "trained on"] if full else ["method"]
    yield r"\begin{table}"
    yield r"\centering"
    yield rf"\caption{{{escape(caption)}}}"
    yield r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    yield rf"\begin{{tabular}}{{{('rllrl' if full else 'l') + 'r' * len(columns)}}}"
    yield r"\toprule"
    yield " & ".join([*about, *(escape(column_title(c)) for c in columns)]) + r" \\"
    yield r"\midrule"
    controls = False
    for row in board.rows:
        if row.control and not controls:
            controls = True
            yield r"\midrule"
            yield rf"\multicolumn{{{len(about) + len(columns)}}}{{l}}{{\emph{{controls}}}} \\"
        yield " & ".join([*_about(row, full), *(_cell(row, c) for c in columns)]) + r" \\"
    yield r"\bottomrule"
    yield r"\end{tabular}}"
    yield r"\end{table}"


def _conditions(board: Leaderboard) -> str:
    lines = [f"{word}: {text}." for word, text in context_lines(board.context) if word != "Versions"]
    return " ".join([*lines, *legend(board), *board.notes])


def _about(row: Row, full: bool) -> list[str]:
    if not full:
        return [escape(method_name(row))]
    return [*map(escape, (rank_text(row), method_name(row), row.capacity, latent_dimensions(row), row.trained_on))]


def _cell(row: Row, column: Column) -> str:
    value = row.values.get(column.key)
    if value is None:
        return escape(ABSENT)
    mean = escape(number(value.mean, decimals_for(value, column.decimals)))
    text = (rf"\textbf{{{mean}}}" if value.best else mean) + escape(value_marks(row, column, value))
    more = escape(spread(value, column.decimals))
    return text + (rf" {{\scriptsize{more}}}" if more else "")
