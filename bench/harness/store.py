"""The store: artefacts by key, one record per cell. Writes are atomic, reads are checked, processes may share it.

Layout under one root: ``train/KEY/``, ``fit/KEY/``, ``invert/KEY/`` hold files and a ``meta.json`` with their
SHA-256; ``records/KEY.json`` (written last) with ``KEY.parquet`` and ``KEY.npz`` beside it; ``work/`` holds
mid-training checkpoints and locks. Reading records needs no torch.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import StoreError
from bench.core.files import sha256, share, write_bytes, write_json, writing
from bench.core.packed import MANIFEST, PACKED_FILES, RECORDS, open_packed
from bench.core.paths import home
from bench.core.types import Record
from bench.core.types.runs import SCHEMA

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


RECORD_FILES = (".parquet", ".npz", ".json")
"""Endings of a record's files; the JSON is written last and marks a complete record."""


class Busy(Exception):
    """Raised if another process holds the lock of a key."""


@dataclass(frozen=True)
class Artefact:
    """A stored folder and its facts (timings, counts, provenance)."""

    folder: Path
    meta: dict[str, Any]

    def file(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.folder / name


class Store:
    """Reader and writer of one store folder.

    Args:
        root: the folder, created on the first write; the user's cache folder by default.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or home() / "store").resolve()

    def has(self, stage: str, key: str) -> bool:
        """Return True if an artefact is stored, damaged or not."""
        return (self.root / stage / key / "meta.json").is_file()

    def artefact(self, stage: str, key: str) -> Artefact | None:
        """Return the stored artefact, or None. A damaged one is moved aside with a warning and computed again."""
        folder = self.root / stage / key
        if not (folder / "meta.json").is_file():
            return None
        try:
            meta = json.loads((folder / "meta.json").read_text())
            damaged = [n for n, checksum in meta["files"].items() if sha256(folder / n) != checksum]
        except (OSError, ValueError, KeyError) as error:
            damaged = [f"meta.json ({error})"]
        if damaged:
            aside = folder.with_name(f"{key}.damaged-{uuid.uuid4().hex[:6]}")
            folder.rename(aside)
            warnings.warn(
                f"{folder}: {', '.join(damaged)} fails its checksum; moved to {aside.name} and computed again",
                stacklevel=2,
            )
            return None
        return Artefact(folder, meta)

    def put(
        self, stage: str, key: str, writers: Mapping[str, Callable[[Path], None]], meta: Mapping[str, Any]
    ) -> Artefact:
        """Write an artefact: every file by its writer, then ``meta.json``, then one rename.

        Raises:
            StoreError: the folder cannot be written or the disk is full; no partial artefact remains.
        """
        folder = self.root / stage / key
        temporary = folder.with_name(f".{key}.{os.getpid()}.{uuid.uuid4().hex[:6]}.tmp")
        try:
            temporary.mkdir(parents=True)
            for name, write in writers.items():
                write(temporary / name)
                share(temporary / name)
            facts = {**meta, "files": {name: sha256(temporary / name) for name in writers}}
            write_json(temporary / "meta.json", facts)
            temporary.rename(folder)
        except OSError as error:
            faster = self.artefact(stage, key)  # of another process; equal keys hold equal content
            if faster is None:
                raise StoreError(f"cannot write {folder}: {error.strerror or error}") from error
            return faster
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return Artefact(folder, facts)

    def failure(self, stage: str, key: str) -> dict[str, str] | None:
        """Return the stored reason of a failed stage, so that cells that share the stage do not repeat it."""
        path = self.root / stage / f"{key}.failed.json"
        return dict(json.loads(path.read_text())) if path.is_file() else None

    def put_failure(self, stage: str, key: str, reason: Mapping[str, str]) -> None:
        """Store the reason of a failed stage."""
        write_json(self.root / stage / f"{key}.failed.json", dict(reason))

    def forget_failure(self, stage: str, key: str) -> None:
        """Remove the reason of a failed stage, so that the stage is run again."""
        (self.root / stage / f"{key}.failed.json").unlink(missing_ok=True)

    def checkpoint(self, stage: str, key: str) -> Path:
        """Return the path for mid-training checkpoints of a stage."""
        return self.root / "work" / f"{stage}-{key}.checkpoint"

    @contextmanager
    def lock(self, stage: str, key: str, *, wait: bool = True) -> Iterator[None]:
        """Hold the lock of a key; the system releases it if the process dies.

        Raises:
            Busy: another process holds it and ``wait`` is False.
            StoreError: the store cannot be written.
        """
        from filelock import FileLock, Timeout

        folder = self.root / "work"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f"{stage}-{key}.lock")
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout as error:
            raise Busy(key) from error
        except OSError as error:
            raise StoreError(f"cannot write to the store {self.root}: {error.strerror or error}") from error
        try:
            yield
        finally:
            lock.release()

    # ------------------------------------------------------------------------------------------- records

    @property
    def records_folder(self) -> Path:
        """The folder of records."""
        return self.root / "records"

    def put_record(
        self,
        record: Record,
        per_image: pd.DataFrame | None = None,
        gallery: Mapping[str, np.ndarray[Any, Any]] | None = None,
    ) -> None:
        """Write a record; its per-image values and gallery first, the JSON last.

        Raises:
            StoreError: the folder cannot be written or the disk is full.
        """
        content = {f.name: getattr(record, f.name) for f in dataclasses.fields(record) if f.name != "folder"}
        write_record(self.records_folder, record.key, content=content, per_image=per_image, gallery=gallery)

    def record(self, key: str) -> Record | None:
        """Return the record of a cell, or None."""
        path = self.records_folder / f"{key}.json"
        return read_record(path) if path.is_file() else None

    def records(self, keys: Iterable[str]) -> list[Record]:
        """Return the stored records of these keys, in their order."""
        return [record for key in keys if (record := self.record(key))]

    def remove_record(self, key: str) -> None:
        """Delete a record, so that its cell is run again."""
        for suffix in reversed(RECORD_FILES):
            (self.records_folder / f"{key}{suffix}").unlink(missing_ok=True)


def write_record(
    folder: Path,
    key: str,
    content: Mapping[str, Any],
    per_image: pd.DataFrame | None = None,
    gallery: Mapping[str, np.ndarray[Any, Any]] | None = None,
) -> None:
    """Write a record's files into a folder; the JSON last.

    Args:
        folder: target folder, created if missing.
        key: key of the cell.
        content: the stored fields.
        per_image: values of each image.
        gallery: arrays by name.

    Raises:
        StoreError: the folder cannot be written or the disk is full.
    """
    base = folder / key
    if per_image is not None:
        with writing(base.with_suffix(".parquet")) as path:
            per_image.to_parquet(path, compression="zstd", index=False)
    if gallery is not None:
        import numpy as np

        with writing(base.with_suffix(".npz")) as path, path.open("wb") as handle:
            np.savez_compressed(handle, allow_pickle=False, **gallery)
    write_json(base.with_suffix(".json"), content)


def read_record(path: Path) -> Record:
    """Read one record file.

    Raises:
        StoreError: the file is not a record, or it was written by a newer version of this suite.
    """
    try:
        return _record(json.loads(path.read_text()), path)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} is not a record: {error}") from error


def _record(content: Any, path: Path) -> Record:
    """Build a record from the fields of a file."""
    try:
        schema = content.get("schema", SCHEMA)
        if isinstance(schema, int) and schema > SCHEMA:
            raise StoreError(
                f"{path} was written by a newer version of this suite: its schema is {schema}, supported are those "
                f"up to {SCHEMA}; update gan-inversion-bench"
            )
        return Record(**content, folder=path.parent)
    except (TypeError, AttributeError) as error:
        raise StoreError(f"{path} is not a record: {error}") from error


def copy_records(records: Iterable[Record], folder: Path) -> None:
    """Write these records with their values and galleries into a folder, and delete all other records there.

    Packed records are copied as separate files; a packed folder of exactly these records stays packed.

    Raises:
        StoreError: the folder cannot be written, or packed records cannot be read.
    """
    wanted = {record.key: record.folder for record in records}
    packed = open_packed(folder)
    for path in folder.glob("*"):
        if re.fullmatch(r"[0-9a-f]{24}", path.stem) and path.stem not in wanted:
            path.unlink()
    here = {key for key, source in wanted.items() if source and source.resolve() == folder.resolve()}
    if packed is not None and here == set(wanted) == set(packed.records):
        return
    for key, source in wanted.items():
        if source is not None:
            _copy_record(key, source, folder)
    for name in reversed(PACKED_FILES) if packed is not None else ():
        (folder / name).unlink(missing_ok=True)


def _copy_record(key: str, source: Path, folder: Path) -> None:
    packed = None if (source / f"{key}.json").is_file() else open_packed(source)
    if packed is not None:
        pictures = packed.pictures(key)
        gallery = None if pictures is None else {"target": pictures[0], "output": pictures[1]}
        write_record(folder, key, content=packed.records[key], per_image=packed.values(key), gallery=gallery)
        return
    for suffix in RECORD_FILES:
        if source != folder and (source / f"{key}{suffix}").is_file():
            _copy(source / f"{key}{suffix}", folder / f"{key}{suffix}")


def _copy(source: Path, target: Path) -> None:
    """Copy a file, unless the target holds the same bytes."""
    content = source.read_bytes()
    if not target.is_file() or target.read_bytes() != content:
        write_bytes(target, content)


def read_records(folder: Path) -> list[Record]:
    """Return every record of a folder, sorted by file name or key; a file takes precedence over a packed record.

    Raises:
        StoreError: the folder does not exist or has no records, or a record cannot be read.
    """
    folder = Path(folder)
    packed = open_packed(folder)
    found = {path.stem: read_record(path) for path in sorted(folder.glob("*.json")) if path.name != MANIFEST}
    for key, content in packed.records.items() if packed is not None else ():
        if key not in found:
            found[key] = _record(content, folder / RECORDS)
    if not found:
        raise StoreError(f"{folder}: no records (KEY.json, or {MANIFEST}) here")
    return [found[key] for key in sorted(found)]
