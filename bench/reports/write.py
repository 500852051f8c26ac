"""Every report of a set of records, written into one folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench.core.errors import NotApplicable
from bench.core.files import write_text
from bench.core.types import Cell, Record
from bench.papers.claims.render import claims_markdown
from bench.papers.claims.spec import Claims, read_claims
from bench.reports.compare_gans import across_gans
from bench.reports.figure import quality_versus_cost, reconstructions
from bench.reports.figure_gans import measured_against_published
from bench.reports.groups import groups
from bench.reports.leaderboard import leaderboards
from bench.reports.published import PrintedTable
from bench.reports.render import FORMATS, render
from bench.reports.render_gans import published_markdown, published_summary
from bench.reports.render_markdown import summary


def write_reports(
    records: Sequence[Record],
    folder: Path,
    *,
    title: str,
    rank_by: str,
    missing: Sequence[Cell] = (),
    claims: Claims | Path | None = None,
    published: Sequence[PrintedTable] = (),
) -> list[Path]:
    """Write leaderboard.md, .csv, .tex and .json, summary.md, the two figures, claims.md and published.md.

    With several tables (datasets, GANs, budgets) each has its own two figures, named after it. A figure that has
    nothing to show (no pictures kept, no times) is not written, and claims only for tables with a finished cell.

    Args:
        records: of any cells, also failed ones.
        folder: made if it is not there.
        title: of the suite.
        rank_by: metric of the test track.
        missing: planned cells without a record.
        claims: a paper's claims, or their file.
        published: printed tables across GANs; published.md, its figure and a part of summary.md set measured GANs
            beside those of the same dataset, if there are any.

    Returns:
        The files written, in order.

    Raises:
        BenchError: records that must not share a table, an unknown metric, a malformed claims file; nothing is
            written then.
        StoreError: the folder cannot be written.
    """
    asked = read_claims(claims) if isinstance(claims, Path) else claims
    boards = leaderboards(records, rank_by, title, missing)
    tables = groups(records, missing)
    texts = {f"leaderboard.{fmt}": render(boards, fmt) for fmt in FORMATS} | {"summary.md": summary(boards)}
    done = [group for group in tables if any(runs.by_seed for runs in group.runs)]
    if asked is not None and done:
        texts["claims.md"] = "\n".join(claims_markdown(asked, group.records, group.title) for group in done)
    families = across_gans(records, published)
    figures = [f"published{f'-{_slug(family.title)}' if len(families) > 1 else ''}.png" for family in families]
    if families:
        texts["published.md"] = published_markdown(title, families, figures)
        texts["summary.md"] += "\n" + published_summary(families)
    written = []
    for name, text in texts.items():
        write_text(folder / name, text)
        written.append(folder / name)
    for family, name in zip(families, figures, strict=True):
        written += _drawn(folder / name, partial(measured_against_published, family))
    for group, board in zip(tables, boards, strict=True):
        if not group.records:
            continue  # all of its cells are still to run
        end = f"-{_slug(group.title)}" if len(tables) > 1 else ""
        pictures, costs = folder / f"reconstructions{end}.png", folder / f"quality-vs-cost{end}.png"
        written += _drawn(pictures, partial(reconstructions, group.records))
        written += _drawn(costs, partial(quality_versus_cost, board))
    return written


def _drawn(path: Path, draw: Callable[[Path], Path]) -> list[Path]:
    try:
        return [draw(path)]
    except NotApplicable:
        return []


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
