"""What a paper claims, read strictly from its folder: ``claims.toml``, with the numbers of ``published.csv``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, suggest, unknown
from bench.papers.claims.claim_tests import Level, Test, level_of, read_test
from bench.reports.published import PrintedTable, Published, Role, check_keys, read_roles, read_tables, texts

PAPERS = Path(__file__).parents[1]
FILE = "claims.toml"


@dataclass(frozen=True)
class Claim:
    """One claim; it holds when all of its tests do.

    Attributes:
        records: tables of the paper whose records answer it.
        stated: whether the paper's own numbers agree, where the file says so; None where they are asked instead, or
            where the paper prints none.
        every: whether it is about each dataset: one on which it fails is enough, whichever is nearest to the paper.
    """

    id: str
    source: str
    text: str
    tests: tuple[Test, ...]
    records: tuple[str, ...] = ()
    stated: bool | None = None
    every: bool = False

    @property
    def level(self) -> Level:
        """What its tests span."""
        return level_of(self.tests)


@dataclass(frozen=True)
class Stand:
    """Datasets that answer for one of the paper's: the same ones, or stand-ins."""

    answered_by: tuple[str, ...]
    stand_in: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claims:
    """A paper's roles, claims and printed tables; ``datasets`` says which of ours stand for the paper's."""

    paper: str
    roles: Mapping[str, Role]
    claims: tuple[Claim, ...]
    tables: tuple[PrintedTable, ...]
    datasets: Mapping[str, Stand] = field(default_factory=dict)
    gans: Mapping[str, str] = field(default_factory=dict)
    """GANs that the paper lists twice, by the name under which they are run once."""

    @property
    def published(self) -> tuple[Published, ...]:
        """The printed numbers of the tables that compare methods on one GAN."""
        return tuple(row for table in self.tables if table.across == "methods" for row in table.rows)

    @property
    def of_methods(self) -> tuple[Claim, ...]:
        """The claims that the methods of one GAN can answer: those about tables that compare methods."""
        named = {table.name for table in self.tables if table.across == "methods"}
        return tuple(c for c in self.claims if c.level == "gan" and (not c.records or named & set(c.records)))

    def table(self, name: str) -> PrintedTable | None:
        """The printed table of this name, None if the paper prints no numbers there."""
        return next((table for table in self.tables if table.name == name), None)


def read_claims(path: Path) -> Claims:
    """Read a claims file and the ``published.csv`` beside it (none: no printed numbers).

    Raises:
        BenchError: a file that cannot be read, an unknown key or operator, a missing field, a value of the wrong
            type, an undefined metric, an id used twice; names file and claim or table.
    """
    raw = read_toml(path)
    optional = {"tables": dict, "datasets": dict, "gans": dict}
    check_keys(raw, str(path), {"paper": str, "roles": dict, "claim": list}, optional)
    roles = read_roles(raw["roles"], path)
    datasets = {name: _stand(entry, f"{path}: dataset '{name}'") for name, entry in raw.get("datasets", {}).items()}
    gans = raw.get("gans", {})
    check_keys(gans, f"{path}: gans", {}, dict.fromkeys(gans, str))
    claims: dict[str, Claim] = {}
    for position, entry in enumerate(raw["claim"], 1):
        named = entry.get("id", f"number {position}") if isinstance(entry, dict) else f"number {position}"
        claim = _claim(entry, roles, f"{path}: claim {named}")
        if claim.id in claims:
            raise BenchError(f"{path}: claim {claim.id} stands there twice")
        claims[claim.id] = claim
    tables = read_tables(raw["paper"], raw.get("tables", {}), path, roles)
    return Claims(raw["paper"], roles, tuple(claims.values()), tuple(tables), datasets, gans)


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        BenchError: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BenchError(f"{path}: cannot be read: {error}") from error


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


def _stand(entry: Any, place: str) -> Stand:
    check_keys(entry, place, {"answered_by": list}, {"stand_in": list})
    return Stand(*(texts(entry.get(key, []), key, place) for key in ("answered_by", "stand_in")))


def _claim(entry: Any, roles: Mapping[str, Role], place: str) -> Claim:
    needed = {"id": str, "source": str, "text": str, "test": list}
    check_keys(entry, place, needed, {"records": list, "published": bool, "every": bool})
    if not entry["test"]:
        raise BenchError(f"{place}: test is empty; a claim needs at least one")
    tests = tuple(_test(atom, roles, f"{place}, test {i}") for i, atom in enumerate(entry["test"], 1))
    records = texts(entry.get("records", []), "records", place)
    stated, every = entry.get("published"), entry.get("every", False)
    return Claim(entry["id"], entry["source"], entry["text"], tests, records, stated, every)


def _test(atom: Any, roles: Mapping[str, Role], place: str) -> Test:
    test = read_test(atom, place)
    for metric in test.metrics:
        if metric not in roles:
            raise BenchError(f"{place}: metric '{metric}' has no role{suggest(metric, roles)}")
    return test
