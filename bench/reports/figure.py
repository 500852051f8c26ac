"""Figures from stored records: reconstructions side by side, quality against cost. Matplotlib without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from bench.core.errors import BenchError, NotApplicable
from bench.core.files import write_bytes
from bench.core.png import png_bytes
from bench.reports.formatting import column_title, shown_metric
from bench.reports.gallery import Pixels, gallery
from bench.reports.groups import MethodResults, ResultGroup, per_image
from bench.reports.leaderboard import Leaderboard, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


DPI = 150
TITLE_CHARACTERS = 90
"""Characters of a title that fit above the axes."""
CHARACTERS_AN_INCH = 13
"""Characters per inch of the line above pictures."""
SMALLEST_MS = 1e-3
"""Smallest value of the cost axis; faster methods are drawn there."""
COLOURS = {"z": "#1f6fb4", "w": "#d1731f", "w+": "#b0392f", "features": "#6a4fa3", "weights": "#2f8f4e"}
CONTROL = "#8a8a8a"
INK = "#303030"
GAP = 0.01
"""Inches left free on each side of a picture."""
SMALLEST_CELL = 0.5
"""Least inches of width for each column of pictures; beside long names the figure is wider."""
NAME_GAP = 6 / 72
"""Inches between a name and the pictures on its right."""
CAPTION_GAP = 1.5 / 72
"""Inches between a picture and its caption."""
CAPTION = CAPTION_GAP + 6 / 72
"""Inches that a line of captions adds to its row."""


@dataclass(frozen=True)
class _Row:
    """A name and the pictures ``[k, C, H, W]`` right of it, each with a caption, which may be empty."""

    name: str
    pictures: Pixels
    captions: Sequence[str]
    colour: str
    weight: str = "normal"


def reconstructions(group: ResultGroup, path: Path, metric: str = "psnr", images: int = 8) -> Path:
    """Draw the first test images in the top row and each method's reconstructions below, of the lowest seed.

    Args:
        group: group of records.
        path: PNG file to write.
        metric: per-image metric printed under each reconstruction, if it is stored.
        images: largest number of images.

    Raises:
        NotApplicable: no record keeps pictures of 1 or 3 channels.
        BenchError: methods that were given different images, or a gallery that cannot be read.
        StoreError: the file cannot be written.
    """
    shown = [(runs, *kept) for runs in group.runs if (kept := _kept(runs)) is not None]
    if not shown:
        raise NotApplicable(f"{group.title}: no record keeps pictures to draw")
    common = min(len(target) for _, target, _ in shown)  # packed records keep fewer pictures than new ones
    target = shown[0][1][:common]
    for runs, other, _ in shown:
        if not np.array_equal(other[:common], target):
            raise BenchError(f"{group.title}: {runs.title} and {shown[0][0].title} were given different images")
    count = min(images, len(target))
    seed = min(next(iter(runs.by_seed)) for runs, *_ in shown)
    rows = [_Row("target", target[:count], [""] * count, colour=INK, weight="bold")]
    for runs, _, output in shown:
        own = next(iter(runs.by_seed))
        name = runs.title if own == seed else f"{runs.title} (seed {own})"
        colour = CONTROL if runs.control else INK
        rows.append(_Row(name, output[:count], _captions(runs, metric, count), colour=colour))
    note = _metric_note([runs for runs, *_ in shown], metric)
    fewer = f" · {count} image{'s' if count > 1 else ''} kept" if count < images else ""
    figure = _grid(rows, f"{group.title} · seed {seed}{note}{fewer}")
    return save_figure(figure, path)


def quality_versus_cost(board: Leaderboard, path: Path) -> Path:
    """Draw the ranking metric against milliseconds per image, with intervals over images if there are any.

    Raises:
        NotApplicable: no row has both numbers.
        StoreError: the file cannot be written.
    """
    quality, cost = f"test/{board.rank_by}", "cost/invert_ms_per_image"
    rows = [r for r in board.rows if {quality, cost} <= set(r.values) and np.isfinite(r.values[quality].mean)]
    if not rows:
        raise NotApplicable(f"{board.title}: no method has both {shown_metric(board.rank_by)} and a time")
    figure, axes = _canvas()
    points = [_point(axes, row, quality, cost) for row in rows]
    axes.set_xscale("log")
    times = [row.values[cost].mean for row in rows]
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}" if max(times) < 10 * min(times) else "")
    axes.margins(x=0.18, y=0.12)
    axes.set_xlabel("milliseconds an image (log)", fontsize=9, color=INK)
    axes.set_ylabel(next(column_title(c) for c in board.columns if c.key == quality), fontsize=9, color=INK)
    _labels(axes, points, [row.method for row in rows])
    _title(axes, fill(board.title, TITLE_CHARACTERS))
    figure.set_layout_engine("none")  # all that stands outside the axes is placed
    _class_legend(axes, rows)
    return save_figure(figure, path)


def _kept(runs: MethodResults) -> tuple[Pixels, Pixels] | None:
    """Return targets and outputs ``[k, C, H, W]`` of the lowest seed, or None if it has no pictures."""
    return next((gallery(record) for record in runs.by_seed.values()), None)


def _captions(runs: MethodResults, metric: str, count: int) -> list[str]:
    values = per_image(next(iter(runs.by_seed.values())), "test", metric)
    if values is None:
        return [""] * count
    return [f"{v:#.3g}" for v in values[:count]]


def _metric_note(shown: Sequence[MethodResults], metric: str) -> str:
    kept = any(per_image(r, "test", metric) is not None for runs in shown for r in runs.by_seed.values())
    return f" · {shown_metric(metric)} under each image" if kept else ""


def _grid(rows: Sequence[_Row], title: str) -> Figure:
    """Draw rows of pictures, all of one size, on a single pair of axes whose unit is the inch, from the top left."""
    from matplotlib.figure import Figure

    columns = len(rows[0].pictures)
    width, height = 1.5 + 0.85 * columns, 0.4 + 1.0 * len(rows)
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    axes.set_axis_off()
    title = fill(title, int(width * CHARACTERS_AN_INCH))
    heading = figure.suptitle(title, y=1 - GAP / height, va="top", fontsize=8, color=INK)
    names = [
        axes.text(0, 0, r.name, ha="right", va="center", fontsize=8, color=r.colour, weight=r.weight) for r in rows
    ]
    left = max(name.get_window_extent().width for name in names) / figure.dpi + NAME_GAP
    width = max(width, left + SMALLEST_CELL * columns)
    figure.set_figwidth(width)
    axes.set_xlim(0, width)
    top = heading.get_window_extent().height / figure.dpi + 2 * GAP
    captions = [CAPTION if any(row.captions) else 0.0 for row in rows]
    cell = (width - left) / columns, (height - top - sum(captions)) / len(rows)
    tall, wide = rows[0].pictures.shape[2:]
    scale = min((cell[0] - 2 * GAP) / wide, (cell[1] - 2 * GAP) / tall)
    for name, row, caption in zip(names, rows, captions, strict=True):
        centre = top + cell[1] / 2
        for i, picture in enumerate(row.pictures):
            at = (left + (i + 0.5) * cell[0], centre)
            _picture(axes, picture, centre=at, size=(wide * scale, tall * scale), caption=row.captions[i])
        name.set_position((left + (cell[0] - wide * scale) / 2 - NAME_GAP, centre))
        top += cell[1] + caption
    return figure


def _picture(
    axes: Axes, picture: Pixels, centre: tuple[float, float], size: tuple[float, float], caption: str
) -> None:
    """Draw ``[C, H, W]`` in a thin frame of this centre and size, its caption below."""
    from matplotlib.patches import Rectangle

    (x, y), (width, height) = centre, size
    left, top = x - width / 2, y - height / 2
    grey = picture.shape[0] == 1
    axes.imshow(
        picture[0] if grey else picture.transpose(1, 2, 0),
        cmap="gray" if grey else None,
        vmin=0,
        vmax=255,
        interpolation="nearest",
        aspect="auto",
        extent=(left, left + width, top + height, top),
    )
    axes.add_patch(Rectangle((left, top), width, height, fill=False, linewidth=0.3, edgecolor="#b0b0b0"))
    if caption:
        axes.text(x, top + height + CAPTION_GAP, caption, ha="center", va="top", fontsize=6, color="#606060")


def _canvas() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.grid(True, which="major", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(which="both", labelsize=8, colors=INK)
    return figure, axes


def _point(axes: Axes, row: Row, quality: str, cost: str) -> tuple[float, float]:
    value = row.values[quality]
    x = max(row.values[cost].mean, SMALLEST_MS)
    colour = _colour(row)
    if value.interval is not None:
        axes.plot([x, x], [value.interval.low, value.interval.high], color=colour, linewidth=1.2, alpha=0.7)
    face = "white" if row.control else colour
    axes.plot([x], [value.mean], "o", markersize=6, markerfacecolor=face, markeredgecolor=colour, zorder=3)
    return x, value.mean


def _colour(row: Row) -> str:
    return CONTROL if row.control else COLOURS.get(row.capacity, INK)


def _labels(axes: Axes, points: Sequence[tuple[float, float]], names: Sequence[str]) -> None:
    """Write each name right of its point, or above it with a line if it would cover another name or point."""
    figure = axes.figure
    lay_out(figure)
    width, height = 6.0 * DPI / 100, 11.0 * figure.dpi / 72
    pixels = axes.transData.transform(points)
    placed: list[tuple[float, float, float]] = []
    for i in np.argsort(pixels[:, 1]):
        x, y = pixels[i]
        reach = width * len(names[i])
        points_right = [(left - width, left + width, other) for left, other in pixels if left > x + 2 * width]
        for left, right, other in sorted([*placed, *points_right], key=lambda p: p[2]):
            if left < x + reach and x < right and abs(y - other) < height:
                y = other + height
        placed.append((x, x + reach, y))
        shift = (y - pixels[i, 1]) * 72 / figure.dpi
        line = {"arrowstyle": "-", "color": "#b0b0b0", "linewidth": 0.5} if shift > 4 else None
        axes.annotate(
            names[i],
            points[i],
            (8, shift),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=INK,
            arrowprops=line,
        )


def _title(axes: Axes, text: str) -> None:
    """Write a title above the axes and all names; repeated, because the title's height moves the names."""
    figure, pad = axes.figure, 6.0
    for _ in range(8):
        title = axes.set_title(text, fontsize=9, color=INK, pad=pad)
        lay_out(figure)
        highest = max((name.get_window_extent().y1 for name in axes.texts), default=0.0)
        overlap = highest - title.get_window_extent().y0
        if overlap <= 0:
            break
        pad += overlap * 72 / figure.dpi + 1


def _class_legend(axes: Axes, rows: Sequence[Row]) -> None:
    seen = dict.fromkeys(("control" if row.control else row.capacity, _colour(row), row.control) for row in rows)
    for name, colour, hollow in seen:
        face = "white" if hollow else colour
        label = name if hollow else f"changes {name}"
        axes.plot([], [], "o", markerfacecolor=face, markeredgecolor=colour, label=label)
    axes.legend(fontsize=7.5, frameon=False, loc="best")


def lay_out(figure: Figure | SubFigure) -> None:
    """Place the axes of a figure and their texts, which costs less than a draw without rendering."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)  # type: ignore[arg-type]


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, atomically; equal figures give equal bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    lay_out(figure)
    figure.set_layout_engine("none")
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    write_bytes(path, png_bytes(pixels, DPI))
    return path
