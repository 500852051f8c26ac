"""Groups of records that may share a table: grouping, checks of comparability, and per-image values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.errors import BenchError, unknown
from bench.core.files import digest
from bench.core.packed import Packed, open_packed
from bench.core.types import Cell, Record, Track, influence_column
from bench.statistics import Floats

if TYPE_CHECKING:
    import pandas as pd

TRACKS: tuple[Track, ...] = ("test", "own")


@dataclass(frozen=True)
class MethodResults:
    """The records of one method in one table.

    Attributes:
        title: title printed in tables.
        name: name in suite files (``dfi+opt``).
        by_seed: finished records, in the order of seeds.
        others: records that failed or do not apply.
    """

    title: str
    name: str
    by_seed: Mapping[int, Record]
    others: tuple[Record, ...] = ()

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts about the method (capacity, control ...) from the record of the first seed; {} if none is done."""
        return next((record.facts for record in self.by_seed.values()), {})

    @property
    def control(self) -> bool:
        """True for a control, which is a floor or a ceiling and not ranked."""
        return bool(self.facts.get("control", False))

    def values(self, track: Track, metric: str) -> dict[int, float]:
        """Return the stored summary value of a metric for each seed that has one."""
        found = {seed: r.metrics.get(track, {}).get(metric) for seed, r in self.by_seed.items()}
        return {seed: float(summary["value"]) for seed, summary in found.items() if summary is not None}

    def images(self, track: Track, metric: str, seeds: Iterable[int]) -> Floats | None:
        """Return per-image values ``[S, N]`` of the given seeds, or None if a seed has none stored.

        Raises:
            BenchError: seeds were measured on different numbers of images.
        """
        columns = [per_image(self.by_seed[seed], track, metric) for seed in seeds]
        found = [c for c in columns if c is not None]
        if not found or len(found) < len(columns):
            return None
        sizes = sorted({len(c) for c in found})
        if len(sizes) > 1:
            raise BenchError(
                f"{self.title}: {track}/{metric} has {sizes[0]} images for one seed, {sizes[1]} for another"
            )
        return np.stack(found)

    def influences(self, track: Track, metric: str, seeds: Iterable[int]) -> Floats | None:
        """Return the influence ``[S, N]`` of each image on a set metric, or None if a seed has none stored."""
        columns = [per_image(self.by_seed[seed], track, metric, influence_column(metric)) for seed in seeds]
        found = [c for c in columns if c is not None]
        return np.stack(found) if len(found) == len(columns) and len({len(c) for c in found}) == 1 else None


@dataclass(frozen=True, eq=False)
class ResultGroup:
    """Records of one dataset, GAN and budget, measured under one protocol, and planned cells without a record."""

    records: tuple[Record, ...]
    missing: tuple[Cell, ...]
    dataset: Mapping[str, Any]
    gan: Mapping[str, Any]
    budget: Mapping[str, Any]
    runs: tuple[MethodResults, ...] = field(default=())

    @property
    def title(self) -> str:
        """Dataset, GAN and budget in words."""
        return f"{title_of(self.dataset)} · {title_of(self.gan)} · {self.budget['name']}"

    @property
    def higher_is_better(self) -> dict[str, bool]:
        """Direction of every metric that was measured."""
        return {m: bool(up) for r in self.records for m, up in r.facts.get("higher_is_better", {}).items()}

    def measured(self, track: Track) -> list[str]:
        """Return the metrics with a value on a track, in the order of the suite; others last."""
        asked = [metric for record in self.records for metric in record.cell["metrics"]]
        found = dict.fromkeys(metric for record in self.records for metric in record.metrics.get(track, {}))
        return [metric for metric in dict.fromkeys([*asked, *found]) if metric in found]

    def find(self, method: str) -> MethodResults:
        """Return the method with this title or name.

        Raises:
            UnknownName: no such method in these records.
            BenchError: several methods share the name, so that a title is needed.
        """
        found = [r for r in self.runs if r.title == method] or [r for r in self.runs if r.name == method]
        if not found:
            raise unknown("method", method, {r.title for r in self.runs} | {r.name for r in self.runs}, self.title)
        if len(found) > 1:
            titles = ", ".join(r.title for r in found)
            raise BenchError(f"{self.title}: method '{method}' stands for several rows; give one of: {titles}")
        return found[0]


