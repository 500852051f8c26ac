"""The matrix of rank correlations with intervals, ordered by clustering, and its heat map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.reports import plotting
from bench.reports.figure import INK
from bench.statistics import Floats, Interval, percentile_interval, spearman
from bench.studies.agreement_cells import FEWEST_CELLS, MeasuredCells
from bench.studies.base import StudyRequest

Rows = np.ndarray[Any, np.dtype[np.int64]]

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NUMBERED = 20
"""Largest number of metrics for which the cells of the heat map show numbers."""


@dataclass(frozen=True)
class Agreement:
    """Correlations of metrics over cells, in the order of the clustering.

    Attributes:
        names: names of the metrics.
        rho: Spearman's correlations ``[M, M]``; NaN where two metrics have too few cells in common.
        low: lower ends of their intervals ``[M, M]``.
        high: upper ends.
        tau: Kendall's tau-b ``[M, M]``.
        counts: numbers of cells in common ``[M, M]``.
    """

    names: tuple[str, ...]
    rho: Floats
    low: Floats
    high: Floats
    tau: Floats
    counts: Floats

    @classmethod
    def of(cls, cells: MeasuredCells, resamples: int, request: StudyRequest) -> Agreement:
        """Correlate every pair of metrics."""
        names = list(cells.metrics)
        values = np.array([cells.metrics[name] for name in names])
        draws = _draws(cells.units, resamples, request.seed)
        ranks, starts = _standard_ranks(values, draws), np.cumsum([0, *map(len, draws[:-1])])
        size = len(names)
        rho, low, high, tau, counts = (np.full((size, size), np.nan) for _ in range(5))
        for i in range(size):
            for j in range(i, size):
                replicates = np.add.reduceat(ranks[i] * ranks[j], starts) if {i, j} <= ranks.keys() else None
                part = _pair(values[i], values[j], draws, replicates)
                for matrix, value in zip((rho, low, high, tau, counts), part, strict=True):
                    matrix[i, j] = matrix[j, i] = value
            request.progress("correlate metrics", i + 1, size, {})
        order = clustered(rho)
        turned = [matrix[np.ix_(order, order)] for matrix in (rho, low, high, tau, counts)]
        return cls(tuple(names[i] for i in order), *turned)

    def interval(self, first: str, second: str) -> tuple[float, Interval | None]:
        """Return the correlation of two metrics and its interval."""
        i, j = self.names.index(first), self.names.index(second)
        low, high = float(self.low[i, j]), float(self.high[i, j])
        return float(self.rho[i, j]), Interval(low, high) if np.isfinite(low) else None

    def frame(self) -> Any:
        """Return the matrix, one row per metric."""
        import pandas as pd

        return pd.DataFrame(self.rho, columns=list(self.names)).assign(metric=self.names)[["metric", *self.names]]

    def against(self, chosen: Sequence[str], contenders: Agreement | None) -> Any:
        """Compare each chosen metric with every other: Spearman with its interval, Kendall, and without controls."""
        import pandas as pd

        rows = []
        for first in (name for name in chosen if name in self.names):
            i = self.names.index(first)
            for j in np.argsort(-np.nan_to_num(self.rho[i], nan=-2.0), kind="stable"):
                second = self.names[j]
                if second == first:
                    continue
                row = {"metric": first, "other": second, "spearman": self.rho[i, j]}
                row |= {"spearman_low": self.low[i, j], "spearman_high": self.high[i, j]}
                row |= {"kendall": self.tau[i, j], "cells": int(self.counts[i, j])}
                if contenders is not None and {first, second} <= set(contenders.names):
                    value, interval = contenders.interval(first, second)
                    row |= {"without_controls": value}
                    row |= {"without_controls_low": interval.low if interval else np.nan}
                    row |= {"without_controls_high": interval.high if interval else np.nan}
                rows.append(row)
        return pd.DataFrame(rows)


def clustered(rho: Floats) -> list[int]:
    """Return an order of ``[M, M]`` correlations with agreeing metrics as neighbours; unknown ones count as 0."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(rho) < 3:
        return list(range(len(rho)))
    distance = 1 - np.nan_to_num(rho, nan=0.0)
    np.fill_diagonal(distance, 0.0)
    condensed = squareform(np.clip(distance, 0, 2), checks=False)
    tree = linkage(condensed, "average", optimal_ordering=True)
    return [int(i) for i in leaves_list(tree)]


