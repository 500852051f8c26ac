"""Second stage: fit a method on a cell's GAN, or restore its fitted state."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from bench.core.files import write_bytes
from bench.core.run_context import RunContext
from bench.core.types import Cell, Gan, Inverter
from bench.harness.bound_method import BoundMethod, open_method
from bench.harness.call_counter import CallCounter, counted
from bench.harness.clock import Clock, Spent, timed
from bench.harness.context import HarnessContext, load_data, open_run
from bench.harness.guard import guarded
from bench.harness.keys import Keys
from bench.harness.store import Artefact


def fit(bench: HarnessContext, cell: Cell, keys: Keys, gan: Gan) -> tuple[BoundMethod, dict[str, Any]]:
    """Return the cell's method, bound to the GAN and fitted or restored, and the facts of its training.

    Raises:
        NotApplicable: the method does not apply to this GAN.
        ContractError: the method reads test images, or changes the GAN or global state.
    """
    if bench.isolated:
        bench.forget("data")
    with bench.store.lock("fit", keys.fit):
        run = open_run(bench, cell, keys.fit, "fit")  # its time starts here, not while another process holds the lock
        artefact = bench.store.artefact("fit", keys.fit)
        with counted(gan) as calls:
            with timed(bench.clock, "build", cell.budget.timeout, bench.device) as building:
                method = built(bench, cell, gan, run)
                if artefact:
                    restore(bench, method, load_file(artefact.file("state.safetensors"), device=bench.device))
            if artefact is None:
                artefact = _fit(bench, cell, keys=keys, method=method, run=run, building=building, calls=calls)
    return method, artefact.meta


def built(bench: HarnessContext, cell: Cell, gan: Gan, run: RunContext) -> BoundMethod:
    """Return a cell's method, bound to the GAN and to a run, and built but not fitted.

    Raises:
        BenchError: see ``fit``.
    """
    with guarded(bench, "build", gan):
        method = open_method(cell)
        method.bind(gan, run)
        run.reseed()
        method.base.build()
    return method


def restore(bench: HarnessContext, method: BoundMethod, state: dict[str, Tensor]) -> None:
    """Give a built method the state that it had after fitting."""
    with guarded(bench, "load_state", method.base.gan):
        method.base.load_state(state)


def state_of(bench: HarnessContext, method: BoundMethod) -> dict[str, Tensor]:
    """Return what a method learned, in memory of its own on the CPU."""
    with guarded(bench, "state", method.base.gan):
        learned = method.base.state()
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in learned.items()}


def _fit(
    bench: HarnessContext,
    cell: Cell,
    keys: Keys,
    *,
    method: BoundMethod,
    run: RunContext,
    building: Spent,
    calls: CallCounter,
) -> Artefact:
    data = load_data(bench, cell).without_test()
    if bench.isolated:
        bench.forget("data")  # no frame and no cache holds test images while the method learns
    train = data.train.first(cell.budget.train_images).to(bench.device)
    limited, gan = type(data)(data.name, train, data.val, data.classes), method.base.gan
    with timed(bench.clock, "fit", cell.budget.timeout, bench.device) as spent:
        run.cost = partial(_cost, bench.clock, calls)
        with guarded(bench, "fit", gan, inputs=(train, data.val), checkpoint=run.checkpoint):
            method.base.fit(limited)
            parameters = trained_parameters(method.base)
        state = state_of(bench, method)
    meta = {
        "seconds": building.seconds + run.earlier.get("seconds", 0.0) + spent.seconds,
        "processor_seconds": run.earlier.get("processor_seconds", 0.0) + spent.processor_seconds,
        "generator_calls": round(run.earlier.get("generator_calls", 0)) + calls.total,
        "steps": run.steps,
        "trained_parameters": parameters,
        "threads": torch.get_num_threads(),
    }
    writers = {"state.safetensors": lambda path: write_bytes(path, save(state))}
    artefact = bench.store.put("fit", keys.fit, writers, meta)
    run.finish()
    return artefact


def _cost(clock: Clock, calls: CallCounter) -> dict[str, float]:
    """Return the cost of a stage so far."""
    return {**vars(clock.now()), "generator_calls": calls.total}


def trained_parameters(method: Inverter) -> int:
    """Return the number of trained parameters: what a method states, or what is found in it if that is more."""
    return max(int(method.trained_parameters()), Inverter.trained_parameters(method))
