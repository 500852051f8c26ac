"""Output of a suite and its records: terminal tables, report files and text formats."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import BenchError, StoreError
from bench.core.types import Cell, Record
from bench.harness.record_files import stored_keys
from bench.harness.store import copy_records
from bench.harness.suite import Suite
from bench.papers.manifest import FILE as STAMP
from bench.papers.manifest import StoredReports, kept_reports
from bench.reports.published import FILE, NUMBERS, PAPERS, printed_table
from bench.reports.terminal import TerminalBoard, draw

if TYPE_CHECKING:
    from rich.table import Table

    from bench.reports.groups import ResultGroup


def publish(
    suite: Suite,
    records: Sequence[Record],
    folder: Path,
    missing: Sequence[Cell] = (),
    own_runs: Sequence[str] = (),
) -> list[Table]:
    """Write every report of a suite into a folder, and its records into the sub-folder ``records``.

    Files that are up to date are not written again; see ``bench.papers.manifest``.

    Args:
        suite: the suite.
        records: its records.
        folder: folder of the reports, created if missing.
        missing: planned cells without a record.
        own_runs: titles of methods that the user ran beside records of others; their rows are marked.

    Returns:
        The leaderboards that have rows, as terminal tables.
    """
    asked = claims_file(suite)
    check_folder(folder, {record.key for record in records})
    kept = kept_reports(
        folder,
        records,
        words=[suite.title, suite.rank_by, *suite.published, *own_runs],
        missing=missing,
        read=_read(suite, asked),
    )
    if kept.whole:
        boards = kept.boards
    else:
        boards = _write(suite, records, own_runs, folder=folder, missing=missing, claims=asked, kept=kept)
    copy_records(records, folder / "records")
    return [draw(board) for board in boards if board.rows]


def check_folder(folder: Path | None, keys: Collection[str] | None = None) -> None:
    """Check that reports may be written into a folder: it is new, empty, or one of reports.

    Args:
        folder: target folder; None for the default one.
        keys: keys of the records that will be written; None before they are known.

    Raises:
        StoreError: the folder holds something else, which would be overwritten, or records of nobody's report.
    """
    if folder is None or not folder.exists():
        return
    if not folder.is_dir():
        raise StoreError(f"--out {folder} is a file; give a new or empty folder")
    reports = (folder / STAMP).is_file() or (folder / "leaderboard.json").is_file()
    if any(folder.iterdir()) and not reports:
        raise StoreError(f"--out {folder} holds other files and no reports; give a new or empty folder")
    others = set[str]() if keys is None else stored_keys(folder / "records") - set(keys)
    if others and not (folder / STAMP).is_file():
        raise StoreError(
            f"--out {folder}: {len(others)} records in {folder / 'records'} are not of these reports "
            f"({min(others)}); give a new or empty folder"
        )


def text_report(suite: Suite, records: Sequence[Record], fmt: str, missing: Sequence[Cell] = ()) -> str:
    """Return the leaderboards of a suite as Markdown, CSV, LaTeX or JSON."""
    from bench.reports.leaderboard import leaderboards
    from bench.reports.render import render

    return render(leaderboards(records, suite.rank_by, suite.title, missing), fmt)


def claims_file(suite: Suite) -> Path | None:
    """Return the path of the claims file of a suite, relative to the suite file; None if it names none.

    Raises:
        BenchError: the named file does not exist.
    """
    if not suite.claims:
        return None
    path = suite.path.parent / suite.claims
    if not path.is_file():
        raise BenchError(f"{suite.path}: claims file {path} is not there")
    return path


def claims_pages(claims: Path | None, groups: Sequence[ResultGroup]) -> dict[str, str]:
    """Return the page of verdicts on the groups with a finished cell, by file name; {} without claims or such groups.

    Raises:
        BenchError: the claims file is malformed.
    """
    from bench.papers.claims.render import claims_markdown
    from bench.papers.claims.spec import read_claims

    if claims is None:
        return {}
    asked = read_claims(claims)
    done = [group for group in groups if any(runs.by_seed for runs in group.runs)]
    return {"claims.md": "\n".join(claims_markdown(asked, group) for group in done)} if done else {}


def _read(suite: Suite, claims: Path | None) -> list[Path]:
    """Return the files that the reports depend on, apart from the records."""
    folders = [] if claims is None else [claims]
    folders += [PAPERS / name.lower().partition("/")[0] / FILE for name in suite.published]
    return [path for each in folders for path in (each, each.with_name(NUMBERS))]


def _write(
    suite: Suite,
    records: Sequence[Record],
    own_runs: Sequence[str],
    *,
    folder: Path,
    missing: Sequence[Cell],
    claims: Path | None,
    kept: StoredReports,
) -> Sequence[TerminalBoard]:
    from bench.reports.glance import glance
    from bench.reports.groups import groups
    from bench.reports.leaderboard import boards_of
    from bench.reports.own_runs import with_own_runs
    from bench.reports.write import Reported, write_reports

    measured = groups(records, missing)
    boards = with_own_runs(boards_of(measured, suite.rank_by, suite.title), own_runs)
    printed = [printed_table(name, str(suite.path)) for name in suite.published]
    what = Reported(suite.title, measured, boards=boards, published=printed, pages=claims_pages(claims, measured))
    written = write_reports(what, folder, kept.has)
    return kept.remember(written, [glance(board) for board in boards])
