"""From a suite and its records to what people read: tables on screen, reports on disk, comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import BenchError
from bench.core.types import Cell, Record
from bench.harness.store import copy_records
from bench.harness.suite import Suite

if TYPE_CHECKING:
    from rich.table import Table


def publish(suite: Suite, records: Sequence[Record], folder: Path, missing: Sequence[Cell] = ()) -> list[Table]:
    """Write every report of a suite into a folder, with the records it is drawn from in ``records/``.

    Returns:
        The leaderboards that have a row, as terminal tables.
    """
    from bench.papers.claims.spec import printed_table
    from bench.reports.leaderboard import leaderboards
    from bench.reports.terminal import terminal
    from bench.reports.write import write_reports

    boards = leaderboards(records, suite.rank_by, suite.title, missing)
    write_reports(
        records,
        folder,
        title=suite.title,
        rank_by=suite.rank_by,
        missing=missing,
        claims=claims_file(suite),
        published=[printed_table(name, str(suite.path)) for name in suite.published],
    )
    copy_records(records, folder / "records")
    return [terminal(board) for board in boards if board.rows]


def text_report(suite: Suite, records: Sequence[Record], fmt: str, missing: Sequence[Cell] = ()) -> str:
    """The leaderboards of a suite as Markdown, CSV, LaTeX or JSON."""
    from bench.reports.leaderboard import leaderboards
    from bench.reports.render import render

    return render(leaderboards(records, suite.rank_by, suite.title, missing), fmt)


def claims_file(suite: Suite) -> Path | None:
    """The claims file that a suite answers, beside the suite's file.

    Raises:
        BenchError: the suite names a file that is not there.
    """
    if not suite.claims:
        return None
    path = suite.path.parent / suite.claims
    if not path.is_file():
        raise BenchError(f"{suite.path}: claims file {path} is not there")
    return path
