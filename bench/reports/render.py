"""Rendering of leaderboards as Markdown, CSV, LaTeX or JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.core.errors import unknown
from bench.reports.leaderboard import Leaderboard
from bench.reports.render_csv import csv_text
from bench.reports.render_json import json_text
from bench.reports.render_latex import latex
from bench.reports.render_markdown import markdown

FORMATS: dict[str, Callable[[Sequence[Leaderboard]], str]] = {
    "md": markdown,
    "csv": csv_text,
    "tex": latex,
    "json": json_text,
}


def render(boards: Sequence[Leaderboard], fmt: str) -> str:
    """Return leaderboards as text in one of ``FORMATS``.

    Raises:
        UnknownName: no such format.
    """
    if fmt not in FORMATS:
        raise unknown("format", fmt, FORMATS)
    return FORMATS[fmt](boards)