def title_of(choice: Mapping[str, Any]) -> str:
    """Return the printed title of a dataset, GAN or method of a stored cell."""
    return str(choice.get("label") or choice["name"])


def groups(records: Sequence[Record], missing: Sequence[Cell] = ()) -> list[ResultGroup]:
    """Split records into those that may share a table, in order of appearance.

    Args:
        records: any records; a record given twice counts once.
        missing: planned cells that have no record.

    Raises:
        BenchError: records of one dataset, GAN and budget are not comparable; names the difference.
    """
    parts: dict[str, tuple[dict[str, Any], list[Record], list[Cell]]] = {}
    for record in {r.key: r for r in records}.values():
        parts.setdefault(_identity(record.cell), (record.cell, [], []))[1].append(record)
    for cell in missing:
        plain = json.loads(json.dumps(asdict(cell)))
        parts.setdefault(_identity(plain), (plain, [], []))[2].append(cell)
    return [_group(*part) for part in parts.values()]


def only_group(records: Sequence[Record]) -> ResultGroup:
    """Return the single group of these records.

    Raises:
        BenchError: there are no records, or records of several tables.
    """
    found = groups(records)
    if len(found) != 1:
        raise BenchError(f"records of exactly one table are needed, got {len(found)}: {[g.title for g in found]}")
    return found[0]


def _group(cell: dict[str, Any], records: list[Record], missing: list[Cell]) -> ResultGroup:
    place = f"{title_of(cell['dataset'])} · {title_of(cell['gan'])} · {cell['budget']['name']}"
    _refuse_to_mix(place, [r for r in records if r.status == "done"])
    runs = tuple(_runs(place, records))
    return ResultGroup(
        tuple(records),
        tuple(missing),
        dataset=cell["dataset"],
        gan=cell["gan"],
        budget=budget_numbers(cell["budget"]),
        runs=runs,
    )


