"""Writer of all reports of measured tables into one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.core.errors import NotApplicable
from bench.core.files import slug, write_text
from bench.reports.compare_gans import Family, across_gans
from bench.reports.figure import quality_versus_cost, reconstructions
from bench.reports.figure_gans import measured_against_published
from bench.reports.groups import ResultGroup
from bench.reports.leaderboard import Leaderboard
from bench.reports.published import PrintedTable
from bench.reports.render import FORMATS, render
from bench.reports.render_gans import published_markdown, published_summary
from bench.reports.render_markdown import summary


@dataclass(frozen=True)
class Reported:
    """The content of a set of reports.

    Attributes:
        title: title of the suite.
        groups: groups of records.
        boards: one leaderboard per group.
        published: printed tables across GANs; published.md, its figure and a part of summary.md compare measured GANs
            with those of the same dataset, if there are any.
        pages: further texts by file name.
    """

    title: str
    groups: Sequence[ResultGroup]
    boards: Sequence[Leaderboard]
    published: Sequence[PrintedTable] = ()
    pages: Mapping[str, str] = field(default_factory=dict)


def write_reports(what: Reported, folder: Path, kept: Callable[[Path], bool] = lambda path: False) -> list[Path]:
    """Write leaderboard.md, .csv, .tex and .json, summary.md, further pages, published.md, and the figures.

    With several groups (datasets, GANs, budgets), each has its own two figures, named after it. A figure without
    content (no pictures stored, no times) is not written.

    Args:
        what: content of the reports.
        folder: target folder, created if missing.
        kept: function that returns True for the path of a file that is up to date and need not be written.

    Returns:
        Paths of the report files, in order.

    Raises:
        BenchError: the direction of a metric differs from that of a printed table; nothing is written.
        StoreError: the folder cannot be written.
    """
    families = across_gans(what.groups, what.published)
    names = [f"published{f'-{slug(family.title)}' if len(families) > 1 else ''}.png" for family in families]
    texts = _texts(what, families, names)
    written = []
    for name, text in texts.items():
        if not kept(folder / name):
            write_text(folder / name, text)
        written.append(folder / name)
    for family, name in zip(families, names, strict=True):
        written += _drawn(folder / name, partial(measured_against_published, family), kept)
    for group, board in zip(what.groups, what.boards, strict=True):
        if not group.records:
            continue  # all of its cells are still to run
        end = f"-{slug(group.title)}" if len(what.groups) > 1 else ""
        pictures, costs = folder / f"reconstructions{end}.png", folder / f"quality-vs-cost{end}.png"
        written += _drawn(pictures, partial(reconstructions, group), kept)
        written += _drawn(costs, partial(quality_versus_cost, board), kept)
    return written


def _texts(what: Reported, families: Sequence[Family], figures: Sequence[str]) -> dict[str, str]:
    texts = {f"leaderboard.{fmt}": render(what.boards, fmt) for fmt in FORMATS}
    texts |= {"summary.md": summary(what.boards), **what.pages}
    if families:
        texts["published.md"] = published_markdown(what.title, families, figures)
        texts["summary.md"] += "\n" + published_summary(families)
    return texts


def _drawn(path: Path, draw: Callable[[Path], Path], kept: Callable[[Path], bool]) -> list[Path]:
    if kept(path):
        return [path]
    try:
        return [draw(path)]
    except NotApplicable:
        return []
