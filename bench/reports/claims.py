"""What a paper claims, read strictly from its folder: ``claims.toml``, with the numbers of ``published.csv``."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError, suggest, unknown
from bench.reports.printed import PrintedTable, Published, Role, check_keys, read_roles, read_tables, texts

PAPERS = Path(__file__).parents[1] / "papers"
FILE = "claims.toml"


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
class Claims:
    """A paper's roles, claims and printed tables."""

    paper: str
    roles: Mapping[str, Role]
    claims: tuple[Claim, ...]
    tables: tuple[PrintedTable, ...]

    @property
    def published(self) -> tuple[Published, ...]:
        """The printed numbers that claims are about: those of tables that compare methods."""
        return tuple(row for table in self.tables if table.across == "methods" for row in table.rows)


def read_claims(path: Path) -> Claims:
    """Read a claims file and the ``published.csv`` beside it (none: no printed numbers).

    Raises:
        BenchError: a file that cannot be read, an unknown key or operator, a missing field, a value of the wrong
            type, an undefined metric, an id used twice; names file and claim or table.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BenchError(f"{path}: cannot be read: {error}") from error
    check_keys(raw, str(path), {"paper": str, "roles": dict, "claim": list}, {"tables": dict})
    roles = read_roles(raw["roles"], path)
    claims: dict[str, Claim] = {}
    for position, entry in enumerate(raw["claim"], 1):
        named = entry.get("id", f"number {position}") if isinstance(entry, dict) else f"number {position}"
        claim = _claim(entry, roles, f"{path}: claim {named}")
        if claim.id in claims:
            raise BenchError(f"{path}: claim {claim.id} stands there twice")
        claims[claim.id] = claim
    tables = read_tables(raw["paper"], raw.get("tables", {}), path, roles)
    return Claims(raw["paper"], roles, tuple(claims.values()), tuple(tables))


def printed_table(name: str, where: str = "") -> PrintedTable:
    """A printed table that compares GANs.

    Args:
        name: ``paper/table``, in any case: ``dfi/table2``.
        where: the file that names it, for errors.

    Raises:
        UnknownName: no such paper, or no such table in it.
        BenchError: a name of another form, or files that cannot be read.
    """
    paper, slash, table = name.lower().partition("/")
    if not slash:
        raise BenchError(f"{where}: published names '{name}'; expected paper/table, such as dfi/table2")
    papers = sorted(path.parent.name for path in PAPERS.glob(f"*/{FILE}"))
    if paper not in papers:
        raise unknown("paper", paper, papers, where)
    tables = {t.name.lower(): t for t in read_claims(PAPERS / paper / FILE).tables if t.across == "gans"}
    if table not in tables:
        raise unknown(f"table across GANs of {paper}", table, tables, where)
    return tables[table]


def _claim(entry: Any, roles: Mapping[str, Role], place: str) -> Claim:
    check_keys(entry, place, {"id": str, "source": str, "text": str, "test": list})
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
    check_keys(atom, place, {"op": str, "metric": some, "better": some, "worse": some})
    return Order(*(texts(atom[key], key, place, 1) for key in ("metric", "better", "worse")))


def _correlation(atom: Mapping[str, Any], place: str) -> Correlation:
    check_keys(atom, place, {"op": str, "metrics": list, "methods": list, "at_least": (int, float)})
    metrics = texts(atom["metrics"], "metrics", place, 2)
    if len(metrics) != 2:
        raise BenchError(f"{place}: metrics should be two names, got {len(metrics)}")
    methods = texts(atom["methods"], "methods", place, 3)
    return Correlation((metrics[0], metrics[1]), methods, float(atom["at_least"]))


OPERATORS: dict[str, Callable[[Mapping[str, Any], str], Test]] = {"order": _order, "correlation": _correlation}
