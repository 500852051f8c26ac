"""The printed numbers of a paper: its metrics and its tables, read strictly from its folder as data.

``bench/papers/NAME/`` holds ``claims.toml``, whose roles, tables, datasets and GANs are read here, and the numbers in
``published.csv``. The claims in the same file are read by ``bench.papers.claims.spec``.
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
    """Mapping of a metric of the paper to metrics in records.

    Attributes:
        name: name of the metric in the paper.
        answered_by: metric names in records; a family ("lpips") covers ``lpips@...``.
        stand_in: names or families used if nothing in ``answered_by`` was measured; verdicts mention the stand-in.
        same_as: names of measured metrics whose values are comparable with the published ones.
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
        across: objects that its rows compare: methods on one GAN, GANs under one method, variants of one method (or
            of one kind of training) in separate records, or distortions of real images.
        test_images: number of test images in the paper; 0 if it is not stated.
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
    """Mapping of a dataset of the paper to datasets in records: the same dataset, or stand-ins."""

    answered_by: tuple[str, ...]
    stand_in: tuple[str, ...] = ()


@dataclass(frozen=True)
class PrintedPaper:
    """A paper's metrics and printed tables.

    Attributes:
        roles: metric mappings, by the paper's name of the metric.
        datasets: dataset mappings, by the paper's name of the dataset.
        gans: name under which a GAN is run, by its other name in the paper.
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
        """Return the printed table of this name, None if there are no printed numbers of it."""
        return next((table for table in self.tables if table.name == name), None)


def printed_table(name: str, where: str = "") -> PrintedTable:
    """Return a printed table that compares GANs.

    Args:
        name: ``paper/table``, case-insensitive: ``dfi/table2``.
        where: path of the file with the name, for errors.

    Raises:
        UnknownName: no such paper, or no such table in it.
        BenchError: the name has another form, or files cannot be read.
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
    """Parse a claims file except its claims, and read ``published.csv`` in its folder, if there is one.

    Args:
        raw: content of the claims file.
        path: path of the claims file.

    Raises:
        BenchError: a key is unknown or missing, a value has the wrong type, or a number cannot be read or its metric
            has no role; names file and role, dataset or table.
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
    """Return a name in lower case with letters and digits only, to match names of papers and of the suite."""
    return "".join(c for c in name.lower() if c.isalnum())


def _tables(
    paper: str, facts: Mapping[str, Any], path: Path, roles: Mapping[str, MetricMapping]
) -> list[PrintedTable]:
    """Return the printed tables, in the order of the file."""
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
