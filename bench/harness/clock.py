"""Time of the parts of a stage that count as a method's or a GAN's cost, measured by the harness alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from bench.core.environment import synchronise, time_limit


@dataclass
class Spent:
    """Cost of a part of a stage: wall time, and processor time of the process and of all that it started."""

    seconds: float = 0.0
    processor_seconds: float = 0.0


class Clock(Protocol):
    """Measures one part of a stage at a time."""

    def begin(self, what: str) -> None:
        """Begin a part."""

    def now(self) -> Spent:
        """Return its cost so far."""

    def end(self) -> Spent:
        """End it and return its cost."""


class OwnClock:
    """The clocks of this process, as they were when the module was imported."""

    def __init__(self) -> None:
        self._wall, self._processor = time.monotonic, time.process_time
        self._begun = (0.0, 0.0)

    def begin(self, what: str) -> None:
        """See ``Clock``."""
        self._begun = self._wall(), self._processor()

    def now(self) -> Spent:
        """See ``Clock``."""
        return Spent(self._wall() - self._begun[0], self._processor() - self._begun[1])

    def end(self) -> Spent:
        """See ``Clock``."""
        return self.now()


@contextmanager
def timed(clock: Clock, what: str, limit: float, device: str) -> Iterator[Spent]:
    """Measure a block, which is stopped after ``limit`` seconds; the cost is complete when the block has ended.

    Raises:
        CellTimeout: the limit is exceeded.
    """
    spent = Spent()
    clock.begin(what)
    try:
        with time_limit(limit, what):
            yield spent
            synchronise(device)
    finally:
        found = clock.end()
        spent.seconds, spent.processor_seconds = found.seconds, found.processor_seconds