def _draws(units: Sequence[tuple[str, str]], resamples: int, seed: int) -> list[Rows]:
    """Return the rows of the cells in each resample of the units."""
    members: dict[tuple[str, str], list[int]] = {}
    for row, unit in enumerate(units):
        members.setdefault(unit, []).append(row)
    parts = [np.array(rows, np.int64) for rows in members.values()]
    rng = np.random.RandomState(seed)
    return [np.concatenate([parts[i] for i in rng.randint(len(parts), size=len(parts))]) for _ in range(resamples)]


def _standard_ranks(values: Floats, draws: Sequence[Rows]) -> dict[int, Floats]:
    """Return the ranks of each metric in every resample, by the metric's row.

    The ranks of a resample have mean 0 and length 1, so that a sum of products is a correlation. Metrics that a cell
    lacks are left out: the cells in common differ from pair to pair.
    """
    from scipy.stats import rankdata

    whole = [row for row in range(len(values)) if np.isfinite(values[row]).all()]
    if not whole:
        return {}
    parts = []
    for rows in draws:
        ranks = np.asarray(rankdata(values[whole][:, rows], axis=1), np.float64)
        ranks -= ranks.mean(1, keepdims=True)
        with np.errstate(invalid="ignore"):
            parts.append(ranks / np.sqrt(np.square(ranks).sum(1, keepdims=True)))
    joined = np.concatenate(parts, 1)
    return {row: joined[place] for place, row in enumerate(whole)}


def _pair(
    first: Floats, second: Floats, draws: Sequence[Rows], replicates: Floats | None
) -> tuple[float, float, float, float, float]:
    """Return Spearman, both ends of its interval, Kendall, and the number of cells in common."""
    from scipy.stats import kendalltau

    both = np.isfinite(first) & np.isfinite(second)
    count = float(both.sum())
    if count < FEWEST_CELLS:
        return np.nan, np.nan, np.nan, np.nan, count
    if replicates is None:
        replicates = np.array([float(spearman(first[rows], second[rows])) for rows in (d[both[d]] for d in draws)])
    interval = percentile_interval(replicates)
    low, high = (interval.low, interval.high) if interval else (np.nan, np.nan)
    rho, tau = float(spearman(first[both], second[both])), float(kendalltau(first[both], second[both]).statistic)
    return rho, low, high, tau, count


def draw(found: Agreement, where: str) -> Figure:
    """Draw the heat map; its cells show values for up to ``MOST_NUMBERED`` metrics."""
    size = len(found.names)
    networks = {name.split("@")[1] for name in found.names if "@" in name}
    seen = f"\nnetwork of lpips, fid ...: {', '.join(sorted(networks))}" if networks else ""
    roomy = size <= MOST_NUMBERED
    inches = max(5.0, 2.6 + (0.36 if roomy else 0.2) * size)
    figure = plotting.canvas(inches, inches - 0.4, f"Agreement of metrics\n{where}{seen}")
    axes = figure.subplots()
    image = axes.imshow(found.rho, cmap="RdBu_r", vmin=-1, vmax=1)
    for i in range(size):
        for j in range(size):
            if np.isfinite(found.rho[i, j]):
                doubt = "·" if found.low[i, j] <= 0 <= found.high[i, j] else ""
                text = f"{found.rho[i, j] + 0.0:.2f}{doubt}".replace("-0.00", "0.00") if roomy else doubt
                colour = "white" if abs(found.rho[i, j]) > 0.6 else INK
                axes.text(j, i, text, ha="center", va="center", fontsize=6.5, color=colour)
    labels = [name.split("@")[0] if len(networks) == 1 else name for name in found.names]
    axes.set_xticks(range(size), labels, rotation=90, fontsize=7.5 if roomy else 6, color=INK)
    axes.set_yticks(range(size), labels, fontsize=7.5 if roomy else 6, color=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.02)
    bar.set_label("Spearman's correlation over cells", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=7)
    return figure
