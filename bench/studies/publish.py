"""Running a study by name, and writing README.md, table.csv, study.json and figure.png to its folder."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.environment import environment
from bench.core.errors import BenchError
from bench.core.paths import device
from bench.harness.experiment import computing, open_plugins
from bench.harness.experiment_report import (
    DIGITS,
    ExperimentReport,
    cell_text,
    cell_texts,
    json_rows,
    machine_texts,
    options_text,
    table_section,
)
from bench.harness.suite import parse_choice, parse_options
from bench.reports.formatting import shown_metrics
from bench.reports.render_markdown import escape, table
from bench.reports.verdicts import Verdict, shown_outcome
from bench.studies.base import Progress, Study, StudyRequest, StudyResult, silent

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

PUBLISHED = {True: "agree", False: "disagree", None: "not printed"}


def run_study(
    name: str,
    *,
    dataset: str | None = None,
    network: str = "",
    images: int = 0,
    seed: int = 0,
    options: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    out: Path | None = None,
    progress: Progress = silent,
    allow_code: bool = False,
) -> tuple[StudyResult, Path]:
    """Run a study and write its report; the command line calls this function.

    Args:
        name: a registered study.
        dataset: as typed, ``celeba?crop=full``; the study's default if None.
        network: feature network of all metrics that use one; those of the papers if "".
        images: number of test images; 10,000, or all if there are fewer, if 0.
        seed: seed of all random numbers.
        options: options of the study, each ``key=value``.
        plugins: files with further studies, methods or networks.
        out: folder of the report; one in the user's cache folder if None.
        progress: called with the number of finished steps.
        allow_code: allow GANs that run code: a factory or an archive of code.

    Returns:
        The result, and the folder.

    Raises:
        BenchError: names, options, data or weights are invalid; nothing is written.
        StoreError: the folder cannot be written.
    """
    open_plugins(plugins)
    if images < 0 or seed < 0:
        raise BenchError(f"--images {images} --seed {seed}: expected 0 or more")
    study = Study.open(name, parse_options(options, "--option"))
    choice = parse_choice(dataset, "--dataset") if dataset else None
    request = StudyRequest(choice, network, images=images, seed=seed, device=device(), progress=progress)
    with computing(request.device, allow_code):
        result = study.run(request)
    return result, report(name, study, request, result).write(out)


def report(name: str, study: Study, request: StudyRequest, result: StudyResult) -> ExperimentReport:
    """Return the report of a study; ``name`` is the registered name as typed."""
    facts = environment(request.device)
    return ExperimentReport(
        kind="study",
        name=f"study-{name}-{result.folder_name or result.dataset}",
        picture="figure.png",
        draw=result.draw,
        tables=result.tables,
        content=_content(study, request, result, facts),
        page=markdown(study, result, facts),
        values=result.values,
    )


def markdown(study: Study, result: StudyResult, facts: Mapping[str, Any]) -> str:
    """Return the report as Markdown."""
    heading = f"{result.title}: {_where(result)}"
    lines = [f"# {escape(heading)}", "", result.asked.strip(), ""]
    lines += ["![figure](figure.png)", "", result.caption]
    if result.verdicts:
        lines += ["", "## Verdicts", "", *_verdict_lines(result)]
    lines += ["", "## How it was measured", "", *(f"- {line}" for line in result.measured), ""]
    for title, rows in result.tables.items():
        lines += table_section(title, _with_intervals(rows))
    lines += ["## Protocol", "", *_protocol_lines(study, result, facts)]
    return "\n".join(lines).rstrip() + "\n"


def terminal(result: StudyResult) -> Iterator[Table]:
    """Yield the main table and the verdicts for a terminal."""
    from rich.markup import escape as plain
    from rich.table import Table

    title, rows = next(iter(result.tables.items()))
    shown = Table(title=plain(f"{title}: {_where(result)}"), pad_edge=False)
    rows = _brief(rows)
    for column in rows.columns:
        shown.add_column(plain(str(column)), justify="right", overflow="fold")
    for cells in cell_texts(rows):
        shown.add_row(*map(plain, cells))
    yield shown
    if not result.verdicts:
        return
    verdicts = Table(title="Verdicts", pad_edge=False)
    for column in ("claim", "verdict", "because"):
        verdicts.add_column(column, overflow="fold")
    for verdict in result.verdicts:
        verdicts.add_row(
            plain(f"{verdict.claim.id} ({verdict.claim.source})"),
            shown_outcome(verdict.outcome),
            plain(verdict.reason),
        )
    yield verdicts


def _content(study: Study, request: StudyRequest, result: StudyResult, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "study": study.registered_name,
        "options": study.options(),
        "dataset": result.dataset,
        "network": result.network,
        "seed": request.seed,
        "protocol": dict(result.protocol),
        "environment": dict(facts),
        "tables": {title: json_rows(rows, _rounded) for title, rows in result.tables.items()},
        "verdicts": [_verdict(verdict, result) for verdict in result.verdicts],
    }


def _verdict(verdict: Verdict, result: StudyResult) -> dict[str, Any]:
    return {
        "claim": verdict.claim.id,
        "source": verdict.claim.source,
        "text": verdict.claim.text,
        "outcome": verdict.outcome,
        "published": verdict.published,
        "dataset": result.dataset,
        "network": result.network,
        "evidence": [asdict(e) for e in verdict.evidence],
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return value.item() if hasattr(value, "item") else value


def _with_intervals(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the table with ``x``, ``x_sd``, ``x_low`` and ``x_high`` joined in one column."""
    shown = rows.copy()
    for name in rows.columns:
        texts = [cell_text(value) for value in rows[name]]
        if f"{name}_sd" in rows.columns:
            spreads = rows[f"{name}_sd"]
            texts = [
                text if math.isnan(sd) else f"{text} ± {sd:.2g}" for text, sd in zip(texts, spreads, strict=True)
            ]
        if {f"{name}_low", f"{name}_high"} <= set(rows.columns):
            ends = zip(texts, rows[f"{name}_low"], rows[f"{name}_high"], strict=True)
            texts = [text if math.isnan(low) else f"{text} [{low:.4g}, {high:.4g}]" for text, low, high in ends]
        shown[name] = texts
    return _brief(shown)


