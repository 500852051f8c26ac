"""Form of stored records: names, types and the checksum of a record's fields, checked before anything uses them.

A record may come from a stranger. Its key names files, and its texts and numbers go into tables, so that a field of
another type is refused here with one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bench.core.files import digest

KEY = re.compile(r"[0-9a-f]{24}")
"""Keys of cells, which name the files of records."""
CHECKSUM = "sha256"
"""Field of a stored record with the checksum of all others; older records have none."""
STATES = ("done", "failed", "not applicable")
TRACKS = ("test", "own")
LONGEST = 10_000
"""Characters of the longest text of a record, tracebacks included."""


def fields_checksum(content: Mapping[str, Any]) -> str:
    """Return the checksum of a record's JSON fields, without the checksum itself: 24 hex digits."""
    return digest({name: value for name, value in content.items() if name != CHECKSUM})


def fault_of(content: Any, key: str) -> str:
    """Return the first fault of a record's fields in words, "" if it has none.

    Args:
        content: parsed JSON.
        key: key under which it is stored: the stem of its file, or "" if it has no name of its own.
    """
    if not isinstance(content, dict):
        return f"{_kind(content)} in place of fields"
    stated = content.get("key")
    if not isinstance(stated, str) or not KEY.fullmatch(stated):
        return f"its key {_short(stated)} is not a key (24 hexadecimal digits)"
    if key and stated != key:
        return f"it is stored as {_short(key)}, its key is {stated}"
    if CHECKSUM in content and content[CHECKSUM] != fields_checksum(content):
        return "its fields do not have its own checksum: it was altered or damaged"
    if content.get("status") not in STATES:
        return f"status {_short(content.get('status'))}, expected one of {', '.join(STATES)}"
    return _fault_of_fields(content) or _fault_of_cell(content.get("cell"))


def _fault_of_fields(content: Mapping[str, Any]) -> str:
    texts = [name for name in ("reason", "traceback") if not _is_text(content.get(name, ""))]
    if texts:
        return f"{texts[0]} is {_kind(content[texts[0]])} in place of a text"
    for name in ("skipped", "protocol", "facts", "cost", "environment", "metrics"):
        if not isinstance(content.get(name, {}), dict):
            return f"{name} is {_kind(content[name])} in place of fields"
    for track, summaries in content.get("metrics", {}).items():
        if track not in TRACKS:
            return f"metrics of {_short(track)}, expected {' or '.join(TRACKS)}"
        for metric, summary in summaries.items() if isinstance(summaries, dict) else [("", None)]:
            if not isinstance(summary, dict) or "value" not in summary or not all(map(_is_number, summary.values())):
                return f"metrics/{track}/{_short(metric)} is not a summary with a number as its value"
    return (
        _first("skipped", content.get("skipped", {}), _is_text, "a text")
        or _first("cost", content.get("cost", {}), _is_number, "a number")
        or _first("protocol", content.get("protocol", {}), lambda value: isinstance(value, dict), "fields")
        or _fault_of_parts("facts", content.get("facts", {}), FACTS)
        or _fault_of_parts("environment", content.get("environment", {}), ENVIRONMENT)
    )


def _fault_of_cell(cell: Any) -> str:
    if not isinstance(cell, dict):
        return f"cell is {_kind(cell)} in place of fields"
    for part in ("dataset", "gan", "method"):
        choice = cell.get(part)
        if not isinstance(choice, dict) or not _is_text(choice.get("name")) or not choice["name"]:
            return f"cell/{part} has no name"
        if not isinstance(choice.get("options") or {}, dict) or not _is_text(choice.get("label") or ""):
            return f"cell/{part} has options or a label of another type"
    if "seed" not in cell:
        return "cell/seed is missing"
    budget = cell.get("budget")
    if not isinstance(budget, dict) or not _is_text(budget.get("name")):
        return "cell/budget has no name"
    numbers = {name: value for name, value in budget.items() if name != "name"}
    return _first("cell/budget", numbers, _is_number, "a number") or _fault_of_parts("cell", cell, CELL)


def _fault_of_parts(where: str, found: Mapping[str, Any], expected: Mapping[str, tuple[Check, str]]) -> str:
    for name, (check, words) in expected.items():
        if name in found and not check(found[name]):
            return f"{where}/{name} is {_short(found[name])}, expected {words}"
    return ""


def _first(where: str, found: Mapping[str, Any], check: Check, words: str) -> str:
    return next(
        (f"{where}/{_short(k)} is {_short(v)}, expected {words}" for k, v in found.items() if not check(v)), ""
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and _is_number(value) and value >= 0


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _mapping(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


Check = Callable[[Any], bool]
_TEXT, _TEXTS, _COUNT = (_is_text, "a text"), (_is_texts, "a list of texts"), (_is_count, "a count")
FACTS: Mapping[str, tuple[Check, str]] = {
    **dict.fromkeys(("capacity", "trained_on", "plugin", "dataset_checksum", "gan_checksum"), _TEXT),
    **dict.fromkeys(("codes_sha256", "values_sha256", "gan_code"), _TEXT),
    **dict.fromkeys(("optimises", "started_processes", "written_files", "measured_by", "spaces", "pictures"), _TEXTS),
    **dict.fromkeys(("code_dim", "trained_parameters", "fit_threads", "threads"), _COUNT),
    **dict.fromkeys(("control", "isolated"), (_is_flag, "true or false")),
    "fit_steps": (_is_number, "a number"),
    "diverged": (_mapping(_is_count), "a count for each track"),
    "higher_is_better": (_mapping(_is_flag), "true or false for each metric"),
    "seeds": (_mapping(_is_count), "a number for each stage"),
    "keys": (_mapping(_is_text), "a key for each stage"),
    "metric_code": (_mapping(_is_text), "a fingerprint for each metric"),
    "gan": (lambda value: isinstance(value, dict), "fields"),
}
"""Facts that reports use, with their types; further ones may have any."""
CELL: Mapping[str, tuple[Check, str]] = {
    "seed": (_is_count, "a whole number, 0 or more"),
    "metrics": _TEXTS,
    "nonce": _TEXT,
}
ENVIRONMENT: Mapping[str, tuple[Check, str]] = {
    **dict.fromkeys(("device", "commit"), _TEXT),
    "dirty": (_is_flag, "true or false"),
    "threads": _COUNT,
    "versions": (_mapping(_is_text), "a text for each package"),
}


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
