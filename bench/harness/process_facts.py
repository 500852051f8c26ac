"""Facts about processes from outside: how they ended, what a session of them has cost."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any


def plain_text(text: Any) -> str:
    """Return a text that every file takes: lone surrogates, as in odd file names, become question marks."""
    return str(text).encode(errors="replace").decode()


def death(status: int | None) -> str:
    """Return how a process ended, in words, from its exit code or minus its signal."""
    if status is None:
        return "its process ended"
    if status == -9:
        return "its process was killed (signal 9), most often for want of memory"
    if status < 0:
        return f"its process died of signal {-status}"
    return f"its process ended itself (exit code {status})"


def session_load(session: int) -> tuple[float, int]:
    """Return processor seconds of a session's processes, also of those that ended, and their number; 0 if unknown."""
    ticks, count = 0, 0
    numbers = [name for name in os.listdir("/proc") if name.isdigit()] if sys.platform == "linux" else []  # noqa: PTH208
    for number in numbers:
        with suppress(OSError, ValueError, IndexError), open(f"/proc/{number}/stat") as file:  # noqa: PTH123 - fast
            fields = file.read().rpartition(")")[2].split()
            if int(fields[3]) == session:
                ticks += sum(int(each) for each in fields[11:15])
                count += 1
    return ticks / os.sysconf("SC_CLK_TCK"), count
