"""Context of a run with the loop of every training: seeded, limited in time, checked for NaN, and resumable exactly.

GAN training, method fitting and classifier training all use ``for step in run.loop(...)``.
"""

from __future__ import annotations

import copy
import io
import math
import pickle
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from bench.core.errors import CellTimeout, Diverged, ImagesDiverged
from bench.core.files import write_bytes
from bench.core.types.runs import Budget


class Stateful(Protocol):
    """A module, optimizer or anything else with a state that can be saved."""

    def state_dict(self) -> Any:
        """Return everything that is needed to resume."""

    def load_state_dict(self, state: Any) -> Any:
        """Resume from a state."""


Progress = Callable[[str, int, int, Mapping[str, float]], None]
"""Function of the name of the work, the step, the number of steps, and the latest figures."""


def silent(what: str, step: int, steps: int, figures: Mapping[str, float]) -> None:
    """Report no progress."""


@dataclass
class RunContext:
    """Context of one stage of one cell: budget, seed, device, random numbers, and the loop.

    Attributes:
        budget: number of steps of each kind of work.
        seed: 63-bit number that identifies this stage of this cell.
        device: "cpu" or "cuda".
        rng: generator of all random draws, on ``device``; seeded with ``seed``.
        checkpoint: file for checkpoints within loops, or None for no checkpoints.
        progress: function to which steps are reported.
        steps: number of steps of all loops, including those before a resumption.
        diverged: number of images whose search produced values that are not finite; each restart counts.
        cost: returns what the stage has cost since this process began it; kept in checkpoints.
        earlier: cost of the processes before, which the checkpoint held when the stage was resumed.
    """

    budget: Budget
    seed: int
    device: str = "cpu"
    checkpoint: Path | None = None
    progress: Progress = silent
    checkpoint_seconds: float = 20.0
    deadline: float = math.inf
    rng: torch.Generator = field(init=False)
    figures: dict[str, float] = field(default_factory=dict)
    steps: int = field(default=0, init=False)
    diverged: int = field(default=0, init=False)
    cost: Callable[[], Mapping[str, float]] = field(default=dict, init=False)
    earlier: dict[str, float] = field(default_factory=dict, init=False)
    _resumed: bool = field(default=False, init=False)
    _pending: Mapping[str, torch.Tensor | float] = field(default_factory=dict)
    _finished: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reseed()

    def reseed(self) -> None:
        """Reset this run's generator and torch's global one (weights, dropout) to the seed."""
        torch.manual_seed(self.seed)
        self.rng = torch.Generator(self.device).manual_seed(self.seed)

    def loop(
        self, what: str, steps: int, state: Mapping[str, Stateful], every: Callable[[int], None] | None = None
    ) -> Iterator[int]:
        """Yield step numbers 0 … steps-1, resuming from the checkpoint if it holds this loop.

        A stage may have several loops, one after the other. A checkpoint holds the state of the current one and the
        last state of those before it.

        Args:
            what: name of the work, different in each loop; shown with the progress and kept in the checkpoint.
            steps: number of steps.
            state: all modules, optimizers and schedules whose state changes in the loop.
            every: called after each step with its number (for sample grids, for instance).

        Raises:
            CellTimeout: the stage exceeded its time.
            Diverged: a figure reported with ``report`` is NaN or infinite.
            StoreError: a checkpoint cannot be written (disk full); the previous one is kept.
        """
        self.steps += steps
        start = self._resume(what, steps, state)
        saved = time.monotonic()
        for step in range(start, steps):
            if time.monotonic() > self.deadline:
                raise CellTimeout(f"{what}: out of time at step {step} of {steps} (limit {self.budget.timeout:g} s)")
            yield step
            if every:
                every(step)
            if step % 50 == 49 or step == steps - 1:
                self._check(what, step)
                self.progress(what, step + 1, steps, self.figures)
            if self.checkpoint and time.monotonic() - saved > self.checkpoint_seconds and step + 1 < steps:
                self._save(what, step + 1, steps, state)
                saved = time.monotonic()
        if self.checkpoint:
            last = {name: thing.state_dict() for name, thing in state.items()}
            self._finished[what] = {"steps": steps, "state": copy.deepcopy(last)}

    def report(self, **figures: torch.Tensor | float) -> None:
        """Store the latest losses; they are read (and synchronised) only when progress is shown."""
        self._pending = figures

    def count_diverged(self, what: str, lost: torch.Tensor) -> None:
        """Count the images that ``lost`` ``[B]`` marks as diverged at the end of a search, and issue a warning."""
        if count := int(lost.sum()):
            self.diverged += count
            warnings.warn(ImagesDiverged(what, count, len(lost)), stacklevel=3)

    def finish(self) -> None:
        """Delete the checkpoint, after the result is stored."""
        if self.checkpoint:
            self.checkpoint.unlink(missing_ok=True)

    def _check(self, what: str, step: int) -> None:
        self.figures = {name: float(value) for name, value in self._pending.items()}
        for name, value in self.figures.items():
            if not math.isfinite(value):
                raise Diverged(f"{what}: {name} is {value} at step {step + 1}")

    def _save(self, what: str, step: int, steps: int, state: Mapping[str, Stateful]) -> None:
        assert self.checkpoint is not None
        content = {
            "loop": [what, steps, self.seed],
            "step": step,
            "state": {name: thing.state_dict() for name, thing in state.items()},
            "rng": self.rng.get_state(),
            "torch": torch.get_rng_state(),
            "finished": self._finished,
            "cost": {name: value + self.earlier.get(name, 0.0) for name, value in self.cost().items()},
        }
        if self.device == "cuda":
            content["cuda"] = torch.cuda.get_rng_state()
        buffer = io.BytesIO()  # torch reports a full disk without an errno; writing bytes has one
        torch.save(content, buffer)
        write_bytes(self.checkpoint, buffer.getvalue())

    def _resume(self, what: str, steps: int, state: Mapping[str, Stateful]) -> int:
        is_first, self._resumed = not self._resumed, True  # later ones may read what this process wrote
        if not self.checkpoint or not self.checkpoint.is_file():
            return 0
        try:
            content = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError):
            self.checkpoint.unlink()  # checkpoints are written atomically; an unreadable one was damaged later
            return 0
        if is_first and content["loop"][2] == self.seed:
            self.earlier = dict(content.get("cost", {}))
        earlier = content["finished"].get(what, {})
        if content["loop"][2] == self.seed and earlier.get("steps") == steps:
            for name, thing in state.items():
                thing.load_state_dict(earlier["state"][name])
            return steps
        if content["loop"] != [what, steps, self.seed]:
            return 0
        for name, thing in state.items():
            thing.load_state_dict(content["state"][name])
        self.rng.set_state(content["rng"].cpu())
        torch.set_rng_state(content["torch"].cpu())
        if self.device == "cuda":
            torch.cuda.set_rng_state(content["cuda"].cpu())
        return int(content["step"])
