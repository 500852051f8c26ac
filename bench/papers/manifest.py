"""Reports that need not be drawn again: a small file beside them holds the hash of their sources.

A report folder is drawn again where its records, the suite's words, the papers' files or the code of the reports have
changed, and a file of it where someone deleted or edited it. The tables of the terminal are kept too, so that a suite
of which everything is stored is shown without reading a value.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.core.files import digest, sha256, write_json
from bench.core.packed import MANIFEST
from bench.core.types import Cell, Record
from bench.harness.keys import KeyMaker
from bench.reports.terminal import TerminalBoard, board_from

FILE = ".reports.json"
VERSIONS = ("pandas", "pyarrow", "matplotlib")
"""Packages that draw reports, but make no number that a key knows of."""


@dataclass(frozen=True)
class StoredReports:
    """The reports in a folder that are up to date.

    Attributes:
        made_from: hash of everything that they are drawn from.
        files: names of those that are there, as they were written; empty if they were drawn from something else.
        boards: the leaderboards of the terminal.
        whole: whether nothing has to be drawn.
    """

    folder: Path
    made_from: str
    files: frozenset[str] = frozenset()
    boards: Sequence[TerminalBoard] = field(default=())
    whole: bool = False

    def has(self, path: Path) -> bool:
        """Return True if the file at a path is up to date."""
        return path.parent == self.folder and path.name in self.files

    def remember(self, written: Sequence[Path], boards: Sequence[TerminalBoard]) -> Sequence[TerminalBoard]:
        """Remember the files of a report and its boards; returns these.

        Raises:
            StoreError: the folder cannot be written.
        """
        files = {path.name: sha256(path) for path in written}
        shown = [asdict(board) for board in boards]
        write_json(self.folder / FILE, {"made_from": self.made_from, "files": files, "boards": shown})
        return boards


def kept_reports(
    folder: Path, records: Sequence[Record], words: Sequence[str], missing: Sequence[Cell], read: Sequence[Path]
) -> StoredReports:
    """Return the reports of these records that a folder holds up to date.

    Args:
        folder: of the reports.
        records: that they are drawn from.
        words: titles and names that are part of them.
        missing: planned cells without a record.
        read: further files that they are drawn from; one that is not there counts as that.
    """
    made_from = digest(
        {
            "records": [_identity(record) for record in records],
            "words": list(words),
            "missing": [asdict(cell) for cell in missing],
            "files": [sha256(path) if path.is_file() else "" for path in read],
            "code": _code(),
        }
    )
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if content["made_from"] != made_from:
            return StoredReports(folder, made_from)
        whole = {name for name, stamp in content["files"].items() if _is(folder / name, stamp)}
        boards = tuple(board_from(board) for board in content["boards"])
        return StoredReports(
            folder, made_from, files=frozenset(whole), boards=boards, whole=whole == set(content["files"])
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return StoredReports(folder, made_from)  # nothing was kept, or it is damaged: everything is drawn again


def _identity(record: Record) -> list[Any]:
    """A record's content, and the files beside it; the manifest of a pack stands for those of its records."""
    content = {f.name: getattr(record, f.name) for f in fields(record) if f.name != "folder"}
    names = (f"{record.key}.parquet", f"{record.key}.npz", MANIFEST)
    beside = [record.folder / name for name in names] if record.folder else []
    return [digest(content), *(sha256(path) if path.is_file() else "" for path in beside)]


def _is(path: Path, stamp: str) -> bool:
    return path.is_file() and sha256(path) == stamp


@cache
def _code() -> str:
    """Hash of the code of the reports, operators of claims included, and of the packages that they use."""
    maker, home = KeyMaker(), "bench.papers.claims.operators"
    operators = sorted(path.stem for path in (Path(__file__).parent / "claims" / "operators").glob("[!_]*.py"))
    code = [maker.module(name) for name in ("bench.papers.publish", *(f"{home}.{stem}" for stem in operators))]
    return digest([code, platform.python_version(), [version(name) for name in VERSIONS]])
