"""Strict reading of TOML files: an unknown key, a missing key or a value of another type raises an error."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, suggest


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        BenchError: the file cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BenchError(f"{path}: cannot be read: {error}") from error


def check_keys(
    entry: Any, place: str, required: Mapping[str, Any], optional: Mapping[str, Any] | None = None
) -> None:
    """Check that an entry is a table with these keys, each with a value of its type.

    Raises:
        BenchError: it is not; names the place, the key and the expected type.
    """
    if not isinstance(entry, dict):
        raise BenchError(f"{place}: expected a table with {', '.join(required or optional or {})}")
    known = {**required, **(optional or {})}
    for key, value in entry.items():
        if key not in known:
            raise BenchError(f"{place}: unknown key '{key}'{suggest(key, known)}")
        if not isinstance(value, known[key]) or (isinstance(value, bool) and known[key] is not bool):
            kinds = known[key] if isinstance(known[key], tuple) else (known[key],)
            raise BenchError(f"{place}: {key} = {value!r} should be {' or '.join(k.__name__ for k in kinds)}")
    for key in required:
        if key not in entry:
            raise BenchError(f"{place}: '{key}' is missing")


def texts(value: Any, key: str, place: str, at_least: int = 0) -> tuple[str, ...]:
    """Return one name or several as a tuple.

    Raises:
        BenchError: there are fewer than ``at_least``, or a value is not a string.
    """
    found = [value] if isinstance(value, str) else value
    if len(found) < at_least or not all(isinstance(text, str) and text for text in found):
        raise BenchError(f"{place}: {key} = {value!r} should be {at_least or 'any number of'} or more names")
    return tuple(found)
