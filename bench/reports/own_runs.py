"""Rows that a user ran beside records of others, marked in the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.reports.leaderboard import Leaderboard


def with_own_runs(boards: Sequence[Leaderboard], methods: Sequence[str]) -> list[Leaderboard]:
    """Return tables in which the rows of these methods are marked as the user's own runs."""
    return [
        replace(board, rows=tuple(replace(row, own_run=row.method in methods) for row in board.rows))
        for board in boards
    ]
