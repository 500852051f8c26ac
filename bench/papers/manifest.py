"""Cache of reports: a small file in a report folder holds the hash of everything that the reports depend on.

A report folder is written again if its records, the suite's titles, the papers' files or the code of the reports have
changed; a single file is written again if it was deleted or edited. The terminal tables are cached too, so that a
fully stored suite is shown without reading its values.
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
"""Packages that affect reports but no key of a record."""


@dataclass(frozen=True)
class StoredReports:
    """The reports in a folder that are up to date.

    Attributes:
        folder: folder of the reports.
        made_from: hash of everything that the reports depend on.
        files: names of unchanged report files; empty if the hash differs from the stored one.
        boards: cached terminal leaderboards.
        whole: whether every report is up to date.
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
        """Store the hashes of the written files and the boards; return the boards.

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
        folder: folder of the reports.
        records: records of the reports.
        words: titles and names that appear in the reports.
        missing: planned cells without a record.
        read: further files that the reports depend on; they need not exist.
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
        return StoredReports(folder, made_from)  # no cache, or a damaged one: everything is written again


def _identity(record: Record) -> list[Any]:
    """Return hashes of a record's files, of the manifest for packed ones; of the fields of one that is not stored."""
    names = (f"{record.key}.json", f"{record.key}.parquet", f"{record.key}.npz", MANIFEST)
    beside = [record.folder / name for name in names] if record.folder else []
    hashes = [sha256(path) if path.is_file() else "" for path in beside]
    if hashes and (hashes[0] or hashes[-1]):  # read from there, without using its values
        return [record.key, *hashes]
    return [digest({f.name: getattr(record, f.name) for f in fields(record) if f.name != "folder"}), *hashes]


def _is(path: Path, stamp: str) -> bool:
    return path.is_file() and sha256(path) == stamp


@cache
def _code() -> str:
    """Return the hash of the code of the reports, including operators of claims, and of package versions."""
    maker, home = KeyMaker(), "bench.papers.claims.operators"
    operators = sorted(path.stem for path in (Path(__file__).parent / "claims" / "operators").glob("[!_]*.py"))
    code = [maker.module(name) for name in ("bench.papers.publish", *(f"{home}.{stem}" for stem in operators))]
    return digest([code, platform.python_version(), [version(name) for name in VERSIONS]])
