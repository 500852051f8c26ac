"""Files of records: reading, checking, writing and copying them, from a store or from anybody's folder.

A record is ``KEY.json``, written last, with ``KEY.parquet`` (values of each image), ``KEY.npz`` (first pictures) and
``KEY.codes.safetensors`` beside it, or an entry of packed files (``bench.core.packed``). Nothing here needs torch.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import StoreError
from bench.core.files import write_json, writing
from bench.core.packed import MANIFEST, PACKED_FILES, RECORDS, open_packed
from bench.core.record_schema import CHECKSUM, KEY, fault_of
from bench.core.record_values import fault_of_values, read_columns
from bench.core.types import Record
from bench.core.types.runs import SCHEMA

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

GENERATORS = "generators"
"""Folder beside a folder of records with the generators that it kept, ``KEY/`` each, as in a store's ``train/``."""
CODES = ".codes.safetensors"
RECORD_FILES = (CODES, ".parquet", ".npz", ".json")
"""Endings of a record's files; the JSON is written last and marks a complete record."""


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
    """Read one record file. Its summaries are compared with its per-image values when they are first used.

    Raises:
        StoreError: the file is not a record, it was altered, or it was written by a newer version of this suite.
    """
    return record_of(read_fields(path), path, path.stem)


def read_fields(path: Path) -> Any:
    """Return the content of a record file, unchecked.

    Raises:
        StoreError: the file cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path} is not a record: {error}") from error


def record_of(content: Any, path: Path, key: str) -> Record:
    """Build a record from the fields of a file.

    Args:
        content: parsed JSON.
        path: the file, for errors; its folder holds the record's other files.
        key: key under which the file holds it.

    Raises:
        StoreError: the fields are not those of a record, or of a newer version.
    """
    schema = content.get("schema", SCHEMA) if isinstance(content, dict) else SCHEMA
    if isinstance(schema, int) and schema > SCHEMA:
        raise StoreError(
            f"{path} was written by a newer version of this suite: its schema is {schema}, supported are those "
            f"up to {SCHEMA}; update gan-inversion-bench"
        )
    if fault := fault_of(content, key):
        raise StoreError(f"{path} is not a record: {fault}")
    try:
        record = Record(**{name: value for name, value in content.items() if name != CHECKSUM}, folder=path.parent)
    except TypeError as error:
        raise StoreError(f"{path} is not a record: {error}") from error

    def checked_metrics() -> dict[str, dict[str, dict[str, float]]]:
        if fault := fault_of_values(content, read_columns(path.parent, key)):
            raise StoreError(f"{path} cannot be used: {fault}")
        return dict(content["metrics"])

    if content.get("metrics"):
        record.read_metrics_by(checked_metrics)
    return record


def record_paths(folder: Path) -> list[Path]:
    """Return the record files of a folder, sorted by name: every JSON file but the manifest of a pack."""
    return sorted(path for path in Path(folder).glob("*.json") if path.name != MANIFEST)


def iter_records(folder: Path) -> Iterator[Record]:
    """Yield every record of a folder, sorted by file name or key; a file takes precedence over a packed record.

    Raises:
        StoreError: a record cannot be read.
    """
    folder = Path(folder)
    packed = open_packed(folder)
    files = {path.stem: path for path in record_paths(folder)}
    for key in sorted({*files, *(packed.records if packed is not None else ())}):
        if key in files:
            yield read_record(files[key])
        elif packed is not None:
            yield record_of(packed.records[key], folder / RECORDS, key)


def read_records(folder: Path) -> list[Record]:
    """Return every record of a folder; see ``iter_records``.

    Raises:
        StoreError: the folder does not exist or has no records, or a record cannot be read.
    """
    found = list(iter_records(folder))
    if not found:
        raise StoreError(f"{folder}: no records (KEY.json, or {MANIFEST}) here")
    return found


def holds_records(folder: Path) -> bool:
    """Return True if a folder contains records, packed or not: their file names are keys."""
    return (folder / MANIFEST).is_file() or any(KEY.fullmatch(path.stem) for path in folder.glob("*.json"))


def stored_keys(folder: Path) -> set[str]:
    """Return the keys of the records whose own files lie in a folder."""
    return {path.name[:24] for path in folder.glob("*") if re.fullmatch(rf"{KEY.pattern}\..+", path.name)}


def copy_records(records: Iterable[Record], folder: Path) -> None:
    """Write these records with their values, galleries and codes into a folder, and delete all other records there.

    Packed records are copied as separate files; a packed folder of exactly these records stays packed.

    Raises:
        StoreError: the folder cannot be written, or packed records cannot be read.
    """
    wanted = {record.key: record.folder for record in records}
    packed = open_packed(folder)
    for key in stored_keys(folder) - set(wanted):
        for suffix in RECORD_FILES:
            (folder / f"{key}{suffix}").unlink(missing_ok=True)
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
            copy_file(source / f"{key}{suffix}", folder / f"{key}{suffix}", link=suffix == CODES)


def copy_file(source: Path, target: Path, *, link: bool = False) -> None:
    """Copy a file, unless the target holds the same bytes.

    Args:
        source: the file.
        target: its copy.
        link: let both names share one file where the file system can; for files that are never changed in place.

    Raises:
        StoreError: the target cannot be written.
    """
    with suppress(OSError):
        if target.is_file() and (target.samefile(source) or target.read_bytes() == source.read_bytes()):
            return
    if link:
        temporary = target.with_name(f".{target.name}.{os.getpid()}.{uuid.uuid4().hex[:6]}.tmp")
        with suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source.resolve(), temporary)
            temporary.replace(target)
            return
    with writing(target) as path, suppress(shutil.SameFileError):
        shutil.copyfile(source, path)
