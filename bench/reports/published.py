"""What a paper prints: the metrics that it names and its tables, read strictly from its folder."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from bench.core.errors import BenchError, suggest

Across = Literal["methods", "gans", "variants", "distortions"]


@dataclass(frozen=True)
class Role:
    """A metric as the paper names it, and what answers it in records.

    Attributes:
        answered_by: metric names; a family ("lpips") covers ``lpips@...``.
        stand_in: families asked when nothing in ``answered_by`` was measured; a verdict says so.
        same_as: measured names whose numbers may be set beside the published ones.
    """

    name: str
    higher_is_better: bool
    answered_by: tuple[str, ...]
    stand_in: tuple[str, ...] = ()
    same_as: tuple[str, ...] = ()


@dataclass(frozen=True)
class Published:
    """One printed number; ``std`` is the printed standard deviation, None if there is none."""

    table: str
    dataset: str
    backbone: str
    method: str
    metric: str
    value: float
    note: str
    std: float | None = None


@dataclass(frozen=True)
class PrintedTable:
    """One table or figure of a paper.

    Attributes:
        across: what its rows compare: methods on one GAN, GANs under one method, variants of one method (or of one
            kind of training) in records of their own, or distortions of real images.
        test_images: on which the paper measured; 0 if it does not say.
    """

    paper: str
    name: str
    rows: tuple[Published, ...]
    roles: Mapping[str, Role]
    across: Across = "methods"
    test_images: int = 0

    @property
    def title(self) -> str:
        """Paper and table in words."""
        return f"{self.paper} {self.name}"


def read_roles(raw: Mapping[str, Any], path: Path) -> dict[str, Role]:
    """The ``roles`` of a claims file.

    Raises:
        BenchError: an unknown key, a missing one, a value of the wrong type; names file and role.
    """
    return {name: _role(name, entry, f"{path}: role '{name}'") for name, entry in raw.items()}


def read_tables(paper: str, facts: Mapping[str, Any], path: Path, roles: Mapping[str, Role]) -> list[PrintedTable]:
    """The printed numbers in ``published.csv``, a table each, in the order of the file (none: no tables).

    Args:
        paper: its name.
        facts: what the claims file says of tables, by name.
        path: of the claims file; the numbers lie beside it.
        roles: of every metric that may appear.

    Raises:
        BenchError: a row that cannot be read, a metric without a role, facts of a table without numbers.
    """
    rows = _rows(path.with_name("published.csv"), roles)
    names = list(dict.fromkeys(row.table for row in rows))
    for name in facts:
        if name not in names:
            raise BenchError(f"{path}: table '{name}' has no number in published.csv{suggest(name, names)}")
    return [
        PrintedTable(
            paper,
            name,
            tuple(row for row in rows if row.table == name),
            roles,
            **_facts(facts.get(name, {}), f"{path}: table '{name}'"),
        )
        for name in names
    ]


def _role(name: str, entry: Any, place: str) -> Role:
    check_keys(entry, place, {"higher_is_better": bool, "answered_by": list}, {"stand_in": list, "same_as": list})
    lists = {k: texts(entry.get(k, []), k, place) for k in ("answered_by", "stand_in", "same_as")}
    return Role(name, entry["higher_is_better"], **lists)


def _facts(entry: Any, place: str) -> dict[str, Any]:
    check_keys(entry, place, {}, {"across": str, "test_images": int})
    across = entry.get("across", "methods")
    if across not in get_args(Across):
        raise BenchError(f"{place}: across = {across!r} should be one of {', '.join(get_args(Across))}")
    if entry.get("test_images", 1) < 1:
        raise BenchError(f"{place}: test_images = {entry['test_images']} should be at least 1")
    return dict(entry)


def _rows(path: Path, roles: Mapping[str, Role]) -> list[Published]:
    if not path.is_file():
        return []
    rows: list[Published] = []
    with path.open(newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            if row.get("metric") not in roles:
                raise BenchError(f"{path}: metric '{row.get('metric')}' has no role in the claims file")
            try:
                values = {k: row[k] for k in ("table", "dataset", "backbone", "method", "metric", "note")}
                std = float(row["std"]) if row.get("std") else None
                rows.append(Published(value=float(row["value"]), std=std, **values))
            except (KeyError, TypeError, ValueError) as error:
                raise BenchError(f"{path}: row {len(rows) + 2} cannot be read: {error!r}") from error
    return rows


def plain(name: str) -> str:
    """A name in lower case, letters and digits only: by it papers' names find ours."""
    return "".join(c for c in name.lower() if c.isalnum())


def check_keys(
    entry: Any, place: str, required: Mapping[str, Any], optional: Mapping[str, Any] | None = None
) -> None:
    """Refuse anything but a table with these keys, each with a value of its type.

    Raises:
        BenchError: names the place, the key, and what it should be.
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
    """One name or several.

    Raises:
        BenchError: too few, or something else.
    """
    found = [value] if isinstance(value, str) else value
    if len(found) < at_least or not all(isinstance(text, str) and text for text in found):
        raise BenchError(f"{place}: {key} = {value!r} should be {at_least or 'any number of'} or more names")
    return tuple(found)
