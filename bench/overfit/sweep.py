"""Checkpoints of one training: recovery errors and gap against the training step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import BenchError
from bench.core.files import finite, write_json, write_text
from bench.overfit.examination import OverfitReport
from bench.overfit.inputs import OpenedGan
from bench.overfit.power import ALPHA
from bench.overfit.statistics import Gap
from bench.overfit.tables import span
from bench.overfit.verdict import shown
from bench.reports.figure import save_figure
from bench.reports.plotting import BLUE, GREEN, GREY, ORANGE, canvas, curve, dress, legend
from bench.reports.render_markdown import escape, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ("checkpoint", "step", "median training", "median unseen", "gap", "p", "recovered", "verdict")


@dataclass(frozen=True)
class Stop:
    """The result of one checkpoint, with its step (its position if unknown)."""

    title: str
    step: float
    train: float
    test: float
    gap: Gap
    p: float
    recovered: float
    passed: bool
    outcome: str

    @property
    def conclusive(self) -> bool:
        """True if the result is conclusive: the search passes its gate, or memorisation is significant below it."""
        return self.passed or self.outcome == "memorises"


def steps_of(opened: Sequence[OpenedGan]) -> list[float]:
    """Return the step of each checkpoint: from its file, else the last number in its name, else its position.

    One rule is applied to all of them, so that steps and positions never mix.

    Raises:
        BenchError: fewer than two checkpoints.
    """
    if len(opened) < 2:
        raise BenchError("--sweep needs two checkpoints or more")
    named = [re.findall(r"\d+", Path(o.title).stem) for o in opened]
    for steps in ([o.step for o in opened], [int(found[-1]) if found else None for found in named]):
        known = [float(step) for step in steps if step is not None]
        if len(set(known)) == len(opened):
            return known
    return [float(place) for place in range(1, len(opened) + 1)]


def stops(examined: Sequence[OverfitReport], steps: Sequence[float]) -> tuple[Stop, ...]:
    """Return the result of each checkpoint, ordered by step."""
    found = (
        Stop(
            e.title,
            step,
            train=e.statistics.train.median,
            test=e.statistics.test.median,
            gap=e.statistics.gap,
            p=e.statistics.separation.p,
            recovered=e.statistics.gate.rate,
            passed=e.statistics.gate.passed,
            outcome=e.verdict.outcome,
        )
        for e, step in zip(examined, steps, strict=True)
    )
    return tuple(sorted(found, key=lambda stop: stop.step))


def starts_at(found: Sequence[Stop]) -> Stop | None:
    """Return the first checkpoint from which on every conclusive one memorises; None if the last one does not.

    A checkpoint is conclusive if it passes its gate, or memorises below it.
    """
    first = None
    for stop in reversed([s for s in found if s.conclusive]):
        if stop.outcome != "memorises":
            break
        first = stop
    return first


def write_sweep(
    examined: Sequence[OverfitReport], steps: Sequence[float], folder: Path, environment: Mapping[str, Any]
) -> tuple[Stop, ...]:
    """Write README.md, sweep.json and figure.png.

    Raises:
        StoreError: the folder cannot be written.
    """
    found = stops(examined, steps)
    save_figure(draw(found, examined[0].data), folder / "figure.png")
    write_json(folder / "sweep.json", finite({"stops": [asdict(s) for s in found], "environment": dict(environment)}))
    lines = [f"# Along a training: {escape(examined[0].data)}", "", answer(found), "", "![figure](figure.png)", ""]
    lines += table(COLUMNS, ([escape(c) for c in row] for row in rows(found)))
    write_text(folder / "README.md", "\n".join(lines) + "\n")
    return found


def answer(found: Sequence[Stop]) -> str:
    """Return a sentence on the step from which on the GAN memorises."""
    if not any(s.conclusive for s in found):
        return "Inconclusive: the search passes its gate at no checkpoint, and none memorises clearly."
    first = starts_at(found)
    if first is None:
        return f"No checkpoint from which on it memorises (p < {ALPHA:g}) was found."
    return f"It memorises from step {first.step:g} on: gap {first.gap.value:+.3f}, p = {first.p:.2g}."


def rows(found: Sequence[Stop]) -> list[tuple[str, ...]]:
    """Return one row per checkpoint; columns ``COLUMNS``."""
    return [
        (
            s.title,
            f"{s.step:g}",
            f"{s.train:.4g}",
            f"{s.test:.4g}",
            f"{s.gap.value:+.3f} {span(s.gap.interval)}",
            f"{s.p:.2g}",
            f"{s.recovered:.0%}{'' if s.passed else ' (below the gate)'}",
            shown(s.outcome),
        )
        for s in found
    ]


def draw(found: Sequence[Stop], data: str) -> Figure:
    """Draw errors (left), and gap and share of generated images recovered (right), against the training step."""
    figure = canvas(9.0, 3.4, f"Along a training: {data}")
    left, right = figure.subplots(1, 2)
    steps = [s.step for s in found]
    dress(left, "step", "median recovery error", "Errors")
    curve(left, steps, y=[s.train for s in found], colour=ORANGE, label="training images")
    curve(left, steps, y=[s.test for s in found], colour=BLUE, label="unseen images")
    left.set_yscale("log")
    legend(left)
    dress(right, "step", "gap; share recovered", "Gap")
    right.axhline(0, color=GREY, linewidth=0.8)
    curve(
        right,
        steps,
        y=[s.gap.value for s in found],
        colour=ORANGE,
        label="gap",
        intervals=[s.gap.interval for s in found],
    )
    curve(
        right,
        steps,
        y=[s.recovered for s in found],
        colour=GREEN,
        label="generated images recovered",
        style="--",
        marker="s",
    )
    right.set_ylim(-1.05, 1.05)
    legend(right, "lower left")
    return figure
