"""The folder that an experiment leaves: README.md, a picture, tables as CSV, all of it as JSON; and its wording."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.files import slug, write_json, write_text, writing
from bench.core.paths import home
from bench.reports.formatting import ABSENT
from bench.reports.render_markdown import escape, table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DIGITS = 6
"""Significant digits in the CSV files: sums of floats may differ in their last bits between machines."""


@dataclass(frozen=True)
class ExperimentReport:
    """The report of one experiment. Equal reports give equal bytes: nothing in it depends on the time.

    Attributes:
        kind: "study" or "application"; names the JSON file.
        name: name of the default folder, see ``default_folder``.
        picture: file name of the picture.
        draw: function that draws the picture.
        tables: rows by title; the first table is table.csv, further ones table-TITLE.csv.
        content: content of the JSON file.
        page: content of README.md.
        values: per-image rows by file stem, stored as Parquet.
    """

    kind: str
    name: str
    picture: str
    draw: Callable[[], Figure]
    tables: Mapping[str, pd.DataFrame]
    content: Mapping[str, Any]
    page: str
    values: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def write(self, out: Path | None = None) -> Path:
        """Write every file; return the folder, which is ``default_folder`` if ``out`` is None.

        Raises:
            StoreError: the folder cannot be written.
        """
        from bench.reports.figure import save_figure

        folder = out or default_folder(self.name)
        save_figure(self.draw(), folder / self.picture)
        for number, (title, rows) in enumerate(self.tables.items()):
            name = "table.csv" if number == 0 else f"table-{slug(title)}.csv"
            write_text(folder / name, rows.to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n"))
        write_json(folder / f"{self.kind}.json", self.content)
        write_text(folder / "README.md", self.page)
        for name, values in self.values.items():
            with writing(folder / f"{name}.parquet") as path:
                values.to_parquet(path, compression="zstd", index=False)
        return folder


def default_folder(name: str) -> Path:
    """Return the default folder of a report; characters that cannot stand in a file name become hyphens."""
    return home() / "reports" / slug(name)


def json_rows(rows: pd.DataFrame, plain: Callable[[Any], Any]) -> list[dict[str, Any]]:
    """Return the rows of a table for JSON; ``plain`` converts each value to a JSON value."""
    return [{str(name): plain(value) for name, value in row.items()} for row in rows.to_dict(orient="records")]


def cell_texts(rows: pd.DataFrame) -> list[list[str]]:
    """Return the cells of a table as texts: four significant digits, thousands separators."""
    return [[cell_text(value) for value in row] for row in rows.itertuples(index=False)]


def cell_text(value: Any) -> str:
    """Return one cell as text; see ``cell_texts``."""
    if isinstance(value, float):
        return ABSENT if math.isnan(value) else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def table_section(title: str, rows: pd.DataFrame) -> list[str]:
    """Return the Markdown lines of a table under its heading."""
    cells = ([escape(cell) for cell in row] for row in cell_texts(rows))
    return [f"## {escape(title)}", "", *table([str(c) for c in rows.columns], cells), ""]


def options_text(options: Mapping[str, Any]) -> str:
    """Return options on one line: ``square = 10, place = random``."""
    return ", ".join(f"{key} = {value}" for key, value in options.items())


def machine_texts(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return device and commit of ``environment`` in words, with a mark for uncommitted changes."""
    changed = " (with uncommitted changes)" if facts.get("dirty") else ""
    return str(facts.get("device", "unknown")), f"{facts.get('commit', 'unknown')}{changed}"
