"""Reader of records that ``bench.harness.packing`` packed into a few files of one folder.

``packed.json`` lists the content of the folder and the SHA-256 of the other files, and has a checksum of its own:
``records.jsonl.gz``, one record per line; ``per-image.parquet``, the concatenated per-image values of all records;
``gallery.zip``, one PNG per record with its images below each other, and one for each set of targets. Every file is
checked when it is first read.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import StoreError
from bench.core.files import digest, sha256
from bench.core.packed_values import decode

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
MANIFEST = "packed.json"
RECORDS = "records.jsonl.gz"
VALUES = "per-image.parquet"
PICTURES = "gallery.zip"
PACKED_FILES = (RECORDS, VALUES, PICTURES, MANIFEST)
"""Files of a pack; the manifest is written last, so that it marks a complete pack."""
CHECKSUM = "sha256"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Packed:
    """The packed records of one folder.

    Attributes:
        folder: folder of the files.
        manifest: content of ``packed.json``: ``files``, name -> SHA-256; ``tables``, the columns of per-image values
            with key -> (rows, C·H·W of an image) of the records that have these; ``galleries``, key -> the name of
            the targets' sheet and the shape ``[k, C, H, W]``.
    """

    folder: Path
    manifest: dict[str, Any]

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """The fields of every record, by key.

        Raises:
            StoreError: the file is missing or damaged.
        """
        try:
            lines = gzip.decompress(self._checked(RECORDS).read_bytes()).decode().splitlines()
            contents = [json.loads(line) for line in lines]
            return {content["key"]: content for content in contents}
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(RECORDS, error) from error

    def values(self, key: str) -> pd.DataFrame | None:
        """Return the per-image values of a record as they were stored, or None if it has none.

        Raises:
            StoreError: the file is missing or damaged.
        """
        found = self._values.get(key)
        return None if found is None else found.copy()

    def pictures(self, key: str) -> tuple[Pixels, Pixels] | None:
        """Return the stored targets and outputs of a record, uint8 ``[k, C, H, W]`` each, or None if there are none.

        Raises:
            StoreError: the file is missing or damaged.
        """
        kept = self.manifest["galleries"].get(key)
        if kept is None:
            return None
        shape = tuple(kept["shape"])
        return self._sheet(kept["target"], shape), self._sheet(f"{key}.png", shape)

    @cached_property
    def _values(self) -> dict[str, pd.DataFrame]:
        if not self.manifest["tables"]:
            return {}
        import pandas as pd

        try:
            stored = pd.read_parquet(self._checked(VALUES))
            found, start = {}, 0
            for layout in self.manifest["tables"]:
                for key, (rows, pixels) in sorted(layout["rows"].items()):
                    part = stored.iloc[start : start + rows].reset_index(drop=True)
                    found[key] = decode(part, layout["columns"], pixels)
                    start += rows
        except (OSError, ValueError, KeyError) as error:
            raise self._damaged(VALUES, error) from error
        if start != len(stored):
            raise self._damaged(VALUES, f"{len(stored)} rows, {MANIFEST} names {start}")
        return found

    def _sheet(self, name: str, shape: tuple[int, ...]) -> Pixels:
        from PIL import Image

        try:
            with Image.open(io.BytesIO(self._archive.read(name))) as picture:
                pixels = np.array(picture, np.uint8)
            count, channels, height, width = shape
            return np.ascontiguousarray(pixels.reshape(count, height, width, channels).transpose(0, 3, 1, 2))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise self._damaged(PICTURES, error) from error

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        content = self._checked(PICTURES).read_bytes()
        try:
            return zipfile.ZipFile(io.BytesIO(content))
        except zipfile.BadZipFile as error:
            raise self._damaged(PICTURES, error) from error

    def _checked(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise self._damaged(name, "it is not there")
        if sha256(path) != self.manifest["files"].get(name):
            raise self._damaged(name, f"its SHA-256 is not that of {MANIFEST}")
        return path

    def _damaged(self, name: str, why: object) -> StoreError:
        return _unreadable(self.folder / name, why)


def manifest_checksum(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of everything that a manifest holds beside it."""
    return digest({key: value for key, value in manifest.items() if key != CHECKSUM})


def open_packed(folder: Path) -> Packed | None:
    """Return the pack of a folder, or None if its records are not packed. Unchanged files are read once per process.

    Raises:
        StoreError: the manifest cannot be read, or has another format.
    """
    stamps = tuple(_stamp(folder / name) for name in PACKED_FILES)
    return None if stamps[-1] is None else _open(folder, stamps)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size


@lru_cache(maxsize=64)
def _open(folder: Path, _stamps: tuple[tuple[int, int] | None, ...]) -> Packed:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise StoreError(f"{path}: format {manifest['format']}, this version reads {FORMAT}; update the package")
        missing = {"files", "tables", "galleries", CHECKSUM} - set(manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error
    if missing:
        raise _unreadable(path, f"{', '.join(sorted(missing))} not in it")
    if manifest[CHECKSUM] != manifest_checksum(manifest):
        raise _unreadable(path, "its content does not have its own checksum")
    return Packed(folder, manifest)


def _unreadable(path: Path, why: object) -> StoreError:
    return StoreError(
        f"packed records {path} cannot be read: {why}; restore the folder's {len(PACKED_FILES)} files from one source"
        f" (in a clone: git checkout -- {path.parent})"
    )
