"""An overview page of a folder of studies with their verdicts, written from their ``study.json`` alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, StoreError
from bench.core.files import write_text
from bench.reports.formatting import shown_metrics
from bench.reports.render_markdown import escape, table
from bench.reports.verdicts import shown_outcome

INTRODUCTION = """# Studies

What the metrics can be trusted for, measured: each study has a table, a figure, and verdicts on the papers' claims. A
verdict is about the dataset and the feature network that stand beside it, not about those of the paper."""


def write_index(folder: Path) -> Path:
    """Write a ``README.md`` of the studies in the sub-folders of a folder; return its path.

    Raises:
        BenchError: there are no studies, or one cannot be read.
        StoreError: the page cannot be written.
    """
    page = folder / "README.md"
    write_text(page, index(read_studies(folder)))
    return page


def read_studies(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the ``study.json`` of each sub-folder, by its name.

    Raises:
        BenchError: there is no such folder or no study in it, or one cannot be read.
    """
    paths = sorted(folder.glob("*/study.json"))
    if not paths:
        raise BenchError(f"{folder}: no studies (FOLDER/study.json) here; write one with ganinv study NAME --out")
    found = {}
    for path in paths:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            found[path.parent.name] = {key: content[key] for key in ("study", "dataset", "network", "verdicts")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is not a study: {error!r}") from error
    return found


def index(studies: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page as Markdown: verdicts by claim, then every figure."""
    rows = sorted(row for name, study in studies.items() for row in _verdict_rows(name, study))
    counts: dict[str, int] = {}
    for row in rows:
        counts[row[3]] = counts.get(row[3], 0) + 1
    summary = ", ".join(f"{count} {outcome.strip('*')}" for outcome, count in sorted(counts.items()))
    lines = [INTRODUCTION, "", f"{len(rows)} verdicts: {summary}.", ""]
    lines += table(["claim", "what it says", "decided on", "verdict", "because", "study"], rows)
    for name, study in studies.items():
        where = ", ".join(filter(None, [study["dataset"], shown_metrics(study["network"])]))
        lines += ["", f"## [{escape(study['study'])}: {escape(where)}]({name}/README.md)", ""]
        lines += [f"![{escape(study['study'])}]({name}/figure.png)"]
    return "\n".join(lines) + "\n"


def _verdict_rows(name: str, study: Mapping[str, Any]) -> Sequence[list[str]]:
    return [
        [
            f"{verdict['claim']} ({escape(verdict['source'])})",
            escape(verdict["text"]),
            escape(", ".join(filter(None, [verdict["dataset"], shown_metrics(verdict["network"])]))),
            f"**{shown_outcome(verdict['outcome'])}**",
            escape(
                "; ".join(
                    f"{e['question']}: {shown_outcome(e['outcome'])}, {e['detail']}" for e in verdict["evidence"]
                )
            ),
            f"[{escape(study['study'])}]({name}/README.md)",
        ]
        for verdict in study["verdicts"]
    ]


def _evidence(found: Mapping[str, Any]) -> str:
    return f"{found['question']}: {shown_outcome(found['outcome'])}, {found['detail']}"