def budget_numbers(budget: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a budget that affect values: without the time limit, and without ``looks`` if it is 0."""
    return {key: value for key, value in budget.items() if key != "timeout" and (key, value) != ("looks", 0)}


def _identity(cell: Mapping[str, Any]) -> str:
    return digest([_what(cell["dataset"]), _what(cell["gan"]), budget_numbers(cell["budget"])])


def _what(choice: Mapping[str, Any]) -> list[Any]:
    return [choice["name"], choice.get("options") or {}]


def _refuse_to_mix(place: str, records: Sequence[Record]) -> None:
    """Raise unless all conditions that two records both state agree."""
    seen: dict[str, tuple[Any, Record]] = {}
    for record in records:
        for what, value in _conditions(record):
            first, other = seen.setdefault(what, (value, record))
            if first != value:
                left, right = _contrast(first, value)
                sides = f"{_short(other)} has {left}, {_short(record)} has {right}"
                raise BenchError(f"{place}: cannot share a table, {what} differs: {sides}")


def _conditions(record: Record) -> Iterator[tuple[str, Any]]:
    facts = record.facts
    if "dataset_checksum" in facts:
        yield "dataset checksum", facts["dataset_checksum"]
    if "gan_checksum" in facts:
        yield f"GAN checksum of seed {record.cell['seed']}", facts["gan_checksum"]
    if "device" in record.environment:
        yield "device", str(record.environment["device"]).partition(":")[0]  # of two processors, costs alone differ
    for metric, protocol in record.protocol.items():
        yield f"protocol of {metric}", protocol
    for metric, up in facts.get("higher_is_better", {}).items():
        yield f"direction of {metric}", up
    if record.metrics.get("own"):
        yield "nonce of the generated images", record.cell.get("nonce") or "none"
    for track in TRACKS:
        stored = image_table(record, track)
        if stored is not None and len(stored):
            yield (
                f"set of {track} images",
                f"{len(stored)} images, {stored['index'].min()} to {stored['index'].max()}",
            )
        for metric, summary in record.metrics.get(track, {}).items():
            if "n" in summary and (stored is None or metric not in stored.columns):
                yield f"number of {track} images of {metric}", int(summary["n"])


def _contrast(first: Any, second: Any) -> tuple[str, str]:
    """Return two differing values as short texts; of two protocols, only the entries that differ."""
    if isinstance(first, dict) and isinstance(second, dict):
        keys = [k for k in {**first, **second} if first.get(k) != second.get(k)]
        return tuple(", ".join(f"{k}={d.get(k)!r}" for k in keys) for d in (first, second))  # type: ignore[return-value]
    return str(first), str(second)


def _short(record: Record) -> str:
    return f"{title_of(record.cell['method'])} (seed {record.cell['seed']})"


def _runs(place: str, records: Sequence[Record]) -> Iterator[MethodResults]:
    by_method: dict[str, list[Record]] = {}
    for record in records:
        by_method.setdefault(digest(_what(record.cell["method"])), []).append(record)
    titles = [title_of(found[0].cell["method"]) for found in by_method.values()]
    for title, found in zip(titles, by_method.values(), strict=True):
        choice = found[0].cell["method"]
        options = ", ".join(f"{k}={v}" for k, v in (choice.get("options") or {}).items())
        full = f"{title} ({options or 'defaults'})" if titles.count(title) > 1 else title
        done: dict[int, Record] = {}
        for record in sorted((r for r in found if r.status == "done"), key=lambda r: int(r.cell["seed"])):
            seed = int(record.cell["seed"])
            if seed in done:
                keys = f"{done[seed].key} and {record.key}"
                raise BenchError(f"{place}: two records of {full}, seed {seed} ({keys}); keep one of them")
            done[seed] = record
        yield MethodResults(full, choice["name"], done, tuple(r for r in found if r.status != "done"))


def per_image(record: Record, track: Track, metric: str, column: str = "") -> Floats | None:
    """Return the values ``[N]`` of a metric for every image of a track, in the order of the images.

    ``column`` names another column of the file that belongs to the metric.

    None if the record has no such values: for a set metric, or a record that was never stored.

    Raises:
        BenchError: the file cannot be read.
    """
    rows = image_table(record, track)
    column = column or metric
    if rows is None or rows.empty or column not in rows.columns:
        return None
    return np.asarray(rows[column], np.float64) if metric in record.metrics.get(track, {}) else None


def image_table(record: Record, track: Track) -> pd.DataFrame | None:
    """Return all per-image values of a track, one row per image, or None if the record has no such file.

    Raises:
        BenchError: the file cannot be read.
    """
    if record.folder is None:
        return None
    path = record.folder / f"{record.key}.parquet"
    if path.is_file():
        return _tracks(path, path.stat().st_mtime_ns)[track]
    packed = open_packed(record.folder)
    tables = None if packed is None else _packed_tracks(packed, record.key)
    return None if tables is None else tables[track]


@lru_cache(maxsize=512)
def _tracks(path: Path, _stamp: int) -> dict[str, pd.DataFrame]:
    import pandas as pd

    try:
        return _by_track(pd.read_parquet(path))
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"cannot read per-image values {path}: {error}") from error


@lru_cache(maxsize=512)
def _packed_tracks(packed: Packed, key: str) -> dict[str, pd.DataFrame] | None:
    table = packed.values(key)
    return None if table is None else _by_track(table)


def _by_track(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    table = table.sort_values("index", kind="stable")
    return {track: table[table["track"] == track].reset_index(drop=True) for track in TRACKS}
