"""The report of an examination: Markdown, JSON, per-image errors, a figure, and one HTML file with all of it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape as plain
from pathlib import Path
from typing import Any

from bench.core.files import finite, write_json, write_text
from bench.harness.experiment_report import machine_texts
from bench.overfit import tables
from bench.overfit.examination import GROUPS, OverfitReport
from bench.overfit.verdict import shown
from bench.reports.figure import save_figure
from bench.reports.render_markdown import escape, table

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#303030}"
    "table{border-collapse:collapse;font-size:13px;margin:.5rem 0}td,th{border-bottom:1px solid #e0e0e0;"
    "padding:.25rem .6rem;text-align:left;vertical-align:top}img{max-width:100%}.verdict{font-size:1.3rem}"
)
Block = tuple[str, Sequence[str], list[tables.Row]]
"""Heading, column names, rows."""


def write_page(e: OverfitReport, folder: Path, environment: Mapping[str, Any]) -> Path:
    """Write the report into a folder; returns the HTML page.

    Raises:
        StoreError: the folder cannot be written.
    """
    from bench.overfit.figure import draw

    picture = save_figure(draw(e), folder / "figure.png")
    write_text(folder / "errors.csv", _errors(e))
    write_json(folder / "overfit.json", finite(tables.content(e, dict(environment))))
    write_text(folder / "README.md", markdown(e, environment))
    write_text(folder / "page.html", html(e, picture.read_bytes(), environment))
    return folder / "page.html"


def markdown(e: OverfitReport, environment: Mapping[str, Any]) -> str:
    """Return the report as Markdown; the figure is a file beside it."""
    lines = [f"# {escape(title(e))}", "", f"**{shown(e.verdict.outcome)}**", ""]
    lines += [*(f"- {escape(text)}" for text in e.verdict.reasons), "", "![figure](figure.png)", ""]
    for heading, texts in _lists(e, environment):
        lines += [f"## {heading}", "", *(f"- {escape(text)}" for text in texts), ""]
    for heading, columns, rows in _blocks(e):
        lines += [f"## {heading}", "", *table(columns, ([escape(c) for c in row] for row in rows)), ""]
    return "\n".join(lines).rstrip() + "\n"


def html(e: OverfitReport, picture: bytes, environment: Mapping[str, Any]) -> str:
    """Return the report as one self-contained HTML file."""
    image = base64.b64encode(picture).decode()
    parts = [
        f'<h1>{plain(title(e))}</h1><p class="verdict"><b>{shown(e.verdict.outcome)}</b></p>',
        _items(e.verdict.reasons),
    ]
    parts.append(f'<img alt="errors, budgets, classes and reconstructions" src="data:image/png;base64,{image}">')
    parts += [f"<h2>{heading}</h2>{_items(texts)}" for heading, texts in _lists(e, environment)]
    for heading, columns, rows in _blocks(e):
        head = "".join(f"<th>{plain(c)}</th>" for c in columns)
        body = "".join("<tr>" + "".join(f"<td>{plain(c)}</td>" for c in row) + "</tr>" for row in rows)
        parts.append(f"<h2>{heading}</h2><table><tr>{head}</tr>{body}</table>")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{plain(title(e))}</title>'
        f"<style>{STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def title(e: OverfitReport) -> str:
    """Return the heading of a report."""
    return f"Did {e.title} overfit? {e.data}, {e.settings.n} images of each kind"


def _lists(e: OverfitReport, environment: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    found = [f"{f.fault}: {f.state}. {'; '.join(f.because)}" for f in e.verdict.findings]
    yield "The three faults", found
    if e.verdict.advice:
        yield "What would be more conclusive", list(e.verdict.advice)
    if e.remarks:
        yield "Remarks", list(e.remarks)
    device, commit = machine_texts(environment)
    yield "How it was measured", [*tables.how(e), f"Device: {device}; commit {commit}."]


def _blocks(e: OverfitReport) -> Iterator[Block]:
    yield "Recovery errors", tables.error_columns(), list(tables.error_rows(e))
    yield "Statistics", ("statistic", "value", "what it detects, and what not"), list(tables.number_rows(e))
    kinds = ("class", "of unseen images", "of samples", "median error", "")
    yield f"Classes of images: {e.modes.basis}", kinds, list(tables.kind_rows(e))
    if e.curve:
        columns = ("steps", "images", "gap", "median training", "median unseen", "recovered")
        yield "Gap against the search's budget", columns, list(tables.curve_rows(e))


def _items(texts: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{plain(text)}</li>" for text in texts) + "</ul>"


def _errors(e: OverfitReport) -> str:
    lines = ["group,index,error,log_prob"]
    for name in GROUPS:
        found = e.errors[name]
        rows = zip(found.errors, found.log_prob, strict=True)
        lines += [f"{name},{index},{error:.9g},{likely:.9g}" for index, (error, likely) in enumerate(rows)]
    return "\n".join(lines) + "\n"
