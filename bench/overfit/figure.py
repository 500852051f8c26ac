"""The figure of an examination: errors, the gap over search budgets, classes, best and worst reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.overfit.examination import GROUPS, SHOWN, Gallery, OverfitReport
from bench.overfit.statistics import FLOOR
from bench.overfit.tables import NAMES
from bench.overfit.verdict import shown
from bench.reports.plotting import BLUE, GREEN, GREY, ORANGE, canvas, curve, dress, halves, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

COLOURS = {"train": ORANGE, "test": BLUE, "own": GREEN}
MOST_BINS = 40
GAP = 3
"""Pixels between images."""


def draw(e: OverfitReport) -> Figure:
    """Draw one page: three panels above, two rows of images for each group below."""
    pictures = e.galleries["test"].target.shape[1] in {1, 3}
    figure = canvas(10.0, 8.4 if pictures else 3.6, f"{e.title} on {e.data}: {shown(e.verdict.outcome)}")
    lower: SubFigure | None = None
    upper: Figure | SubFigure = figure
    if pictures:
        upper, lower = halves(figure, (3.0, 5.0))
    left, middle, right = np.ravel(np.asarray(upper.subplots(1, 3)))
    _histogram(left, e)
    _budgets(middle, e)
    _kinds(right, e)
    if lower is not None:
        _pictures(lower, e)
    return figure


def _histogram(axes: Axes, e: OverfitReport) -> None:
    """Draw histograms of log10 of the errors; errors of 0 are drawn at ``FLOOR``."""
    dress(axes, "recovery error (mean squared, log)", "images", "Errors of the three groups")
    values = {name: np.log10(np.maximum(e.errors[name].errors, FLOOR)) for name in GROUPS}
    low, high = (
        f(v) for f, v in ((min, [v.min() for v in values.values()]), (max, [v.max() for v in values.values()]))
    )
    bins = np.linspace(low, high + 1e-9, min(MOST_BINS, 8 + e.settings.n // 8) + 1)
    for name in ("own", "test", "train"):
        axes.hist(values[name], bins.tolist(), color=COLOURS[name], alpha=0.45, label=NAMES[name])
        axes.axvline(float(np.median(values[name])), color=COLOURS[name], linewidth=1.2)
    axes.axvline(np.log10(e.settings.recovered_below), color=GREY, linewidth=0.8, linestyle=":")
    axes.xaxis.set_major_formatter(lambda x, _: f"1e{x:.0f}" if x == round(x) else "")
    legend(axes, "upper left")


def _budgets(axes: Axes, e: OverfitReport) -> None:
    """Draw the gap with its interval, and the share of generated images recovered, against steps."""
    dress(axes, "steps of the search (log)", "gap; share recovered", "Dependence on the search budget")
    if not e.curve:
        axes.text(0.5, 0.5, "no other budget was tried", ha="center", transform=axes.transAxes, fontsize=8)
        return
    steps = [p.steps for p in e.curve]
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.axhline(e.settings.gate, color=GREY, linewidth=0.8, linestyle=":")
    label = f"gap, first {e.curve[0].images} images"
    curve(
        axes,
        steps,
        y=[p.gap.value for p in e.curve],
        colour=ORANGE,
        label=label,
        intervals=[p.gap.interval for p in e.curve],
    )
    curve(
        axes,
        steps,
        y=[p.recovered for p in e.curve],
        colour=GREEN,
        label="generated images recovered",
        style="--",
        marker="s",
    )
    gap, whole = e.statistics.gap, [[e.statistics.gap.value - e.statistics.gap.interval.low], [0.0]]
    whole[1][0] = gap.interval.high - gap.value
    axes.errorbar(
        [steps[-1]], [gap.value], whole, fmt="D", color="#303030", markersize=5, label=f"gap, all {e.settings.n}"
    )
    axes.set_xscale("log")
    axes.set_xticks(steps, [str(s) for s in steps])
    axes.minorticks_off()
    axes.set_ylim(-1.05, 1.05)
    legend(axes, "lower left")


def _kinds(axes: Axes, e: OverfitReport) -> None:
    """Draw the share of each class among unseen images and samples."""
    kinds = e.modes.kinds
    dress(axes, "share", "", f"Classes of images ({e.modes.basis})"[:60])
    places = np.arange(len(kinds))
    axes.barh(places - 0.2, [k.real_share for k in kinds], 0.38, color=BLUE, label="unseen images")
    axes.barh(places + 0.2, [k.own_share for k in kinds], 0.38, color=GREEN, label="samples")
    axes.set_yticks(places, [f"{k.name}{' (missing)' if k.missing else ''}" for k in kinds], fontsize=7)
    axes.invert_yaxis()
    axes.legend(fontsize=7.5, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _pictures(part: SubFigure, e: OverfitReport) -> None:
    """Draw one montage per group: targets above their reconstructions, separated by white."""
    for axes, name in zip(np.ravel(np.asarray(part.subplots(len(GROUPS), 1))), GROUPS, strict=True):
        shown = e.galleries[name]
        _, _, height, width = shown.target.shape
        axes.imshow(montage(shown), vmin=0, vmax=255, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([height / 2, height + GAP + height / 2], [NAMES[name], "found"], fontsize=7.5)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for place, error in enumerate(shown.errors):
            axes.text(place * (width + GAP) + width / 2, -1, f"{error:.2g}", ha="center", va="bottom", fontsize=7)
    part.suptitle(f"The best {SHOWN} (left) and the worst {SHOWN} of each group, with their errors", fontsize=8.5)


def montage(shown: Gallery) -> NDArray[np.uint8]:
    """Return targets above their reconstructions, ``[2 H + gap, k (W + gap) - gap, 3]``, separated by white."""
    rows = []
    for images in (shown.target, shown.output):
        coloured = np.repeat(images, 3, 1) if images.shape[1] == 1 else images
        padded = np.pad(coloured, ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=255)
        rows.append(np.concatenate(list(padded.transpose(0, 2, 3, 1)), 1))
    joined: NDArray[np.uint8] = np.concatenate(rows, 0)[:-GAP, :-GAP]
    return joined
