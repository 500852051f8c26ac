"""Leaderboards as JSON: the fields of the typed table; NaN becomes null and infinity becomes text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.reports.leaderboard import Leaderboard


def json_text(boards: Sequence[Leaderboard]) -> str:
    """Return a JSON list of tables with the fields of ``Leaderboard``."""
    return (
        json.dumps([_plain(asdict(board)) for board in boards], indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
