"""The loop that every training shares: seeded, timed out, watched for NaN, and resumable bit for bit.

GAN training, method fitting and classifier training all walk ``for step in run.loop(...)``.
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
        """Everything needed to go on."""

    def load_state_dict(self, state: Any) -> Any:
        """Go on from a state."""


Progress = Callable[[str, int, int, Mapping[str, float]], None]
"""Called with what is being done, the step, the number of steps, and the latest figures."""


def silent(what: str, step: int, steps: int, figures: Mapping[str, float]) -> None:
    """Progress that shows nothing."""


@dataclass
class RunContext:
    """What one stage of one cell may use: budget, seed, device, randomness, and the loop.

    Attributes:
        budget: how many steps each kind of work may take.
        seed: 63-bit number that identifies this stage of this cell.
        device: "cpu" or "cuda".
        rng: the only source of randomness for draws, on ``device``; seeded from ``seed``.
        checkpoint: file for mid-loop checkpoints, or None to keep none.
        progress: where steps are reported.
        steps: of all its loops together, those too that were done before it went on from a checkpoint.
        diverged: images whose search met values that are not finite, each restart counting by itself.
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
    _pending: Mapping[str, torch.Tensor | float] = field(default_factory=dict)
    _finished: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reseed()

    def reseed(self) -> None:
        """Put this run's generator and torch's global one (weights, dropout) at the seed."""
        torch.manual_seed(self.seed)
        self.rng = torch.Generator(self.device).manual_seed(self.seed)

    def loop(
        self, what: str, steps: int, state: Mapping[str, Stateful], every: Callable[[int], None] | None = None
    ) -> Iterator[int]:
        """Yield step numbers 0 … steps-1, going on from the checkpoint if it holds this loop.

        A stage may have several loops, one after the other. A checkpoint holds the state of the current one and the
        last state of those before it.

        Args:
            what: name of the work, different in each loop; shown with the progress and kept in the checkpoint.
            steps: how many steps.
            state: every module, optimizer or schedule whose state changes in the loop.
            every: called after each step with its number (sample grids and the like).

        Raises:
            CellTimeout: the stage ran out of its time.
            Diverged: a figure reported with ``report`` is NaN or infinite.
            StoreError: a checkpoint cannot be written (disk full); the one before it stays.
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
        """Keep the latest losses; they are read (and synchronised) only when progress is shown."""
        self._pending = figures

    def count_diverged(self, what: str, lost: torch.Tensor) -> None:
        """Count images ``[B]`` that are marked as diverged at the end of a search, and warn of them."""
        if count := int(lost.sum()):
            self.diverged += count
            warnings.warn(ImagesDiverged(what, count, len(lost)), stacklevel=3)

    def finish(self) -> None:
        """Delete the checkpoint: the result is stored."""
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
        }
        if self.device == "cuda":
            content["cuda"] = torch.cuda.get_rng_state()
        buffer = io.BytesIO()  # torch reports a full disk in words of its own; writing bytes has an errno
        torch.save(content, buffer)
        write_bytes(self.checkpoint, buffer.getvalue())

    def _resume(self, what: str, steps: int, state: Mapping[str, Stateful]) -> int:
        if not self.checkpoint or not self.checkpoint.is_file():
            return 0
        try:
            content = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError):
            self.checkpoint.unlink()  # only written whole; one that cannot be read was damaged from outside
            return 0
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
