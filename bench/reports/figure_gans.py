"""Figure of measured against printed values of GANs, one panel per metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from bench.core.errors import NotApplicable
from bench.reports.compare_gans import Family, Ordering, Standing
from bench.reports.figure import INK, lay_out, save_figure
from bench.reports.formatting import shown_metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[float, float, float, float]

PANEL = (3.5, 3.3)
"""Inches."""
POINT = "#1f6fb4"
GUIDE = "#c4c4c4"
TITLE_CHARACTERS = 48
CORNERS = ((5, 5, "left"), (-5, 5, "right"), (5, -10, "left"), (-5, -10, "right"))
"""Positions of a name at its point: shift in points and alignment, in order of preference."""
LETTER = (4.3, 8.0)
"""Width and height of a letter, in points."""
TICKS = 5


def measured_against_published(family: Family, path: Path) -> Path:
    """Draw each GAN at its printed (across) and measured value (up), better to the right and to the top.

    Bars are standard deviations: the paper's, and over seeds. The line of equality is drawn if values are
    comparable.

    Raises:
        NotApplicable: no GAN has both numbers.
        StoreError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    shown = [ordering for ordering in family.orderings if ordering.both]
    if not shown:
        raise NotApplicable(f"{family.title}: no GAN has both a measured and a printed number")
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    for axes, ordering in zip(panels, shown, strict=False):
        _panel(axes, ordering)
    figure.suptitle(f"{family.title}: up and right is better; bars are standard deviations", fontsize=9, color=INK)
    lay_out(figure)
    for axes, ordering in zip(panels, shown, strict=False):
        _names(axes, ordering.both)
    return save_figure(figure, path)


def _names(axes: Axes, standings: Sequence[Standing]) -> None:
    """Write each name at the corner of its point where it overlaps least with other points and names."""
    scale = axes.figure.dpi / 72
    points = axes.transData.transform([_place(s) for s in standings]) / scale
    boxes = [(x - 3, y - 3, x + 3, y + 3) for x, y in points]
    for standing, (x, y) in zip(standings, points, strict=True):
        width = LETTER[0] * len(standing.gan)
        found = []
        for right, up, side in CORNERS:
            left = x + right - (width if side == "right" else 0)
            box = (left, y + up, left + width, y + up + LETTER[1])
            found.append((sum(_overlap(box, other) for other in boxes), box, (right, up, side)))
        _, box, (right, up, side) = min(found, key=lambda option: option[0])
        boxes.append(box)
        axes.annotate(
            standing.gan,
            _place(standing),
            (right, up),
            textcoords="offset points",
            ha=side,
            va="bottom",
            fontsize=7.5,
            color=INK,
        )


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _place(standing: Standing) -> tuple[float, float]:
    assert standing.published is not None
    assert standing.measured is not None
    return standing.published.value, standing.measured


def _panel(axes: Axes, ordering: Ordering) -> None:
    for standing in ordering.both:
        x, y = _place(standing)
        spread = standing.published.std if standing.published else None
        axes.errorbar([x], [y], xerr=spread, yerr=standing.sd, color=POINT, alpha=0.45, linewidth=1.0)
        axes.plot([x], [y], "o", color=POINT, markersize=5, zorder=3)
    axes.margins(x=0.25, y=0.15)
    axes.locator_params(nbins=TICKS)
    if not ordering.reasons:
        axes.axline((0, 0), slope=1, color=GUIDE, linewidth=0.8, zorder=0)
    if not ordering.higher_is_better:
        axes.invert_xaxis()
        axes.invert_yaxis()
    rho = "" if ordering.rho is None else f": rho {ordering.rho:.2f}, {len(ordering.both)} GANs"
    axes.set_title(fill(f"{shown_metric(ordering.metric)}{rho}", TITLE_CHARACTERS), fontsize=8.5, color=INK)
    axes.set_xlabel(f"published, {ordering.table.title}", fontsize=8, color=INK)
    axes.set_ylabel(f"measured, {ordering.method}", fontsize=8, color=INK)
    axes.grid(True, color="#ececec", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=7, colors=INK)
