"""Packing of record folders into a few small files that every command reads; all numbers are preserved."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.errors import StoreError
from bench.core.files import write_bytes, write_json
from bench.core.packed import (
    CHECKSUM,
    FORMAT,
    MANIFEST,
    PACKED_FILES,
    PICTURES,
    RECORDS,
    VALUES,
    manifest_checksum,
    open_packed,
)
from bench.core.packed_values import encode
from bench.core.png import png_bytes
from bench.core.types import Record
from bench.harness.record_files import RECORD_FILES, holds_records, read_records
from bench.harness.store import Store
from bench.reports.gallery import Pixels, gallery

if TYPE_CHECKING:
    import pandas as pd

IMAGES = 100
"""Largest number of images in a pack, targets and outputs together."""
ZSTD_LEVEL = 19
FEW = 16
"""A column is stored by its distinct values if there are at most one for so many rows."""
ABSENT = {"float64": math.nan, "int64": 0}
"""What stands in a column for records that do not have it, by type."""
DATE = (1980, 1, 1, 0, 0, 0)
"""Date of every file in the archive of pictures, so that equal pictures give equal bytes."""


@dataclass(frozen=True)
class Packing:
    """The result of packing a folder.

    Attributes:
        folder: folder of the records.
        records: number of records.
        kept: number of images in its gallery, including targets.
        pictured: number of records with stored pictures.
        without: number of records whose pictures were dropped to stay below the number of images.
        before: size in bytes before packing.
        after: size in bytes after packing.
    """

    folder: Path
    records: int
    kept: int
    pictured: int
    without: int
    before: int
    after: int


def pack_below(folder: Path, images: int = IMAGES) -> Iterator[Packing]:
    """Pack every folder of records at or below a folder.

    Raises:
        StoreError: there are no records, a file cannot be read or written, or the folder is the store itself.
    """
    store = Store().records_folder
    found = [f for f in [folder, *sorted(p for p in folder.rglob("*") if p.is_dir())] if holds_records(f)]
    if not found:
        raise StoreError(f"{folder}: no folder of records here or below")
    for each in found:
        if each.resolve() == store:
            raise StoreError(f"{each} is the store, which runs write to; pack the records of a report")
    yield from (pack(each, images) for each in found)


def pack(folder: Path, images: int = IMAGES) -> Packing:
    """Put the records of a folder into a few files and delete the original files.

    Records and per-image values stay as they are, to the bit. Of the pictures the first ones of each record stay, as
    many for each as fit, and targets that records share are stored once; galleries that are no pictures of 1 or 3
    channels, which no report shows, do not. Everything is read back and compared before anything is deleted. A folder
    that is packed can be packed again, to take in further records or to keep less.

    Args:
        folder: with ``KEY.json``, ``KEY.parquet`` and ``KEY.npz``, or packed.
        images: how many to keep at most, targets included.

    Raises:
        StoreError: no records, a file that cannot be read or written, or per-image values of one name and two types.
    """
    records = read_records(folder)
    before = _size(folder)
    values = {r.key: table for r in records if (table := per_image_values(r)) is not None}
    pictured = {r.key: found for r in sorted(records, key=_seed) if (found := gallery(r)) is not None}
    kept = cut(pictured, images)
    pixels = {key: math.prod(target.shape[1:]) for key, (target, _) in pictured.items()}
    tables, stored = _values(folder, values, pixels if set(values) <= set(pixels) else {})
    galleries, archive = _pictures(kept)
    fields = {r.key: stored_content(folder, r.key) for r in records}
    contents = {RECORDS: _lines(fields)} | ({VALUES: stored} if tables else {})
    contents |= {PICTURES: archive} if galleries else {}
    with tempfile.TemporaryDirectory(prefix=".packing-", dir=folder) as temporary:
        _write(Path(temporary), contents, {"tables": tables, "galleries": galleries})
        _compare(Path(temporary), folder, records=fields, values=values, kept=kept)
        for name in [*contents, MANIFEST]:
            (Path(temporary) / name).replace(folder / name)
    for record in records:
        for suffix in RECORD_FILES:
            (folder / f"{record.key}{suffix}").unlink(missing_ok=True)
    for name in set(PACKED_FILES) - {MANIFEST} - set(contents):
        (folder / name).unlink(missing_ok=True)
    shown = _count(kept)
    return Packing(
        folder,
        len(records),
        kept=shown,
        pictured=len(kept),
        without=len(pictured) - len(kept),
        before=before,
        after=_size(folder),
    )


def cut(pictured: Mapping[str, tuple[Pixels, Pixels]], images: int) -> dict[str, tuple[Pixels, Pixels]]:
    """The first images of each record, as many for each as fit; with too many records the last ones keep none.

    Args:
        pictured: targets and outputs ``[k, C, H, W]`` by key.
        images: how many at most, where equal targets count once.
    """
    most = max((len(target) for target, _ in pictured.values()), default=0)
    for each in range(most, 0, -1):
        kept = {key: (target[:each], output[:each]) for key, (target, output) in pictured.items()}
        if _count(kept) <= images:
            return kept
    kept = {key: (target[:1], output[:1]) for key, (target, output) in pictured.items()}
    while _count(kept) > images:
        kept.popitem()
    return kept


def per_image_values(record: Record) -> pd.DataFrame | None:
    """Return the per-image values of a record as they were stored, or None if it has none.

    Raises:
        StoreError: the values cannot be read.
    """
    import pandas as pd

    if record.folder is None:
        return None
    path = record.folder / f"{record.key}.parquet"
    if not path.is_file():
        packed = open_packed(record.folder)
        return packed.values(record.key) if packed else None
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read per-image values {path}: {error}") from error


def stored_content(folder: Path, key: str) -> dict[str, Any]:
    """Return the fields of a record in its file or pack; older versions wrote fewer fields."""
    path = folder / f"{key}.json"
    packed = None if path.is_file() else open_packed(folder)
    return dict(packed.records[key] if packed else json.loads(path.read_text()))


def _seed(record: Record) -> tuple[int, str]:
    return int(record.cell.get("seed", 0)), record.key


def _count(pictured: Mapping[str, tuple[Pixels, Pixels]]) -> int:
    targets = {_digest(target): len(target) for target, _ in pictured.values()}
    return sum(targets.values()) + sum(len(output) for _, output in pictured.values())


def _digest(pixels: Pixels) -> str:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":")) + "\n"


def _lines(contents: Mapping[str, Mapping[str, Any]]) -> bytes:
    return gzip.compress("".join(map(_line, contents.values())).encode(), 9, mtime=0)


def _values(
    folder: Path, values: Mapping[str, pd.DataFrame], pixels: Mapping[str, int]
) -> tuple[list[dict[str, Any]], bytes]:
    """The layouts of the tables, and one Parquet file of all; records of one layout stand together."""
    layouts: dict[tuple[str, ...], dict[str, tuple[int, int]]] = {}
    for key, table in sorted(values.items()):
        layouts.setdefault(tuple(table.columns), {})[key] = (len(table), pixels.get(key, 0))
    parts = [encode(values[key], size) for rows in layouts.values() for key, (_, size) in sorted(rows.items())]
    tables = [{"columns": list(columns), "rows": rows} for columns, rows in layouts.items()]
    return tables, _parquet(folder, parts) if parts else b""


def _parquet(folder: Path, parts: Sequence[pd.DataFrame]) -> bytes:
    import pandas as pd

    kinds: dict[str, set[str]] = {}
    for part in parts:
        for column in part.columns:
            kinds.setdefault(column, set()).add(str(part[column].dtype))
    fills: dict[str, float] = {}
    for column, found in kinds.items():
        absent = any(column not in part for part in parts)
        if len(found) > 1 or (absent and not found <= set(ABSENT)):
            raise StoreError(f"{folder}: '{column}' is {' and '.join(sorted(found))} in records; cannot be packed")
        fills[column] = ABSENT.get(min(found), 0)
    filled = [part.assign(**{c: fill for c, fill in fills.items() if c not in part})[list(fills)] for part in parts]
    table = pd.concat(filled, ignore_index=True)
    floats = [str(c) for c in table.columns if table[c].dtype == np.float64]
    many = [c for c in floats if table[c].nunique() * FEW > len(table)]
    file = io.BytesIO()
    table.to_parquet(
        file,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        index=False,
        use_dictionary=[str(c) for c in table.columns if c not in many],
        use_byte_stream_split=many,
    )
    return file.getvalue()


def _pictures(kept: Mapping[str, tuple[Pixels, Pixels]]) -> tuple[dict[str, Any], bytes]:
    """Return the manifest's entry of each gallery, and an archive of their sheets."""
    targets: dict[str, str] = {}
    galleries: dict[str, Any] = {}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for key, (target, output) in sorted(kept.items()):
            digest = _digest(target)
            if digest not in targets:
                targets[digest] = f"targets-{len(targets)}.png"
                _add(archive, targets[digest], target)
            _add(archive, f"{key}.png", output)
            galleries[key] = {"target": targets[digest], "shape": list(target.shape)}
    return galleries, file.getvalue()


