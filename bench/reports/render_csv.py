"""Leaderboards as one tidy CSV: one line per method and number, in full precision; gaps are lines with a reason."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from bench.core.texts import csv_cell
from bench.reports.leaderboard import Leaderboard

CONDITIONS = ("title", "dataset", "dataset_checksum", "gan", "budget", "device", "rank_by")
ABOUT = ("method", "rank_low", "rank_high", "capacity", "free_numbers", "trained_on", "control")
NUMBERS = ("track", "metric", "higher_is_better", "mean", "sd", "low", "high", "level")
FIELDS = (*CONDITIONS, *ABOUT, *NUMBERS, "seeds", "best", "optimised", "status", "reason")


def csv_text(boards: Sequence[Leaderboard]) -> str:
    """Return a header of ``FIELDS`` and the lines of every table; a field without a value is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    for board in boards:
        c = board.context
        shared = {
            "title": board.title,
            "dataset": c.dataset,
            "dataset_checksum": c.dataset_checksum,
            "gan": c.gan,
            "budget": c.budget["name"],
            "device": c.device,
            "rank_by": board.rank_by,
        }
        for line in _lines(board):
            writer.writerow({name: csv_cell(value) for name, value in (shared | line).items()})
    return out.getvalue()


def _lines(board: Leaderboard) -> Iterator[dict[str, Any]]:
    for row in board.rows:
        ranks = {"rank_low": row.rank and row.rank.low, "rank_high": row.rank and row.rank.high}
        about = {k: ranks[k] if k in ranks else getattr(row, k) for k in ABOUT}
        for column in board.columns:
            value = row.values.get(column.key)
            if value is None:
                continue
            interval = value.interval
            yield about | {
                "track": column.heading,
                "metric": column.name,
                "higher_is_better": column.higher_is_better,
                "mean": value.mean,
                "sd": value.sd,
                "low": interval and interval.low,
                "high": interval and interval.high,
                "level": interval and interval.level,
                "seeds": " ".join(map(str, value.by_seed)),
                "best": value.best,
                "optimised": value.optimised,
                "status": "done",
            }
    for remark in board.remarks:
        yield {"method": remark.method, "seeds": remark.seed, "status": remark.what, "reason": remark.reason}
