"""Stored records as a verification reads them: one at a time, unchecked, with all files that belong to one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, StoreError
from bench.core.files import sha256
from bench.core.packed import RECORDS, Packed, open_packed
from bench.core.record_schema import KEY, fault_of
from bench.core.record_values import Columns, fault_of_values, read_columns
from bench.core.types import Cell, Record
from bench.harness.keys import cell_from
from bench.harness.provenance import picture_hashes
from bench.harness.record_files import CODES, read_fields, record_of, record_paths
from bench.harness.verification.places import RecordsPlace
from bench.reports.gallery import gallery


@dataclass
class StoredEntry:
    """One record with its files.

    Attributes:
        key: key under which it is stored.
        content: its fields as they are in the file.
        place: folder that holds it.
        packed: the pack that holds it; None if it has files of its own.
    """

    key: str
    content: Any
    place: RecordsPlace
    packed: Packed | None = None

    @property
    def path(self) -> Path:
        """The file of the record."""
        return self.place.folder / (RECORDS if self.packed else f"{self.key}.json")

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts of the record."""
        return dict(self.content.get("facts", {}))

    @property
    def done(self) -> bool:
        """True if the record has results."""
        return bool(self.content.get("status") == "done")

    @cached_property
    def cell(self) -> Cell:
        """The cell of the record."""
        return cell_from(self.content["cell"])

    @property
    def title(self) -> str:
        """Key, method and seed in words."""
        cell = self.content["cell"]
        return f"{self.key} ({cell['method'].get('label') or cell['method']['name']}, seed {cell['seed']})"

    @cached_property
    def columns(self) -> Columns | None:
        """Per-image values; None if there are none."""
        return read_columns(self.place.folder, self.key)

    def record(self) -> Record:
        """Return the record for reports.

        Raises:
            StoreError: it is not a record.
        """
        return record_of(self.content, self.path, self.key)

    def fault(self) -> str:
        """Return the first fault of its fields in words, "" if they are those of a record."""
        try:
            return fault_of(self.content, self.key) or _unfit(self.record)
        except StoreError as error:
            return str(error)

    def fault_of_files(self) -> str:
        """Return the first disagreement between the record and the files that belong to it, "" if there is none."""
        try:
            return (
                fault_of_values(self.content, self.columns)
                or _fault_of_pictures(self.record(), self.facts.get("pictures"))
                or self._fault_of_codes()
            )
        except BenchError as error:
            return str(error)

    def _fault_of_codes(self) -> str:
        path, stated = self.place.folder / f"{self.key}{CODES}", self.facts.get("codes_sha256")
        wrong = path.is_file() and sha256(path) != stated
        return "its codes do not have the checksum that it states" if wrong else ""


def _fault_of_pictures(record: Record, stated: list[str] | None) -> str:
    found = None if stated is None else gallery(record)
    hashes = [] if found is None else picture_hashes(*found)
    same = hashes == (stated or [])[: len(hashes)]
    return "" if same else "its pictures do not have the checksums that it states"


def _unfit(make: Any) -> str:
    try:
        make()
    except StoreError as error:
        return str(error)
    return ""


def entries(place: RecordsPlace) -> Iterator[StoredEntry]:
    """Yield every record of a folder, sorted by key, one at a time.

    Raises:
        StoreError: a file cannot be read, or a pack is damaged.
    """
    packed = open_packed(place.folder)
    files = {path.stem: path for path in record_paths(place.folder)}
    for key in sorted({*files, *(packed.records if packed is not None else ())}):
        if key in files:
            if KEY.fullmatch(key) or not _is_report(files[key]):
                yield StoredEntry(key, read_fields(files[key]), place)
        elif packed is not None:
            yield StoredEntry(key, packed.records[key], place, packed)


def _is_report(path: Path) -> bool:
    return path.name == "leaderboard.json"
