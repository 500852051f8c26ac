"""Running an application by name, and writing picture.png, README.md, application.json and tables to its folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.applications.base import Application, ApplicationResult
from bench.applications.request import ApplicationRequest
from bench.core.environment import environment
from bench.harness.experiment import computing, open_plugins
from bench.harness.experiment_report import (
    ExperimentReport,
    json_rows,
    machine_texts,
    options_text,
    table_section,
)
from bench.harness.suite import words_of
from bench.reports.render_markdown import escape

if TYPE_CHECKING:
    from bench.applications.subject import InversionSession


def run_application(
    name: str,
    request: ApplicationRequest,
    options: Mapping[str, Any] | None = None,
    *,
    plugins: Sequence[Path] = (),
    out: Path | None = None,
    allow_code: bool = False,
) -> tuple[ApplicationResult, Path]:
    """Run an application and write its result; the command line calls this function.

    Args:
        name: a registered application.
        request: GAN, method, images.
        options: options of the application.
        plugins: files with further methods, GANs, datasets or applications.
        out: folder; one in the user's cache folder if None.
        allow_code: allow GANs that run code: a factory or an archive of code.

    Returns:
        The result, and the folder.

    Raises:
        BenchError: names, options, data or weights are invalid, or not applicable; nothing is written.
        StoreError: the folder cannot be written.
    """
    open_plugins(plugins)
    application = Application.open(name, options)
    with computing(request.device, allow_code):
        from bench.applications.subject import open_subject

        subject = open_subject(request, application.check)
        result = application.run(subject)
    return result, report(name, application, subject, result).write(out)


def report(
    name: str, application: Application, subject: InversionSession, result: ApplicationResult
) -> ExperimentReport:
    """Return the report of an application; ``name`` is the registered name as typed."""
    from bench.applications.figure import draw

    gan, method = subject.cell.gan, subject.cell.method
    where = f"{words_of(gan)}, {words_of(method)}"
    facts = conditions(application, subject, result)
    return ExperimentReport(
        kind="application",
        name=f"apply-{name}-{gan.title}-{method.title}",
        picture="picture.png",
        draw=partial(draw, f"{result.title}: {where}\n{subject.source}", result.strips),
        tables=result.tables,
        content=facts,
        page=markdown(result, where, subject.source, facts),
    )


def conditions(application: Application, subject: InversionSession, result: ApplicationResult) -> dict[str, Any]:
    """Return all facts that the numbers depend on; they can be written as JSON."""
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
        "tables": {title: json_rows(rows, _or_null) for title, rows in result.tables.items()},
    }


def _or_null(value: Any) -> Any:
    """Return a value for JSON; NaN and infinity are null."""
    return None if isinstance(value, float) and math.isnan(value) else value


def markdown(result: ApplicationResult, where: str, source: str, facts: Mapping[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = [f"# {escape(f'{result.title}: {where}')}", "", f"Images: {escape(source)}; seed {facts['seed']}.", ""]
    lines += ["![picture](picture.png)", ""]
    for title, rows in result.tables.items():
        lines += table_section(title, rows)
    lines += ["## How it was made", "", *(f"- {escape(line)}" for line in result.measured), *_facts(facts)]
    return "\n".join(lines).rstrip() + "\n"


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    budget = facts["budget"]
    steps = ", ".join(f"{what} {budget[f'{what}_steps']:,}" for what in ("train", "fit", "search", "refine"))
    options = options_text(facts["options"])
    device, commit = machine_texts(facts["environment"])
    yield f"- Method: learnt from {escape(facts['trained_on'])}."
    yield f"- Code: {facts['code_dim']:,} numbers an image ({facts['capacity']})."
    yield f"- Budget: {budget['name']}; steps: {steps}."
    yield f"- Options: {escape(options) or 'none'}."
    yield f"- Device {escape(device)}; commit {commit}."
