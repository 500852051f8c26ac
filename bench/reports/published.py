"""The printed numbers of a paper: its metrics and its tables, read strictly from its folder as data.

``bench/papers/NAME/`` holds ``claims.toml``, whose roles, tables, datasets and GANs are read here, and the numbers in
``published.csv``. What the paper claims is read by ``bench.papers.claims.spec``.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from bench.core.errors import BenchError, suggest, unknown
from bench.reports.strict_toml import check_keys, read_toml, texts

PAPERS = Path(__file__).parents[1] / "papers"
FILE = "claims.toml"
NUMBERS = "published.csv"

Across = Literal["methods", "gans", "variants", "distortions"]


@dataclass(frozen=True)
class MetricMapping:
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
class PrintedNumber:
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
    rows: tuple[PrintedNumber, ...]
    roles: Mapping[str, MetricMapping]
    across: Across = "methods"
    test_images: int = 0

    @property
    def title(self) -> str:
        """Paper and table in words."""
        return f"{self.paper} {self.name}"


@dataclass(frozen=True)
class DatasetMapping:
    """Datasets that answer for one of the paper's: the same ones, or stand-ins."""

    answered_by: tuple[str, ...]
    stand_in: tuple[str, ...] = ()


@dataclass(frozen=True)
class PrintedPaper:
    """A paper's metrics and printed tables.

    Attributes:
        roles: its metrics, by the paper's name for them.
        datasets: which of ours stand for the paper's.
        gans: GANs that the paper lists twice, by the name under which they are run once.
    """

    paper: str
    roles: Mapping[str, MetricMapping]
    tables: tuple[PrintedTable, ...] = ()
    datasets: Mapping[str, DatasetMapping] = field(default_factory=dict)
    gans: Mapping[str, str] = field(default_factory=dict)

    @property
    def published(self) -> tuple[PrintedNumber, ...]:
        """The printed numbers of the tables that compare methods on one GAN."""
        return tuple(row for table in self.tables if table.across == "methods" for row in table.rows)

    def table(self, name: str) -> PrintedTable | None:
        """The printed table of this name, None if the paper prints no numbers there."""
        return next((table for table in self.tables if table.name == name), None)


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
    tables = {t.name.lower(): t for t in printed_paper(paper).tables if t.across == "gans"}
    if table not in tables:
        raise unknown(f"table across GANs of {paper}", table, tables, where)
    return tables[table]


def printed_paper(name: str) -> PrintedPaper:
    """Return the printed numbers of the paper of this folder; see ``read_printed``."""
    path = PAPERS / name / FILE
    return read_printed(read_toml(path), path)


def read_printed(raw: Mapping[str, Any], path: Path) -> PrintedPaper:
    """A claims file without its claims, and the numbers beside it (none: no printed tables).

    Args:
        raw: content of the file.
        path: of the file, for errors; the numbers lie beside it.

    Raises:
        BenchError: an unknown key, a missing one, a value of the wrong type, a number that cannot be read or whose
            metric has no role; names file and role, dataset or table.
    """
    optional = {"tables": dict, "datasets": dict, "gans": dict}
    check_keys(raw, str(path), {"paper": str, "roles": dict, "claim": list}, optional)
    roles = {name: _role(name, entry, f"{path}: role '{name}'") for name, entry in raw["roles"].items()}
    datasets = {name: _stand(entry, f"{path}: dataset '{name}'") for name, entry in raw.get("datasets", {}).items()}
    gans = raw.get("gans", {})
    check_keys(gans, f"{path}: gans", {}, dict.fromkeys(gans, str))
    tables = _tables(raw["paper"], raw.get("tables", {}), path, roles)
    return PrintedPaper(raw["paper"], roles, tables=tuple(tables), datasets=datasets, gans=gans)


def plain(name: str) -> str:
    """A name in lower case, letters and digits only: by it papers' names find ours."""
    return "".join(c for c in name.lower() if c.isalnum())


def _tables(
    paper: str, facts: Mapping[str, Any], path: Path, roles: Mapping[str, MetricMapping]
) -> list[PrintedTable]:
    """The printed numbers, a table each, in the order of the file."""
    rows = _rows(path.with_name(NUMBERS), roles)
    names = list(dict.fromkeys(row.table for row in rows))
    for name in facts:
        if name not in names:
            raise BenchError(f"{path}: table '{name}' has no number in {NUMBERS}{suggest(name, names)}")
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


def _role(name: str, entry: Any, place: str) -> MetricMapping:
    check_keys(entry, place, {"higher_is_better": bool, "answered_by": list}, {"stand_in": list, "same_as": list})
    lists = {k: texts(entry.get(k, []), k, place) for k in ("answered_by", "stand_in", "same_as")}
    return MetricMapping(name, entry["higher_is_better"], **lists)


def _stand(entry: Any, place: str) -> DatasetMapping:
    check_keys(entry, place, {"answered_by": list}, {"stand_in": list})
    return DatasetMapping(*(texts(entry.get(key, []), key, place) for key in ("answered_by", "stand_in")))


def _facts(entry: Any, place: str) -> dict[str, Any]:
    check_keys(entry, place, {}, {"across": str, "test_images": int})
    across = entry.get("across", "methods")
    if across not in get_args(Across):
        raise BenchError(f"{place}: across = {across!r} should be one of {', '.join(get_args(Across))}")
    if entry.get("test_images", 1) < 1:
        raise BenchError(f"{place}: test_images = {entry['test_images']} should be at least 1")
    return dict(entry)


def _rows(path: Path, roles: Mapping[str, MetricMapping]) -> list[PrintedNumber]:
    if not path.is_file():
        return []
    rows: list[PrintedNumber] = []
    with path.open(newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            if row.get("metric") not in roles:
                raise BenchError(f"{path}: metric '{row.get('metric')}' has no role in the claims file")
            try:
                values = {k: row[k] for k in ("table", "dataset", "backbone", "method", "metric", "note")}
                std = float(row["std"]) if row.get("std") else None
                rows.append(PrintedNumber(value=float(row["value"]), std=std, **values))
            except (KeyError, TypeError, ValueError) as error:
                raise BenchError(f"{path}: row {len(rows) + 2} cannot be read: {error!r}") from error
    return rows
