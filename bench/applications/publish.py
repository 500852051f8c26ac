"""From an application's name to its folder: runs it, then writes picture.png, README.md, application.json, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.applications.base import Application, ApplicationResult
from bench.applications.request import Request
from bench.core.environment import environment, prepare_device
from bench.core.errors import ContractError
from bench.core.files import write_json, write_text
from bench.core.options import create
from bench.core.paths import allowing_code, home
from bench.core.registry import add_plugin
from bench.reports.formatting import ABSENT
from bench.reports.render_markdown import escape, table
from bench.studies.base import words_of

if TYPE_CHECKING:
    import pandas as pd

    from bench.applications.subject import Subject

DIGITS = 6
"""Significant digits in the CSV files: sums of floats may differ in their last bits between machines."""


def open_application(name: str, options: Mapping[str, Any] | None = None) -> Application:
    """Build an application by name.

    Raises:
        UnknownName: no such application or option; suggests the nearest.
        BenchError: an option of the wrong type, or out of range.
    """
    opened = create("application", name, options)
    if not isinstance(opened, Application):
        kind = type(opened).__qualname__
        raise ContractError(f"application '{name}': {kind} must subclass bench.applications.base.Application")
    return opened


def run_application(
    name: str,
    request: Request,
    options: Mapping[str, Any] | None = None,
    *,
    plugins: Sequence[Path] = (),
    out: Path | None = None,
    allow_code: bool = False,
) -> tuple[ApplicationResult, Path]:
    """Run an application and write what it made; the command line calls this.

    Args:
        name: a registered application.
        request: GAN, method, images.
        options: of the application.
        plugins: files with further methods, GANs, datasets or applications.
        out: folder; ``reports_folder`` if None.
        allow_code: run the code behind GANs that are a factory or an archive of code.

    Returns:
        What was made, and the folder.

    Raises:
        BenchError: something is wrong with names, options, data or weights, or does not apply; nothing is written.
        StoreError: the folder cannot be written.
    """
    for path in plugins:
        add_plugin(path)
    application = open_application(name, options)
    prepare_device(request.device)
    from bench.applications.subject import open_subject

    with allowing_code(allow_code):
        subject = open_subject(request, application)
        result = application.run(subject)
    folder = out or reports_folder(name, subject)
    write_result(application, subject, result, folder)
    return result, folder


def reports_folder(name: str, subject: Subject) -> Path:
    """Where an application's folder is unless told otherwise."""
    where = f"{name}-{subject.cell.gan.title}-{subject.cell.method.title}"
    return home() / "reports" / re.sub(r"[^a-z0-9]+", "-", f"apply-{where}".lower()).strip("-")


def write_result(application: Application, subject: Subject, result: ApplicationResult, folder: Path) -> None:
    """Write picture.png, README.md, application.json, and table.csv with further tables beside it.

    Equal results give equal bytes: nothing here depends on the time.

    Raises:
        StoreError: the folder cannot be written.
    """
    from bench.applications.figure import draw
    from bench.reports.figure import save_figure

    where = f"{words_of(subject.cell.gan)}, {words_of(subject.cell.method)}"
    save_figure(draw(f"{result.title}: {where}\n{subject.source}", result.strips), folder / "picture.png")
    for number, (title, rows) in enumerate(result.tables.items()):
        name = "table.csv" if number == 0 else f"table-{re.sub(r'[^a-z0-9]+', '-', title.lower())}.csv"
        write_text(folder / name, rows.to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n"))
    facts = conditions(application, subject, result)
    write_json(folder / "application.json", facts)
    write_text(folder / "README.md", markdown(result, where, subject.source, facts))


def conditions(application: Application, subject: Subject, result: ApplicationResult) -> dict[str, Any]:
    """Everything that the numbers depend on, JSON-able."""
    from bench.harness.keys import cell_facts

    return {
        "application": application.registered_name,
        "options": application.options(),
        **{k: v for k, v in cell_facts(subject.cell).items() if k != "metrics"},
        "images": {
            "from": subject.source,
            "count": len(subject.images),
            "shape": list(subject.images.shape),
            "checksum": subject.images.checksum,
        },
        "gan_checksum": subject.gan.checksum(),
        "capacity": subject.method.spaces[-1],
        "trained_on": subject.method.base.trained_on,
        "code_dim": subject.view.code_dim * subject.tiling.count,
        "protocol": dict(result.protocol),
        "environment": dict(environment(subject.bench.device)),
        "tables": {title: _records(rows) for title, rows in result.tables.items()},
    }


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON; what is no number is null."""
    plain = rows.astype(object).where(rows.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in plain]


def markdown(result: ApplicationResult, where: str, source: str, facts: Mapping[str, Any]) -> str:
    """The report as people read it."""
    lines = [f"# {escape(f'{result.title}: {where}')}", "", f"Images: {escape(source)}; seed {facts['seed']}.", ""]
    lines += ["![picture](picture.png)", ""]
    for title, rows in result.tables.items():
        cells = ([escape(cell) for cell in row] for row in shown(rows))
        lines += [f"## {escape(title)}", "", *table([str(c) for c in rows.columns], cells), ""]
    lines += ["## How it was made", "", *(f"- {escape(line)}" for line in result.measured), *_facts(facts)]
    return "\n".join(lines).rstrip() + "\n"


def shown(rows: pd.DataFrame) -> list[list[str]]:
    """The cells of a table as text."""
    return [[_cell(value) for value in row] for row in rows.itertuples(index=False)]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if value == value else ABSENT  # noqa: PLR0124 - NaN differs from itself
    return f"{value:,}" if isinstance(value, int) else str(value)


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    budget = facts["budget"]
    steps = ", ".join(f"{what} {budget[f'{what}_steps']:,}" for what in ("train", "fit", "search", "refine"))
    options = ", ".join(f"{key} = {value}" for key, value in facts["options"].items())
    yield f"- Method: learnt from {escape(facts['trained_on'])}."
    yield f"- Code: {facts['code_dim']:,} numbers an image ({facts['capacity']})."
    yield f"- Budget: {budget['name']}; steps: {steps}."
    yield f"- Options: {escape(options) or 'none'}."
    made = facts["environment"]
    dirty = " (with uncommitted changes)" if made.get("dirty") else ""
    yield f"- Device {escape(str(made.get('device', 'unknown')))}; commit {made.get('commit', 'unknown')}{dirty}."