def _add(archive: zipfile.ZipFile, name: str, pictures: Pixels) -> None:
    """Add a PNG of pictures ``[k, C, H, W]`` below each other."""
    count, channels, height, width = pictures.shape
    sheet = pictures.transpose(0, 2, 3, 1).reshape(count * height, width, channels)
    archive.writestr(zipfile.ZipInfo(name, DATE), png_bytes(sheet[..., 0] if channels == 1 else sheet))


def _write(folder: Path, contents: Mapping[str, bytes], facts: Mapping[str, Any]) -> None:
    for name, content in contents.items():
        write_bytes(folder / name, content)
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = {"format": FORMAT, "files": files, **facts}
    write_json(folder / MANIFEST, {**manifest, CHECKSUM: manifest_checksum(manifest)})


def _compare(
    written: Path,
    folder: Path,
    records: Mapping[str, Mapping[str, Any]],
    values: Mapping[str, pd.DataFrame],
    kept: Mapping[str, tuple[Pixels, Pixels]],
) -> None:
    """Read the pack back; raise if it differs from the original records."""
    found = open_packed(written)
    for key, content in records.items():
        pictures = found.pictures(key) if found else None
        expected = kept.get(key)
        equal = found is not None and (
            _line(found.records.get(key, {})) == _line(content)
            and _same_values(found.values(key), values.get(key))
            and (pictures is None) == (expected is None)
            and all(np.array_equal(a, b) for a, b in zip(pictures or (), expected or (), strict=True))
        )
        if not equal:
            raise StoreError(f"{folder}: record {key} does not come back equal; nothing was changed")


def _same_values(one: pd.DataFrame | None, other: pd.DataFrame | None) -> bool:
    if one is None or other is None:
        return one is other
    if list(one.columns) != list(other.columns) or list(one.dtypes) != list(other.dtypes) or len(one) != len(other):
        return False
    bits = [
        (a.view(np.int64), b.view(np.int64)) if a.dtype == np.float64 else (a, b)
        for a, b in ((one[column].to_numpy(), other[column].to_numpy()) for column in one.columns)
    ]
    return all(np.array_equal(a, b) for a, b in bits)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
