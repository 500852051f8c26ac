"""Parts shared by the figures of studies: panels, strips of example images, colours. Matplotlib without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.reports.figure import INK
from bench.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Place = Literal["best", "upper left", "upper right", "lower left", "lower center", "lower right"]
CHARACTERS = 13
"""Characters of a heading per inch."""
BLUE, ORANGE, GREEN, VIOLET, GREY = "#1f6fb4", "#d1731f", "#2f8f4e", "#6a4fa3", "#8a8a8a"


def canvas(width: float, height: float, title: str) -> Figure:
    """Return a figure of the given size in inches, with a heading."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    pads = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure(figsize=(width, height), layout=pads)
    lines = [fill(line, int(CHARACTERS * width)) for line in title.splitlines()]
    figure.suptitle("\n".join(lines), fontsize=9, color=INK)
    return figure


def dress(axes: Axes, x: str, y: str, title: str = "") -> Axes:
    """Add a grid, labels and a light frame; return the axes."""
    axes.grid(True, which="major", color="#e8e8e8", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)
    axes.set_xlabel(x, fontsize=8.5, color=INK)
    axes.set_ylabel(y, fontsize=8.5, color=INK)
    if title:
        axes.set_title(title, fontsize=8.5, color=INK)
    return axes


def curve(
    axes: Axes,
    x: ArrayLike,
    y: ArrayLike,
    colour: str,
    label: str,
    intervals: Sequence[Interval] | None = None,
    style: str = "-",
    marker: str = "o",
) -> None:
    """Draw a line with points and, if intervals are given, a band."""
    if intervals is not None:
        low, high = [i.low for i in intervals], [i.high for i in intervals]
        axes.fill_between(np.asarray(x, float), low, high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(x, y, style, color=colour, marker=marker, markersize=4, linewidth=1.4, label=label)


def halves(figure: Figure, ratios: Sequence[float]) -> tuple[SubFigure, SubFigure]:
    """Split a figure into an upper and a lower part with these height ratios."""
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=list(ratios)))
    return upper, lower


def legend(axes: Axes, where: Place = "best", columns: int = 1) -> None:
    """Draw a legend without a frame."""
    axes.legend(fontsize=7.5, frameon=False, loc=where, ncols=columns)


def strip(axes: Sequence[Axes], images: NDArray[np.uint8], captions: Sequence[str], name: str = "") -> None:
    """Draw images ``[k, C, H, W]`` in a row of axes, captions above, a name at the left."""
    for axis, picture, caption in zip(axes, images, captions, strict=True):
        grey = picture.shape[0] == 1
        shown: Any = picture[0] if grey else picture.transpose(1, 2, 0)
        axis.imshow(shown, cmap="gray" if grey else None, vmin=0, vmax=255, interpolation="nearest")
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_title(caption, fontsize=7.5, color=INK, pad=3)
        for spine in axis.spines.values():
            spine.set_linewidth(0.3)
            spine.set_color("#b0b0b0")
    if name:
        axes[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=7.5, labelpad=4, color=INK)
