"""Rows that stand outside the ranks of a table, and the reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bench.reports.groups import MethodResults

SLACK = 1.1
"""Largest number of generator calls per step of the budget; a search makes one more at its start and its end."""

LARGEST_BATCH = 1024
"""Generated images that a step of fitting may use."""


def costs(runs: MethodResults, name: str) -> dict[int, float]:
    """Return a cost of a method for each seed that states it."""
    source = {seed: {**r.facts, **r.cost} for seed, r in runs.by_seed.items()}
    return {seed: float(stated[name]) for seed, stated in source.items() if stated.get(name) is not None}


def beyond_budget(runs: MethodResults, budget: Mapping[str, Any]) -> bool:
    """Return True if a method takes clearly more generator calls or steps of fitting than the budget has steps."""
    most = SLACK * LARGEST_BATCH * int(budget.get("fit_steps", 0))
    return (
        _beyond(runs, "generator_calls_per_image", budget, ("search_steps", "refine_steps"))
        or _beyond(runs, "fit_steps", budget, ("fit_steps",))
        or max(costs(runs, "fit_generator_calls").values(), default=0.0) > most
    )


def marks(runs: MethodResults) -> tuple[str, ...]:
    """Return what the harness noticed of a method that makes its row doubtful, in words."""
    found: dict[str, None] = {}
    for record in runs.by_seed.values():
        if record.facts.get("plugin") and not record.facts.get("isolated", True):
            found["measured in its own process (--jobs 0)"] = None
        if started := record.facts.get("started_processes"):
            found[f"started other processes ({', '.join(started)})"] = None
        if written := record.facts.get("written_files"):
            found[f"wrote files ({', '.join(written)})"] = None
    return tuple(found)


def other_machines(found: Sequence[MethodResults]) -> dict[str, str]:
    """Return the methods whose times come from another machine than those of most, with that machine in words.

    A machine is a processor or GPU and its numbers of threads. Methods that do not state theirs are left out.
    """
    machines = {runs.title: machine for runs in found if (machine := _machine(runs))}
    usual = Counter(machines.values()).most_common(1)
    return {title: machine for title, machine in machines.items() if machine != usual[0][0]}


def _machine(runs: MethodResults) -> str:
    stated = dict.fromkeys(
        f"{r.environment['device']}, threads {threads}"
        for r in runs.by_seed.values()
        if "device" in r.environment and (threads := r.facts.get("threads", r.environment.get("threads"))) is not None
    )
    return "; ".join(stated)


def is_ranked(runs: MethodResults, budget: Mapping[str, Any]) -> bool:
    """Return True if a method has a record and is neither a control, nor beyond the budget, nor marked."""
    return bool(runs.by_seed) and not (runs.control or beyond_budget(runs, budget) or marks(runs))


def _beyond(runs: MethodResults, cost: str, budget: Mapping[str, Any], allowed: Sequence[str]) -> bool:
    steps = sum(int(budget.get(name, 0)) for name in allowed)
    return max(costs(runs, cost).values(), default=0.0) > SLACK * steps
