"""The figure of the memorisation study: gap against size, detections of every statistic, false positives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.reports import plotting
from bench.reports.figure import INK
from bench.studies.memorisation_rules import ALLOWED, TABLED, Findings, rate_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {"glo": "GLO", "copier": "copier (VAE decoder)", "gan": "GAN"}
SHADES = (plotting.ORANGE, plotting.GREEN, plotting.BLUE, plotting.VIOLET)
EMPTY = "#eeeeee"


def draw(found: Findings, where: str) -> Figure:
    """Draw the gap against training images, one line per search budget (above), and the detections (below)."""
    from matplotlib.ticker import FixedLocator

    lines = found.lines()
    figure = plotting.canvas(10.5, 4.6 + 0.2 * len(lines), f"Memorisation: {where}")
    upper, lower = plotting.halves(figure, (1.0, 0.35 + 0.075 * len(lines)))
    panels = upper.subplots(1, len(TABLED), sharey=True)
    for family, axes in zip(TABLED, panels, strict=True):
        _gaps(axes, found, family)
    plotting.legend(panels[0])
    ratios = [1.0] * len(TABLED) + [1.5]
    grid = lower.subplots(1, len(TABLED) + 1, gridspec_kw={"width_ratios": ratios}, sharey=True)
    for family, axes in zip(TABLED, grid[:-1], strict=True):
        _detections(axes, found, family)
    _alarms(grid[-1], found)
    names = [f"{rule.name} · {steps} steps" if rule.searched else rule.name for rule, steps in lines]
    grid[0].yaxis.set_major_locator(FixedLocator(list(range(len(lines)))))
    grid[0].set_yticklabels(names, fontsize=7.5)
    grid[0].set_ylim(len(lines) - 0.5, -0.5)
    return figure


def _sizes(axes: Axes, found: Findings) -> None:
    axes.set_xticks(range(len(found.sizes)), [f"{n:,}" if n else "all" for n in found.sizes])


def _gaps(axes: Axes, found: Findings, family: str) -> None:
    for steps, colour in zip(found.budgets, _shades(len(found.budgets)), strict=True):
        rows = {r["images"]: r for r in found.at(steps, family=family)}
        places = [i for i, n in enumerate(found.sizes) if n in rows]
        gaps = [rows[found.sizes[i]]["gap"] for i in places]
        ends = np.array([[rows[found.sizes[i]][k] for i in places] for k in ("gap_low", "gap_high")])
        axes.plot(places, gaps, color=colour, linewidth=1.3, label=f"{steps} steps")
        if places:
            axes.vlines(places, ends[0], ends[1], color=colour, linewidth=1.0)
        for filled in (True, False):  # hollow: the search is below its gate
            part = [k for k, i in enumerate(places) if rows[found.sizes[i]]["passed"] == filled]
            axes.plot(
                [places[k] for k in part],
                [gaps[k] for k in part],
                "o",
                color=colour,
                markersize=5,
                markerfacecolor=colour if filled else "white",
            )
    axes.axhline(0, color=plotting.GREY, linewidth=0.8)
    _sizes(axes, found)
    plotting.dress(axes, "training images", "signed gap" if family == TABLED[0] else "", TITLES[family])


def _detections(axes: Axes, found: Findings, family: str) -> None:
    for y, (rule, steps) in enumerate(found.lines()):
        for x, size in enumerate(found.sizes):
            share = found.share(rule, steps, family=family, images=size)
            if not np.isnan(share):
                _cell(axes, x, y, plotting.BLUE if share > 0.5 else EMPTY)
    _sizes(axes, found)
    axes.set_xlim(-0.5, len(found.sizes) - 0.5)
    plotting.dress(axes, "training images", "", f"{TITLES[family]}: found")
    axes.tick_params(axis="x", labelsize=6.5)
    axes.tick_params(axis="y", left=False)
    axes.grid(False)


def _cell(axes: Axes, x: float, y: float, colour: Any) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x - 0.45, y - 0.42), 0.9, 0.84, facecolor=colour, edgecolor="none"))


def _alarms(axes: Axes, found: Findings) -> None:
    draws = 0
    for y, (rule, steps) in enumerate(found.lines()):
        positives, draws = found.false_alarms(rule, steps)
        interval = rate_interval(positives, draws)
        rate = positives / draws if draws else 0.0
        axes.barh(y, rate, height=0.7, color=plotting.ORANGE if rate > ALLOWED else plotting.GREEN)
        axes.hlines(y, interval.low, interval.high, color=INK, linewidth=0.8)
        axes.plot([rate], [y], "|", color=INK, markersize=5)
    axes.axvline(ALLOWED, color=INK, linestyle=":", linewidth=1.0)
    axes.set_xlim(0, 1)
    plotting.dress(axes, f"share of {draws} draws; dotted: 5 %", "", "negative controls: false positives")


def _shades(count: int) -> list[str]:
    return [SHADES[i % len(SHADES)] for i in range(len(SHADES) - 1 - count, len(SHADES) - 1)]
