"""Folders that a verification reads: records, leaderboards beside them, and where generators and codes may lie."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.core.errors import StoreError
from bench.harness.record_files import GENERATORS, holds_records
from bench.harness.store import Store

LEADERBOARDS = ("leaderboard.json", "leaderboard.csv", "leaderboard.md", "leaderboard.tex", "summary.md")


@dataclass(frozen=True)
class RecordsPlace:
    """One folder of records.

    Attributes:
        folder: the folder.
        root: what was asked for; names are relative to it.
    """

    folder: Path
    root: Path

    @property
    def name(self) -> str:
        """Path of the folder from the root; "" if it is the root itself."""
        name = str(self.folder.relative_to(self.root))
        return "" if name == "." else name

    @cached_property
    def reports(self) -> dict[str, Path]:
        """Leaderboard files of these records, by name: in the folder above ``records``, or in the folder itself."""
        folders = [self.folder.parent, self.folder] if self.folder.name == "records" else [self.folder]
        found = {name: folder / name for folder in reversed(folders) for name in LEADERBOARDS}
        return {name: path for name, path in found.items() if path.is_file()} | {
            name: folders[0] / name for name in LEADERBOARDS if (folders[0] / name).is_file()
        }

    @cached_property
    def other_files(self) -> list[str]:
        """Further files of the report, which are not compared."""
        if self.folder.name != "records":
            return []
        files = (path for path in self.folder.parent.iterdir() if path.is_file() and path.name[0] != ".")
        return sorted(path.name for path in files if path.name not in LEADERBOARDS)

    @cached_property
    def stores(self) -> tuple[Path, ...]:
        """Stores whose artefacts may belong to these records: the one that holds them, and the user's."""
        own = [self.folder.parent] if (self.folder.parent / "invert").is_dir() else []
        return tuple(dict.fromkeys([*own, Store().root]))

    @property
    def trained(self) -> list[Path]:
        """Folders of trained generators, ``KEY/`` each: beside the records, and those of the stores."""
        return [self.folder.parent / GENERATORS, *(store / "train" for store in self.stores)]


def records_places(root: Path) -> list[RecordsPlace]:
    """Return every folder of records at or below a folder; symbolic links to folders are not followed.

    Raises:
        StoreError: the folder does not exist, or there are no records.
    """
    if not root.is_dir():
        raise StoreError(f"{root}: no such folder")
    top = root.resolve()
    folders = (Path(folder) for folder, _, _ in sorted(os.walk(top)))
    found = [RecordsPlace(folder, top) for folder in folders if holds_records(folder)]
    if not found:
        raise StoreError(f"{root}: no records here or below (KEY.json, or packed.json)")
    return found
