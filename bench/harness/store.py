"""The store: artefacts by key, one record per cell. Writes are atomic, reads are checked, processes may share it.

Layout under one root: ``train/KEY/``, ``fit/KEY/``, ``invert/KEY/`` hold files and a ``meta.json`` with their
SHA-256; ``records/`` holds records (``bench.harness.record_files``); ``work/`` holds mid-training checkpoints and
locks. Reading records needs no torch.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import StoreError
from bench.core.files import sha256, share, write_json
from bench.core.paths import home
from bench.core.record_schema import CHECKSUM, fields_checksum
from bench.core.types import Record
from bench.harness.record_files import (
    CODES,
    RECORD_FILES,
    copy_file,
    copy_records,
    read_record,
    read_records,
    write_record,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


__all__ = ["Artefact", "Busy", "Store", "copy_records", "read_record", "read_records", "write_record"]


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
        codes: Path | None = None,
    ) -> None:
        """Write a record; its per-image values, gallery and codes first, the JSON last.

        Args:
            record: the record; a checksum of its fields is stored with them.
            per_image: values of each image.
            gallery: arrays by name.
            codes: file of the codes, which shares its content with the record where the file system can.

        Raises:
            StoreError: the folder cannot be written or the disk is full.
        """
        fields = {f.name: getattr(record, f.name) for f in dataclasses.fields(record) if f.name != "folder"}
        content = json.loads(json.dumps(fields))
        content[CHECKSUM] = fields_checksum(content)
        if codes is not None:
            copy_file(codes, self.records_folder / f"{record.key}{CODES}", link=True)
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
