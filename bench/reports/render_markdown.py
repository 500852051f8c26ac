"""Leaderboards as Markdown: one block per heading, with the conditions above and the gaps below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench.core.texts import markdown_text, one_line
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
    seeds_in_words,
    settings,
    spread,
    value_marks,
)
from bench.reports.leaderboard import Column, Leaderboard, Note, Row


def markdown(boards: Sequence[Leaderboard]) -> str:
    """Return every table with its conditions, legend and list of missing values."""
    return "\n".join(line for board in boards for line in _board(board)).rstrip() + "\n"


def summary(boards: Sequence[Leaderboard]) -> str:
    """Return short tables for other pages: rank, method, means on the test images, milliseconds per image.

    There is a column for the capacity class if there are several. Several GANs of one dataset and budget share a
    table of the means of the ranking metric, with one row per GAN and one column per method.
    """
    parts: dict[str, list[Leaderboard]] = {}
    for board in boards:
        parts.setdefault(repr((board.context.dataset, board.context.budget)), []).append(board)
    lines = (_matrix(found) if len(found) > 1 else _summary(found[0]) for found in parts.values())
    return "\n".join(line for part in lines for line in part).rstrip() + "\n"


def _matrix(boards: Sequence[Leaderboard]) -> Iterator[str]:
    """Yield the table of one metric of every method on every GAN; controls last."""
    context, key = boards[0].context, f"test/{boards[0].rank_by}"
    columns = {row.method: row.control for board in boards for row in board.rows}
    methods = sorted(columns, key=lambda method: columns[method])
    seeds = sorted({seed for board in boards for seed in board.context.seeds})
    heading = next((column_title(c) for board in boards for c in board.columns if c.key == key), boards[0].rank_by)
    yield f"{escape(heading)}, {escape(context.dataset)}, budget {context.budget['name']},"
    yield f"{context.images.get('test', 0):,} test images, mean over seeds {', '.join(map(str, seeds))}."
    yield "Bold: best method of its GAN and capacity class, or not told from it."
    yield ""
    yield from table(["GAN", *map(escape, methods)], (_across(board, methods, key) for board in boards))
    yield ""


def _across(board: Leaderboard, methods: Sequence[str], key: str) -> list[str]:
    column = next((c for c in board.columns if c.key == key), None)
    rows = {row.method: row for row in board.rows}
    cells = [_cell(rows[m], column, brief=True) if column and m in rows else ABSENT for m in methods]
    return [escape(board.context.gan), *cells]


def _summary(board: Leaderboard) -> Iterator[str]:
    context = board.context
    columns = [*board.under("test"), *(c for c in board.under("cost") if c.name == "invert_ms_per_image")]
    yield f"{escape(board.title)}. {escape(context.dataset)}, {escape(context.gan)}, budget {context.budget['name']},"
    yield f"{context.images.get('test', 0):,} test images, {seeds_in_words(context.seeds)}."
    yield ""
    about = 3 if len({row.capacity for row in board.rows}) > 1 else 2
    header = [*["rank", "method", "capacity"][:about], *(escape(column_title(c)) for c in columns)]
    rows = [
        [*_about(row, True, board)[:about], *(_cell(row, column, brief=True) for column in columns)]
        for row in board.rows
    ]
    yield from table(header, rows)
    yield ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table; cells are escaped by the caller."""
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def escape(text: str) -> str:
    """Escape a text for Markdown, also for a table cell."""
    return markdown_text(text)


def _board(board: Leaderboard) -> Iterator[str]:
    yield f"# {escape(board.title)}"
    yield ""
    yield from (f"- **{word}:** {escape(text)}" for word, text in context_lines(board.context))
    yield ""
    if board.context.protocol:
        yield "<details><summary>Protocol of every metric</summary>"
        yield ""
        yield from (f"- **{escape(m)}:** {escape(settings(p))}" for m, p in board.context.protocol.items())
        yield ""
        yield "</details>"
        yield ""
    for heading, words in HEADINGS.items():
        columns = board.under(heading)
        if columns and board.rows:
            yield f"## {words}"
            yield ""
            yield from _block(board, columns, full=heading == "test")
            yield ""
    if not board.rows:
        yield "No cell of this table is done."
        yield ""
    else:
        yield "\n\n".join(map(_sentence, [*legend(board), *board.notes]))
        yield ""
    yield from _gaps(board.remarks)


def _sentence(text: str) -> str:
    """Return a sentence of a legend, which may hold names of strangers, as one line without HTML."""
    return one_line(text).replace("<", "&lt;")


def _block(board: Leaderboard, columns: Sequence[Column], full: bool) -> list[str]:
    about = ["rank", "method", "capacity", "latent dimensions", "trained on"] if full else ["method"]
    lines, controls = [], False
    for row in board.rows:
        if row.control and not controls:
            controls = True
            divider = ["", "*controls*"] if full else ["*controls*"]
            lines.append([*divider, *[""] * (len(about) + len(columns) - len(divider))])
        lines.append([*_about(row, full, board), *(_cell(row, column) for column in columns)])
    return table([*about, *(escape(column_title(c)) for c in columns)], lines)


def _about(row: Row, full: bool, board: Leaderboard) -> list[str]:
    method = escape(method_name(row))
    if len(row.seeds) < len(board.context.seeds):
        method += f" ({len(row.seeds)} of {len(board.context.seeds)} seeds)"
    return (
        [rank_text(row), method, escape(row.capacity), latent_dimensions(row), escape(row.trained_on)]
        if full
        else [method]
    )


def _cell(row: Row, column: Column, brief: bool = False) -> str:
    value = row.values.get(column.key)
    if value is None:
        return ABSENT
    mean = number(value.mean, decimals_for(value, column.decimals))
    mark = value_marks(row, column, value)
    return (f"**{mean}**" if value.best else mean) + mark + ("" if brief else spread(value, column.decimals))


def _gathered(remarks: Sequence[Note]) -> Iterator[list[str]]:
    """Yield one row for each missing value and reason, with the methods and seeds."""
    concerned: dict[tuple[str, str], dict[str, list[str]]] = {}
    for remark in remarks:
        methods = concerned.setdefault((remark.what, remark.reason), {})
        methods.setdefault(remark.method, []).append(str(remark.seed))
    for (what, reason), methods in concerned.items():
        who = "; ".join(f"{method}: {', '.join(seeds)}" for method, seeds in methods.items())
        yield [escape(what), escape(reason), escape(who)]


def _gaps(remarks: Sequence[Note]) -> Iterator[str]:
    if remarks:
        yield "## Not in the table"
        yield ""
        yield from table(["what", "reason", "method: seeds"], _gathered(remarks))
        yield ""
