"""Records as a pandas DataFrame: one row per cell, one column per number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.core.types import Record
from bench.reports.groups import title_of

if TYPE_CHECKING:
    import pandas as pd

FACTS = ["capacity", "code_dim", "trained_on", "control", "trained_parameters"]
ABOUT = ["dataset", "gan", "budget", "method", "seed", "status"]


def frame(records: Sequence[Record]) -> pd.DataFrame:
    """Return one row per cell, including failed ones (their numbers are NaN, ``reason`` gives the reason).

    Columns: ``ABOUT``; metrics of the test track by name (``psnr``), of the own track as ``own/psnr``; ``FACTS``;
    costs by name; device, reason and key.
    """
    import pandas as pd

    rows = [_row(record) for record in records]
    last = [*FACTS, *_keys(records, "cost"), "device", "reason", "key"]
    metrics = [k for k in dict.fromkeys(k for row in rows for k in row) if k not in {*ABOUT, *last}]
    return pd.DataFrame(rows, columns=[*ABOUT, *metrics, *last])


def _keys(records: Sequence[Record], part: str) -> list[str]:
    return list(dict.fromkeys(key for record in records for key in getattr(record, part)))


def _row(record: Record) -> dict[str, Any]:
    cell = record.cell
    row: dict[str, Any] = {part: title_of(cell[part]) for part in ("dataset", "gan", "method")}
    row |= {"budget": cell["budget"]["name"], "seed": cell["seed"], "status": record.status}
    for track, summaries in record.metrics.items():
        prefix = "" if track == "test" else f"{track}/"
        row |= {f"{prefix}{metric}": summary["value"] for metric, summary in summaries.items()}
    row |= {key: record.facts.get(key) for key in FACTS}
    row |= record.cost
    return row | {"device": record.environment.get("device"), "reason": record.reason, "key": record.key}
