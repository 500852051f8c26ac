"""Atomic files: everything is written under a temporary name, flushed, and renamed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from bench.core.errors import StoreError


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it if the block succeeds, delete it otherwise.

    Raises:
        StoreError: the folder cannot be written, or the disk is full; the message states path and reason.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:6]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        share(temporary)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True) if temporary.parent.is_dir() else None


def share(path: Path) -> None:
    """Set the default mode of new files; safetensors creates files that only their owner can read."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def slug(text: str) -> str:
    """Return a text as part of a file name: lower case, with hyphens for all but letters and digits."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def file_name(text: str) -> str:
    """Return a text of anybody as one part of a path: letters, digits and ``. _ -``, never hidden, never empty.

    A text that is one already stays as it is; another one gets a hash, so that two texts never share a name.

    Example:
        >>> file_name("wgan-gp"), file_name("../../x")
        ('wgan-gp', 'x-0ed9b9')
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:80]
    return name if name and name == text else f"{name or 'name'}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def write_bytes(path: Path, content: bytes) -> None:
    """Write a complete file or none."""
    with writing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a complete UTF-8 file or none."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, so that equal content gives equal bytes."""
    write_text(path, json.dumps(content, indent=1, sort_keys=True, allow_nan=True) + "\n")


def finite(content: Any) -> Any:
    """Return the content with null for numbers that are not finite, as standard JSON requires."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: finite(value) for key, value in content.items()}
    return [finite(value) for value in content] if isinstance(content, list | tuple) else content


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file (hex)."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def file_stamp(facts: os.stat_result) -> tuple[int, ...]:
    """Return device, inode, size, and times of modification and change (ns) of a file: unequal if it was replaced."""
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def read_header(path: Path) -> dict[str, Any]:
    """Read the header of a safetensors file, without its tensors or torch.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not a complete safetensors file.
    """
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        header: dict[str, Any] = json.loads(handle.read(min(length, path.stat().st_size)))
    return header


def digest(content: Any) -> str:
    """Return the key of JSON-able content: 24 hex digits of the SHA-256 of its canonical form."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:24]


def module_file(module: str) -> Path | None:
    """Return the Python file of a module, installed or below the current folder; None if there is none.

    It is found by path without importing: ``find_spec`` of a submodule would import its parents.
    """
    top, *rest = module.split(".")
    spec = _spec(top)
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin).resolve() if spec.origin and Path(spec.origin).is_file() else None
    places = [Path(folder).resolve().joinpath(*rest) for folder in spec.submodule_search_locations or ()]
    files = [file for place in places for file in (place.with_name(f"{place.name}.py"), place / "__init__.py")]
    return next((file for file in files if file.is_file()), None)


def _spec(top: str) -> ModuleSpec | None:
    try:
        found = importlib.util.find_spec(top)
    except (ValueError, ImportError):  # a module that runs as a script has no spec
        found = None
    return found or PathFinder.find_spec(top, [*sys.path, str(Path.cwd())])
