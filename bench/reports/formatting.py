"""Texts and number formats shared by all renderings of a leaderboard."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.reports.context import Context
from bench.reports.leaderboard import COSTS, Column, Heading, Leaderboard, Row, Value
from bench.reports.standing import SLACK
from bench.statistics import LEVEL

HEADINGS: dict[Heading, str] = {
    "test": "Test images",
    "own": "Generated images (made by the GAN, true code known)",
    "cost": "Cost",
}
OPTIMISED, BEYOND, MARKED, OWN_RUN, ELSEWHERE = "†", "‡", "§", "¶", "‖"
TIMES = ("fit_seconds", "invert_ms_per_image")
"""Costs that depend on the machine."""
LPIPS_NETWORKS, FID_NETWORK = ("alex", "vgg"), "inception"
"""Networks with which LPIPS and FID were published."""
ABSENT = "–"


def number(value: float, decimals: int) -> str:
    """Format a number with fixed decimals and thousands separators; tiny numbers in scientific notation."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if 1e-12 < abs(value) < 0.5 * 10.0**-decimals and decimals > 0:
        return f"{value:.1e}"
    return f"{value:,.{decimals}f}"


def decimals_for(value: Value, decimals: int) -> int:
    """Return the decimals that the interval of a value supports; ``decimals`` without an interval."""
    if value.interval is None or value.interval.degenerate:
        return decimals
    return min(value.interval.decimals, decimals + 2)


def spread(value: Value, decimals: int) -> str:
    """Return the text after a mean, `` ± half, sd 0.11``: half of its interval and the deviation over seeds."""
    places = decimals_for(value, decimals)
    text = "" if value.interval is None else f" ± {number(value.interval.half, places)}"
    return text if value.sd is None else f"{text}, sd {number(value.sd, places)}"


def shown_metric(name: str) -> str:
    """Return the name under which tables show a metric.

    LPIPS is AlexNet or VGG with its learned weights, FID is Inception. The same formula through another network is
    another metric, and tables call it so.

    Example:
        >>> shown_metric("lpips@vgg"), shown_metric("lpips@fashion-mnist-cnn"), shown_metric("fid@trained:celeba")
        ('lpips@vgg', 'perceptual@fashion-mnist-cnn', 'fd@trained:celeba')
    """
    name, at, network = name.partition("@")
    track, slash, base = name.rpartition("/")
    if base == "lpips" and at and network not in LPIPS_NETWORKS:
        base = "perceptual"
    if at and network != FID_NETWORK:
        base = re.sub(r"(^|_)fid$", r"\1fd", base)
    return track + slash + base + at + network


def shown_metrics(names: str) -> str:
    """Return ``shown_metric`` of each name in a list such as ``lpips@alex, fid@fashion-mnist-cnn``."""
    return ", ".join(map(shown_metric, names.split(", ")))


def column_title(column: Column) -> str:
    """Return the name and direction of a metric: ``psnr ↑``."""
    if column.heading == "cost":
        return COSTS[column.name]
    if column.higher_is_better is None:
        return shown_metric(column.name)
    return f"{shown_metric(column.name)} {'↑' if column.higher_is_better else '↓'}"


def method_name(row: Row) -> str:
    """Return the name of a method with its marks: beyond the budget, noticed for something, the user's own run."""
    marks = {BEYOND: row.beyond, MARKED: bool(row.marks), OWN_RUN: row.own_run}
    return row.method + "".join(mark for mark, present in marks.items() if present)


def value_marks(row: Row, column: Column, value: Value) -> str:
    """Return the marks of a value: optimised by its method, or a time of another machine."""
    if column.heading == "cost":
        return ELSEWHERE if row.machine and column.name in TIMES else ""
    return OPTIMISED if value.optimised else ""


def rank_text(row: Row) -> str:
    """Return the possible ranks of a method, ``1–3``; a dash if it has none."""
    return ABSENT if row.rank is None else row.rank.text


def latent_dimensions(row: Row) -> str:
    """Return the number of latent dimensions that a method chooses for each image; a dash if it is not recorded."""
    return ABSENT if row.free_numbers is None else number(row.free_numbers, 0)


