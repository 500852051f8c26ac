"""The claims of a paper, read strictly from its folder: ``claims.toml``, with the numbers of ``published.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, suggest
from bench.papers.claims.operators import ClaimTest, read_test
from bench.papers.claims.subjects import Level, widest
from bench.reports.published import MetricMapping, PrintedPaper, read_printed
from bench.reports.strict_toml import check_keys, read_toml, texts
from bench.reports.verdicts import Statement


@dataclass(frozen=True)
class Claim(Statement):
    """One claim; it holds if all of its tests hold.

    Attributes:
        records: tables of the paper whose records decide the claim.
        stated: whether the paper's own numbers agree, as stated in the file; None to derive it from the printed
            numbers.
        every: whether the claim is about each dataset: then it fails if it fails on any of them, not only on the one
            nearest to the paper.
    """

    tests: tuple[ClaimTest, ...]
    records: tuple[str, ...] = ()
    stated: bool | None = None
    every: bool = False

    @property
    def level(self) -> Level:
        """The level that its tests span."""
        return widest(test.level for test in self.tests)

    @property
    def from_study(self) -> bool:
        """True if a study decides it, and not records."""
        return any(test.from_study for test in self.tests)

    @property
    def unmeasurable(self) -> str:
        """Reason for which the claim cannot be measured; "" if it can."""
        return next((test.unmeasurable for test in self.tests if test.unmeasurable), "")


@dataclass(frozen=True)
class Claims(PrintedPaper):
    """The printed numbers and the claims of a paper."""

    claims: tuple[Claim, ...] = ()

    @property
    def of_methods(self) -> tuple[Claim, ...]:
        """Claims that are decided by the methods of one GAN: those about tables that compare methods."""
        named = {table.name for table in self.tables if table.across == "methods"}
        return tuple(c for c in self.claims if c.level == "gan" and (not c.records or named & set(c.records)))


def read_claims(path: Path) -> Claims:
    """Read a claims file and the ``published.csv`` beside it (none: no printed numbers).

    Raises:
        BenchError: a file cannot be read, a key or operator is unknown, a field is missing, a value has the wrong
            type, a metric is undefined, or an id is used twice; names file and claim or table.
    """
    raw = read_toml(path)
    printed = read_printed(raw, path)
    claims: dict[str, Claim] = {}
    for position, entry in enumerate(raw["claim"], 1):
        named = entry.get("id", f"number {position}") if isinstance(entry, dict) else f"number {position}"
        claim = _claim(entry, printed.roles, f"{path}: claim {named}")
        if claim.id in claims:
            raise BenchError(f"{path}: claim {claim.id} is defined twice")
        claims[claim.id] = claim
    return Claims(**vars(printed), claims=tuple(claims.values()))


def _claim(entry: Any, roles: Mapping[str, MetricMapping], place: str) -> Claim:
    needed = {"id": str, "source": str, "text": str, "test": list}
    check_keys(entry, place, needed, {"records": list, "published": bool, "every": bool})
    if not entry["test"]:
        raise BenchError(f"{place}: test is empty; a claim needs at least one")
    tests = tuple(_test(atom, roles, f"{place}, test {i}") for i, atom in enumerate(entry["test"], 1))
    records = texts(entry.get("records", []), "records", place)
    stated, every = entry.get("published"), entry.get("every", False)
    return Claim(
        entry["id"], entry["source"], text=entry["text"], tests=tests, records=records, stated=stated, every=every
    )


def _test(atom: Any, roles: Mapping[str, MetricMapping], place: str) -> ClaimTest:
    test = read_test(atom, place)
    for metric in test.metrics:
        if metric not in roles:
            raise BenchError(f"{place}: metric '{metric}' has no role{suggest(metric, roles)}")
    return test