def _brief(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns without spreads and ends of intervals."""
    return rows[[c for c in rows.columns if not re.search("_(sd|low|high)$", str(c))]]


def _where(result: StudyResult) -> str:
    """Return the dataset and the networks, with metrics under the names that tables show."""
    return ", ".join(filter(None, [result.dataset, shown_metrics(result.network)]))


def _verdict_lines(result: StudyResult) -> Iterator[str]:
    where = escape(_where(result))
    rows = [
        [
            v.claim.id,
            escape(v.claim.source),
            escape(v.claim.text),
            f"**{shown_outcome(v.outcome)}**",
            where,
            PUBLISHED[v.published],
            escape(v.reason),
        ]
        for v in result.verdicts
    ]
    yield from table(["id", "source", "claim", "verdict", "decided on", "the paper's numbers", "because"], rows)
    for v in result.verdicts:
        yield from ("", f"{v.claim.id}:", "")
        for e in v.evidence:
            note = f" ({escape(e.stand_in)})" if e.stand_in else ""
            yield f"- {escape(e.question)}: **{shown_outcome(e.outcome)}**, {escape(e.detail)}{note}"


def _protocol_lines(study: Study, result: StudyResult, facts: Mapping[str, Any]) -> Iterator[str]:
    from bench.reports.formatting import settings

    device, commit = machine_texts(facts)
    yield f"- study {study.registered_name}: {escape(options_text(study.options())) or 'no options'}"
    for key, value in result.protocol.items():
        yield f"- {key}: {escape(settings(value) if isinstance(value, Mapping) else str(value))}"
    versions = ", ".join(f"{name} {version}" for name, version in facts.get("versions", {}).items())
    yield f"- commit: {commit}"
    yield f"- device: {escape(device)}"
    yield f"- versions: {escape(versions)}"
