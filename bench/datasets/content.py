"""Hashes of the content of files. Those of unchanged files are read from a cache in the data folder."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from bench.core.errors import DataError, StoreError
from bench.core.files import digest, file_stamp, write_text
from bench.core.paths import data_folder

THREADS = 8
BATCH = 64
"""Number of files that a thread hashes at a time."""
BLOCK = 2**18
SETTLED = 2.0
"""Seconds without a change after which a hash is kept: within the clock tick of a file system (at most 2 s, FAT), a
second change need not alter a file's times."""

Known = Mapping[str, tuple[list[int], str]]
"""File name -> its stamp (``bench.core.files.file_stamp``) and the hash of its content."""


def content_hashes(root: Path, names: Sequence[str], who: str) -> list[str]:
    """Return the hash of each file's content: BLAKE2b of 128 bits, hex.

    A file is read again if its device, inode, size or times have changed. The cache may be deleted at any time.

    Args:
        root: folder of the files.
        names: names relative to ``root``.
        who: the dataset, as errors name it.

    Raises:
        DataError: a file cannot be read, or is not a regular file; the message names it.
    """
    cache = data_folder() / "content-hashes" / f"{digest(str(root.resolve()))}.json"
    known, started = _remembered(cache), time.time()
    stamps = [_stamp(root, name, who) for name in names]
    found = {
        name: known[name][1]
        for name, now in zip(names, stamps, strict=True)
        if name in known and known[name][0] == now
    }
    missing = [name for name in names if name not in found]
    if missing:
        found |= _hashed(root, missing, who)
        fresh = {
            name: (now, found[name]) for name, now in zip(names, stamps, strict=True) if _is_settled(now, started)
        }
        with suppress(StoreError):  # a data folder that cannot be written costs time alone
            _remember(cache, {**known, **fresh})
    return [found[name] for name in names]


def _stamp(root: Path, name: str, who: str) -> list[int]:
    try:
        facts = os.stat(f"{root}/{name}")  # noqa: PTH116 - a Path for each of a million files takes seconds
    except OSError as error:
        raise _unreadable(who, name, error) from error
    if not stat.S_ISREG(facts.st_mode):
        raise DataError(f"{who}: '{name}' is not a regular file")
    return list(file_stamp(facts))


def _is_settled(stamp: Sequence[int], now: float) -> bool:
    *_, modified, changed = stamp
    return max(modified, changed) < (now - SETTLED) * 1e9


def _hashed(root: Path, names: Sequence[str], who: str) -> dict[str, str]:
    def hash_files(part: Sequence[str]) -> list[str]:
        return [_hash(f"{root}/{name}", name, who) for name in part]

    parts = [names[start : start + BATCH] for start in range(0, len(names), BATCH)]
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        found = [each for part in pool.map(hash_files, parts) for each in part]
    return dict(zip(names, found, strict=True))


def _hash(path: str, name: str, who: str) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb", buffering=0) as handle:  # noqa: PTH123 - a Path each takes longer
            while block := handle.read(BLOCK):
                hashed.update(block)
    except OSError as error:
        raise _unreadable(who, name, error) from error
    return hashed.hexdigest()


def _unreadable(who: str, name: str, error: OSError) -> DataError:
    return DataError(f"{who}: cannot read '{name}': {error.strerror or error}")


# ---------------------------------------------------------------------------------------------------- cache


def _remembered(cache: Path) -> Known:
    """Return the content of the cache; nothing if it is absent or damaged."""
    try:
        checksum, _, content = cache.read_text().partition("\n")
        if hashlib.sha256(content.encode()).hexdigest() != checksum:
            return {}
        known: Known = json.loads(content)
    except (OSError, ValueError):
        return {}
    return known


def _remember(cache: Path, known: Known) -> None:
    content = json.dumps(known, separators=(",", ":"))
    write_text(cache, f"{hashlib.sha256(content.encode()).hexdigest()}\n{content}")
