"""What a paper claims and prints, read strictly from its folder: ``claims.toml`` and ``published.csv``."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError, suggest


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
class Order:
    """Every method in ``better`` beats every method in ``worse`` on every metric."""

    metrics: tuple[str, ...]
    better: tuple[str, ...]
    worse: tuple[str, ...]


@dataclass(frozen=True)
class Correlation:
    """Two metrics order the methods alike: Spearman's rho, both oriented, is at least the threshold."""

    metrics: tuple[str, str]
    methods: tuple[str, ...]
    at_least: float


Test = Order | Correlation


@dataclass(frozen=True)
class Claim:
    """One claim; it holds when all of its tests do."""

    id: str
    source: str
    text: str
    tests: tuple[Test, ...]


@dataclass(frozen=True)
class Published:
    """One printed number."""

    table: str
    dataset: str
    backbone: str
    method: str
    metric: str
    value: float
    note: str


@dataclass(frozen=True)
class Claims:
    """A paper's roles, claims and printed numbers."""

    paper: str
    roles: Mapping[str, Role]
    claims: tuple[Claim, ...]
    published: tuple[Published, ...]


def read_claims(path: Path) -> Claims:
    """Read a claims file and the ``published.csv`` beside it (none: no printed numbers).

    Raises:
        BenchError: a file that cannot be read, an unknown key or operator, a missing field, a value of the wrong
            type, an undefined metric, an id used twice; names file and claim.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BenchError(f"{path}: cannot be read: {error}") from error
    _check_keys(raw, str(path), {"paper": str, "roles": dict, "claim": list})
    roles = {name: _role(name, entry, f"{path}: role '{name}'") for name, entry in raw["roles"].items()}
    claims: dict[str, Claim] = {}
    for position, entry in enumerate(raw["claim"], 1):
        named = entry.get("id", f"number {position}") if isinstance(entry, dict) else f"number {position}"
        claim = _claim(entry, roles, f"{path}: claim {named}")
        if claim.id in claims:
            raise BenchError(f"{path}: claim {claim.id} stands there twice")
        claims[claim.id] = claim
    return Claims(raw["paper"], roles, tuple(claims.values()), _published(path.with_name("published.csv"), roles))


def _role(name: str, entry: Any, place: str) -> Role:
    _check_keys(entry, place, {"higher_is_better": bool, "answered_by": list}, {"stand_in": list, "same_as": list})
    lists = {k: _texts(entry.get(k, []), k, place) for k in ("answered_by", "stand_in", "same_as")}
    return Role(name, entry["higher_is_better"], **lists)


def _claim(entry: Any, roles: Mapping[str, Role], place: str) -> Claim:
    _check_keys(entry, place, {"id": str, "source": str, "text": str, "test": list})
    if not entry["test"]:
        raise BenchError(f"{place}: test is empty; a claim needs at least one")
    tests = tuple(_test(atom, roles, f"{place}, test {i}") for i, atom in enumerate(entry["test"], 1))
    return Claim(entry["id"], entry["source"], entry["text"], tests)


def _test(atom: Any, roles: Mapping[str, Role], place: str) -> Test:
    operator = atom.get("op") if isinstance(atom, dict) else None
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise BenchError(f"{place}: unknown operator {operator!r}; known: {', '.join(OPERATORS)}")
    test = OPERATORS[operator](atom, place)
    for metric in test.metrics:
        if metric not in roles:
            raise BenchError(f"{place}: metric '{metric}' has no role{suggest(metric, roles)}")
    return test


def _order(atom: Mapping[str, Any], place: str) -> Order:
    some = (str, list)
    _check_keys(atom, place, {"op": str, "metric": some, "better": some, "worse": some})
    return Order(*(_texts(atom[key], key, place, 1) for key in ("metric", "better", "worse")))


def _correlation(atom: Mapping[str, Any], place: str) -> Correlation:
    _check_keys(atom, place, {"op": str, "metrics": list, "methods": list, "at_least": (int, float)})
    metrics = _texts(atom["metrics"], "metrics", place, 2)
    if len(metrics) != 2:
        raise BenchError(f"{place}: metrics should be two names, got {len(metrics)}")
    methods = _texts(atom["methods"], "methods", place, 3)
    return Correlation((metrics[0], metrics[1]), methods, float(atom["at_least"]))


OPERATORS: dict[str, Callable[[Mapping[str, Any], str], Test]] = {"order": _order, "correlation": _correlation}


def _check_keys(
    entry: Any, place: str, required: Mapping[str, Any], optional: Mapping[str, Any] | None = None
) -> None:
    if not isinstance(entry, dict):
        raise BenchError(f"{place}: expected a table with {', '.join(required)}")
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


def _texts(value: Any, key: str, place: str, at_least: int = 0) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if len(texts) < at_least or not all(isinstance(text, str) and text for text in texts):
        raise BenchError(f"{place}: {key} = {value!r} should be {at_least or 'any number of'} or more names")
    return tuple(texts)


def _published(path: Path, roles: Mapping[str, Role]) -> tuple[Published, ...]:
    if not path.is_file():
        return ()
    rows = []
    with path.open(newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            if row.get("metric") not in roles:
                raise BenchError(f"{path}: metric '{row.get('metric')}' has no role in the claims file")
            try:
                values = {k: row[k] for k in ("table", "dataset", "backbone", "method", "metric", "note")}
                rows.append(Published(value=float(row["value"]), **values))
            except (KeyError, TypeError, ValueError) as error:
                raise BenchError(f"{path}: row {len(rows) + 2} cannot be read: {error!r}") from error
    return tuple(rows)
