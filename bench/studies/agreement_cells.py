"""The cells whose metrics are compared: values of every metric for each GAN, method and seed. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.errors import BenchError
from bench.core.types import Record
from bench.reports.groups import ResultGroup, title_of
from bench.statistics import Floats

FEWEST_CELLS = 6
"""Smallest number of cells of a correlation."""


@dataclass(frozen=True)
class MeasuredCells:
    """Values of every metric over the finished cells.

    Attributes:
        units: GAN and method of each cell.
        controls: True for each cell whose method is a control.
        metrics: name -> values ``[K]``, oriented so that higher is better; NaN where a cell has none.
        left_out: sentences on metrics that cannot be ranked.
        networks: feature networks of the metrics.
    """

    units: tuple[tuple[str, str], ...]
    controls: tuple[bool, ...]
    metrics: Mapping[str, Floats]
    left_out: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    @classmethod
    def of(cls, family: Sequence[ResultGroup], tracks: Sequence[str]) -> MeasuredCells:
        """Collect metrics from records; a constant one, or one of fewer than ``FEWEST_CELLS`` cells, is left out.

        Raises:
            BenchError: too few cells are finished.
        """
        rows = [
            (title_of(group.gan), runs.title, runs.control, record, group.higher_is_better)
            for group in family
            for runs in group.runs
            for record in runs.by_seed.values()
        ]
        if len(rows) < FEWEST_CELLS:
            raise BenchError(f"metric-agreement needs at least {FEWEST_CELLS} finished cells, got {len(rows)}")
        names = dict.fromkeys((t, m) for *_, r, _ in rows for t in tracks for m in r.metrics.get(t, {}))
        metrics, gone = {}, []
        for track, metric in names:
            values = np.array([_oriented(r, track, metric, up) for *_, r, up in rows])
            shown = metric if track == "test" else f"{track}/{metric}"
            known = values[np.isfinite(values)]
            if len(known) < FEWEST_CELLS or np.ptp(known) == 0:
                gone.append(f"{shown} ({len(known)} cells{'' if len(known) < FEWEST_CELLS else ', all equal'})")
            else:
                metrics[shown] = values
        if len(metrics) < 2:
            raise BenchError("metric-agreement needs at least two metrics with different values over the cells")
        note = (f"Left out, because there is nothing to rank: {', '.join(gone)}.",) if gone else ()
        extractors = dict.fromkeys(m.split("@")[1] for m in metrics if "@" in m)
        return cls(
            tuple(r[:2] for r in rows),
            tuple(r[2] for r in rows),
            metrics=metrics,
            left_out=note,
            networks=tuple(extractors),
        )

    @property
    def mixed(self) -> bool:
        """True if there are controls among the cells, and enough others."""
        return any(self.controls) and self.controls.count(False) >= FEWEST_CELLS

    def contenders(self) -> MeasuredCells:
        """Return the cells without controls."""
        kept = [i for i, control in enumerate(self.controls) if not control]
        metrics = {name: values[kept] for name, values in self.metrics.items()}
        return MeasuredCells(tuple(self.units[i] for i in kept), (False,) * len(kept), metrics)


def _oriented(record: Record, track: str, metric: str, up: Mapping[str, bool]) -> float:
    summary = record.metrics.get(track, {}).get(metric)
    if summary is None:
        return np.nan
    return float(summary["value"]) * (1.0 if up.get(metric, True) else -1.0)


def family_of(metric: str) -> str:
    """Return the family of a metric: ``rand_fid`` for ``rand_fid:500@network`` and ``own/rand_fid``."""
    return metric.removeprefix("own/").split("@", maxsplit=1)[0].split(":", maxsplit=1)[0]
