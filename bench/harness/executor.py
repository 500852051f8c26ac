"""The executor of stages: an interface of a few lines, and its simplest implementation, in this process.

The harness submits a stage with the keys of its inputs and gets the key of its artefact, or a failure with its
reason. No stage knows where it runs. ``bench.harness.processes`` runs stages in processes of this machine.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from bench.core.errors import BenchError, NotApplicable, StoreError
from bench.core.types import Cell
from bench.harness.keys import Keys

StageName = Literal["open", "train", "draw", "fit", "invert", "measure"]
"""``open`` builds recipe and method from their options and computes nothing, ``draw`` makes the generated images for
a stranger's process; the others are the stages of a cell."""
STAGES: tuple[StageName, ...] = ("train", "fit", "invert", "measure")
SUITE, STRANGERS, MEASURE = "suite", "plug-in", "measure"
"""Beginnings of the lanes of the suite's own methods, of others, of which each cell has one, and of measuring."""
TRACEBACK_LINES = 12


@dataclass(frozen=True)
class StageTask:
    """A stage of a cell, with the keys of its inputs and of its artefact.

    Attributes:
        stage: name of the stage.
        cell: the cell.
        keys: keys of all stages of the cell.
        lane: tasks of a lane may share a process, those of different lanes never do.
        outside: cost of the parts of earlier stages as a process outside of them saw it, for ``measure``.
    """

    stage: StageName
    cell: Cell
    keys: Keys
    lane: str
    outside: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class StageFailure:
    """The reason why a stage has no artefact.

    Attributes:
        reason: one line.
        status: "failed", or "not applicable" for a combination that is impossible.
        traceback: its last lines.
        ends_the_run: the store cannot be written, so no further stage can be stored either.
        environment: device, versions and threads of the process, if it could still report them.
    """

    reason: str
    status: Literal["failed", "not applicable"] = "failed"
    traceback: str = ""
    ends_the_run: bool = False
    environment: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class StageOutcome:
    """A finished task: its artefact is in the store under the task's key of the stage, unless it failed."""

    task: StageTask
    failure: StageFailure | None = None


class Executor(Protocol):
    """Runs stages somewhere; finished ones come back in any order."""

    def submit(self, task: StageTask) -> None:
        """Accept a task; its inputs are in the store."""

    def wait(self) -> StageOutcome:
        """Return the next finished task; progress is reported meanwhile."""

    def retire(self, lane: str) -> None:
        """End what a lane's tasks left behind: memory, threads, processes."""

    def close(self) -> None:
        """End all lanes, also those at work."""


class InProcess:
    """Runs each stage in this process when it is waited for; for debugging, and where stages are code of the suite.

    Args:
        run_stage: function that runs the stage of a task.
        device: "cpu" or "cuda".
    """

    def __init__(self, run_stage: Callable[[StageTask], None], device: str) -> None:
        self.run_stage, self.device = run_stage, device
        self._waiting: deque[StageTask] = deque()

    def submit(self, task: StageTask) -> None:
        """See ``Executor``."""
        self._waiting.append(task)

    def wait(self) -> StageOutcome:
        """See ``Executor``."""
        task = self._waiting.popleft()
        try:
            self.run_stage(task)
        except Exception as error:
            return StageOutcome(task, failure_of(error, self.device))
        return StageOutcome(task)

    def retire(self, lane: str) -> None:
        """Nothing is kept for a lane."""

    def close(self) -> None:
        """Forget what was submitted."""
        self._waiting.clear()


def failure_of(error: BaseException, device: str) -> StageFailure:
    """Return the failure that an exception of a stage means."""
    from bench.core.environment import environment

    reason = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return StageFailure(
        reason.splitlines()[0] if reason else type(error).__name__,
        "not applicable" if isinstance(error, NotApplicable) else "failed",
        traceback="\n".join(lines[-TRACEBACK_LINES:]),
        ends_the_run=isinstance(error, StoreError),
        environment=environment(device),
    )
