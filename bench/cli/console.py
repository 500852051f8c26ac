"""Output of the command line: progress bars, tables and closing lines. No logic beyond layout."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from bench.cli import tables
from bench.core.types import Cell, Record
from bench.harness.runner import Planned, RunCallbacks

if TYPE_CHECKING:
    from types import TracebackType

SILENCE = 60.0
"""Seconds between two lines of progress where there is no terminal."""

out = Console(emoji=False)  # a path may hold ``:b:``
err = Console(stderr=True, emoji=False)


def error_line(message: str) -> None:
    """Print an error as one line on the error stream."""
    err.print(f"[bold red]error:[/] {escape(_shown(message))}", highlight=False, soft_wrap=True)


def note(message: str) -> None:
    """Print one line on the output as it is; brackets are not markup."""
    out.print(_shown(message), highlight=False, soft_wrap=True, markup=False)


def _shown(message: str) -> str:
    """Return a message without characters that a terminal obeys; lines stay lines."""
    return "\n".join("".join(c for c in line if c == "\t" or c.isprintable()) for line in message.split("\n"))


def warning_line(message: Warning | str, *rest: Any, **more: Any) -> None:
    """Print a warning as one line on the error stream; the signature is that of ``warnings.showwarning``."""
    err.print(f"[yellow]warning:[/] {escape(_shown(str(message)))}", highlight=False, soft_wrap=True)


def paragraphs(lines: Sequence[tuple[str, str]]) -> None:
    """Print pairs of a word and a text: on a terminal as two columns with folded texts, else a line each."""
    if not out.is_terminal:
        for word, text in lines:
            note(f"{word}\t{text}" if word else f"\t{text}")
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=4)
    grid.add_column(overflow="fold")
    for word, text in lines:
        grid.add_row(escape(word), escape(text))
    out.print(grid)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn Ctrl-C into a clear last line and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        err.print("interrupted: finished cells are stored; the same command goes on from here", highlight=False)
        sys.exit(130)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a plain table; title, columns and cells are shown as they are, without markup."""
    style: dict[str, Any] = {"title_justify": "left", "title_style": "bold", "box": None, "pad_edge": False}
    grid = Table(title=escape(title) or None, padding=(0, 2, 0, 0), **style)
    for column in columns:
        grid.add_column(escape(column), overflow="fold")
    for row in rows:
        grid.add_row(*(escape(cell) for cell in row))
    show(grid)


def show(grid: Table) -> None:
    """Print a table, fitted to the terminal; see ``bench.cli.tables``."""
    tables.show(grid, out)


def cell_title(cell: Cell) -> str:
    """Return the name of a cell in progress and messages."""
    return f"{cell.dataset.title} · {cell.gan.title} · {cell.method.title} · seed {cell.seed}"


class Speed(ProgressColumn):
    """Steps per second of the current stage."""

    def render(self, task: Task) -> Text:
        """The rate over the last half minute; nothing while it is unknown or below one in ten seconds."""
        speed = task.speed or 0.0
        return Text(f"{speed:.1f}/s" if speed >= 0.1 else "")


class RunDisplay:
    """Progress of a run: one bar for the cells, one for the current stage, a line for each cell.

    Where there is no terminal, the progress of the current stage is printed once a minute.
    """

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            Speed(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            console=err,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._cells: TaskID | None = None
        self._work: TaskID | None = None
        self._what = ""
        self._begun = (0.0, 0)
        self._said = time.monotonic()
        self.total = 0

    def __enter__(self) -> RunDisplay:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def observer(self) -> RunCallbacks:
        """The callbacks that a run calls."""
        return RunCallbacks(
            plan=self._plan,
            started=self._started,
            finished=self._finished,
            progress=self._step,
            waiting=lambda cell: err.print(f"waiting for another process: {escape(cell_title(cell))}"),
            printed=lambda text: self._progress.console.print(text, end="", markup=False, highlight=False),
        )

    def _plan(self, planned: Sequence[Planned]) -> None:
        stored = sum(p.record is not None for p in planned)
        self.total = len(planned) - stored
        err.print(f"{len(planned)} cells: {stored} stored, {self.total} to run")
        if self.total:
            self._cells = self._progress.add_task("cells", total=self.total, figures="")

    def _started(self, cell: Cell, number: int, total: int) -> None:
        self._progress.console.print(f"[{number}/{total}] {cell_title(cell)}", highlight=False, markup=False)

    def _finished(self, cell: Cell, record: Record) -> None:
        if self._cells is not None:
            self._progress.advance(self._cells)
        if record.status != "done":
            line = f"  {escape(cell_title(cell))} [red]{record.status}[/]: {escape(record.reason)}"
            self._progress.console.print(line, highlight=False, soft_wrap=True)

    def _step(self, what: str, step: int, steps: int, figures: Mapping[str, float]) -> None:
        shown = " ".join(f"{name} {value:.3g}" for name, value in figures.items())
        if self._work is None or what != self._what:
            if self._work is not None:
                self._progress.remove_task(self._work)
            self._work, self._what = self._progress.add_task(what, total=steps, figures=shown), what
            self._begun = time.monotonic(), step
        self._progress.update(self._work, completed=step, total=steps, figures=shown)
        if self._progress.disable and time.monotonic() - self._said > SILENCE:
            self._say(what, step, steps, shown)

    def _say(self, what: str, step: int, steps: int, shown: str) -> None:
        self._said = time.monotonic()
        since, first = self._begun
        speed = (step - first) / max(self._said - since, 1e-9)
        left = f", {speed:.1f}/s, {(steps - step) / speed / 60:.0f} min left" if speed else ""
        err.print(f"  {what} {step}/{steps}{left} {shown}".rstrip(), highlight=False, markup=False)
