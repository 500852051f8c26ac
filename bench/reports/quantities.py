"""Quantities in records: metrics, costs and counted facts, and the measurements of them for one method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.core.errors import BenchError
from bench.core.types import Record, Track
from bench.reports.formatting import shown_metric
from bench.reports.groups import MethodResults, ResultGroup
from bench.reports.paired import MethodKind, PairedDifferences, kind_of, paired_differences
from bench.reports.published import MetricMapping
from bench.statistics import Floats

Kind = Literal["test", "own", "cost", "facts"]
COSTS = (
    "train_seconds",
    "fit_seconds",
    "measure_seconds",
    "invert_ms_per_image",
    "generator_calls_per_image",
    "fit_generator_calls",
    "peak_memory_bytes",
)
"""Costs of a cell that records contain."""
EXACT = ("trained_parameters",)
"""Facts that are counted, not estimated: equal at every seed, they have no uncertainty."""


@dataclass(frozen=True)
class Quantity:
    """A number in records: a metric of a track, a cost, or a fact that is a number.

    Attributes:
        name: name in claims files: ``own/code_mse``, ``cost/invert_ms_per_image``, or ``psnr`` for the test track.
        up: whether higher is better.
    """

    name: str
    up: bool

    @property
    def shown(self) -> str:
        """Name of the quantity in tables and evidence; see ``shown_metric``."""
        return shown_metric(self.name)

    @property
    def orient(self) -> float:
        """1 if higher is better, else -1; a value multiplied by it is better the higher it is."""
        return 1.0 if self.up else -1.0

    @property
    def kind(self) -> Kind:
        """Section of a record that contains the quantity."""
        first, slash, _ = self.name.partition("/")
        return first if slash else "test"  # type: ignore[return-value]

    @property
    def key(self) -> str:
        """Name of the quantity in that section."""
        return self.name.partition("/")[2] or self.name

    def of(self, record: Record) -> float | None:
        """Return the value in one record, None if there is none."""
        if self.kind in {"cost", "facts"}:
            value = getattr(record, self.kind).get(self.key)
            return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        summary = record.metrics.get(self.kind, {}).get(self.key)
        return None if summary is None else float(summary["value"])


@dataclass(frozen=True)
class Measurement:
    """The measured values of a quantity for one method.

    Attributes:
        by_seed: value of each seed.
        images: per-image values ``[S, N]`` of the same seeds, images in order; None for quantities of other kinds.
        influences: influence ``[S, N]`` of each image on a set metric, if it is stored.
        shown: identity of the images; measurements with equal identities are paired.
        exact: whether the value is counted rather than estimated.
        count: number of images of a set metric, on which its value depends; 0 for other quantities.
        table: differences of the table that it is from; measurements with the same one share a variance over seeds.
        kind: kind of the method.
    """

    by_seed: Mapping[int, float]
    images: Floats | None = None
    shown: str = ""
    exact: bool = False
    count: int = 0
    influences: Floats | None = None
    table: PairedDifferences | None = None
    kind: MethodKind = "trained"

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return float(np.mean(list(self.by_seed.values())))


def quantities(role: MetricMapping, groups: Sequence[ResultGroup]) -> tuple[list[Quantity], str]:
    """Return the quantities of these groups that are mapped to a role, and a remark if they only stand in for it.

    Raises:
        BenchError: the direction of a metric differs between the records and the role.
    """
    measured = list(dict.fromkeys(name for group in groups for name in _measured(group)))
    found = [name for name in measured if _matches(name, role.answered_by)]
    remark = ""
    if not found:
        found = [name for name in measured if _matches(name, role.stand_in)]
        remark = f"{', '.join(found)} stands in for {role.name}" if found else ""
    for group, name in ((g, n) for g in groups for n in found):
        metric = name.removeprefix("own/")
        if group.higher_is_better.get(metric, role.higher_is_better) != role.higher_is_better:
            raise BenchError(f"{group.title}: {name} has another direction than the paper's {role.name}")
    return [Quantity(name, role.higher_is_better) for name in found], remark


def answers(role: MetricMapping, group: ResultGroup) -> tuple[list[str], str]:
    """Return the metrics of the test track that are mapped to a role, and a remark if they only stand in for it.

    Raises:
        BenchError: as ``quantities``.
    """
    found, remark = quantities(role, [group])
    return [quantity.key for quantity in found if quantity.kind == "test"], remark


def _measured(group: ResultGroup) -> list[str]:
    names: dict[str, None] = {}
    for record in group.records:
        names |= dict.fromkeys(record.metrics.get("test", {}))
        names |= {f"own/{name}": None for name in record.metrics.get("own", {})}
        names |= {f"cost/{name}": None for name in record.cost}
        names |= {f"facts/{name}": None for name in EXACT if name in record.facts}
    return list(names)


def _matches(name: str, families: Sequence[str]) -> bool:
    return name in families or name.split("@", maxsplit=1)[0] in families


def read(group: ResultGroup, runs: MethodResults, quantity: Quantity) -> Measurement:
    """Return the measurement of a quantity for one method.

    Raises:
        BenchError: there is no value; gives the reason stated in the records.
    """
    found = {seed: quantity.of(record) for seed, record in runs.by_seed.items()}
    values = {seed: value for seed, value in found.items() if value is not None}
    if not values:
        reasons = [f"{r.status}: {r.reason}" for r in runs.others]
        where = f"{quantity.kind}/{quantity.key}"
        reasons += [r.skipped[where] for r in runs.by_seed.values() if where in r.skipped]
        raise BenchError(f"{runs.name} has no {quantity.name} ({reasons[0] if reasons else 'not asked for'})")
    if quantity.kind in {"cost", "facts"}:
        return Measurement(values, exact=quantity.key in EXACT, kind=kind_of(runs))
    track: Track = "own" if quantity.kind == "own" else "test"
    images = runs.images(track, quantity.key, values)
    facts = next(iter(runs.by_seed.values())).facts
    mark = [quantity.kind, facts.get("dataset_checksum", group.title)]
    if quantity.kind == "own":  # made by the GAN: shared by its methods alone
        mark.append(str([runs.by_seed[seed].facts.get("gan_checksum") for seed in values]))
    first = runs.by_seed[next(iter(values))].metrics[quantity.kind][quantity.key]
    return Measurement(
        values,
        images,
        shown=str(mark),
        count=0 if images is not None else int(first.get("n", 0)),
        influences=None if images is not None else runs.influences(track, quantity.key, values),
        table=paired_differences(group, track, quantity.key),
        kind=kind_of(runs),
    )