def seeds_in_words(seeds: Sequence[int]) -> str:
    """Return the training seeds of a table in words."""
    shown = ", ".join(map(str, seeds))
    return f"seeds {shown}" if len(seeds) != 1 else f"one training seed ({shown})"


def settings(values: Mapping[str, Any], prefix: str = "") -> str:
    """Return nested settings on one line: ``network.name = cnn; range = 255``."""
    return "; ".join(f"{key} = {value}" for key, value in _flat(values, prefix))


def context_lines(context: Context) -> Iterator[tuple[str, str]]:
    """Yield the lines above a table as (word, text)."""
    checksum = f", checksum {context.dataset_checksum[:12]}" if context.dataset_checksum else ""
    yield "Dataset", _named(context.dataset, context.dataset_options) + checksum
    yield "GAN", _named(context.gan, context.gan_options)
    budget = {k: v for k, v in context.budget.items() if k != "name"}
    yield "Budget", f"{context.budget['name']}: {settings(budget)}"
    yield "Training", seeds_in_words(context.seeds)
    yield "Images", ", ".join(f"{count} {track}" for track, count in context.images.items()) or "none measured"
    yield (
        "Commit",
        (", ".join(context.commits) or "unknown") + (" (with uncommitted changes)" if context.dirty else ""),
    )
    yield "Device", context.device or "unknown"
    if context.nonce:
        yield "Nonce", f"{context.nonce} (the generated images are drawn from it)"
    for versions in context.versions:
        yield "Versions", versions


def legend(board: Leaderboard) -> Iterator[str]:
    """Yield sentences that explain the marks used in a table."""
    values = [v for row in board.rows for key, v in row.values.items() if not key.startswith("cost/")]
    seeds = len(board.context.seeds)
    text, over = "Mean over seeds", "training seeds and images" if seeds > 1 else "images"
    if any(v.interval is not None for v in values):
        text += f" ± half of its {LEVEL:.0%} interval over {over}"
    if any(v.sd is not None for v in values):
        text += f"; sd: standard deviation over {seeds} seeds"
    yield text + "."
    if seeds == 1:
        yield (
            "One training: a second one of the same methods may order them differently. Intervals are about other "
            "images for these trained networks, and trained methods have an order but no ranks."
        )
    yield (
        f"Ranks by {shown_metric(board.rank_by)} within a capacity class (what a method may change for each image): "
        f"1–3 is first to third. All ranks of a class hold at once with {LEVEL:.0%} confidence, over {over}. "
        "Bold: best of its class, or not told from it. Controls are not ranked."
    )
    if any(v.optimised for v in values):
        yield f"{OPTIMISED} the method minimises this metric directly."
    if any(row.beyond for row in board.rows):
        share = f"{SLACK - 1:.0%}"
        yield (
            f"{BEYOND} over {share} more generator calls an image than the budget has steps of search and "
            "refinement, or more steps of fitting; see Cost. Such rows are not ranked."
        )
    if marked := "; ".join(f"{row.method}: {', '.join(row.marks)}" for row in board.rows if row.marks):
        yield f"{MARKED} not ranked. {marked}."
    if own := ", ".join(row.method for row in board.rows if row.own_run):
        yield f"{OWN_RUN} run by the user beside committed records, which were not run again: {own}."
    if apart := "; ".join(f"{row.method}: {row.machine}" for row in board.rows if row.machine):
        yield f"{ELSEWHERE} times on another machine than those of most rows, not comparable with them. {apart}."
    if plugins := ", ".join(f"{row.method} ({row.plugin})" for row in board.rows if row.plugin):
        yield f"As their authors declare: training data and optimized metrics of {plugins}."
    if board.context.measured_by:
        yield f"Code of plug-ins took part in measuring: {', '.join(board.context.measured_by)}."
    if lost := ", ".join(f"{row.method} {row.diverged}" for row in board.rows if row.diverged):
        yield f"Images whose search met values that are not finite, and kept their last finite codes: {lost}."


def _named(title: str, options: Mapping[str, Any]) -> str:
    return f"{title} ({settings(options)})" if options else title


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value
