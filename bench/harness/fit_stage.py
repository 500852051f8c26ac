"""Second stage: fit a method on a cell's GAN, or restore its fitted state."""

from __future__ import annotations

import time
from typing import Any

from safetensors.torch import load_file, save

from bench.core.environment import synchronise, time_limit
from bench.core.files import write_bytes
from bench.core.run_context import RunContext
from bench.core.types import Cell, Gan
from bench.datasets.guard import forbid_test_split
from bench.harness.bound_method import BoundMethod, check_untouched, open_method
from bench.harness.context import HarnessContext, load_data, open_run
from bench.harness.keys import Keys
from bench.harness.store import Artefact


def fit(bench: HarnessContext, cell: Cell, keys: Keys, gan: Gan) -> tuple[BoundMethod, dict[str, Any]]:
    """Return the cell's method, bound to the GAN and fitted or restored, and the facts of its training.

    Raises:
        NotApplicable: the method does not apply to this GAN.
        ContractError: the method reads test images or changes the GAN during fitting.
    """
    method = open_method(cell)
    with bench.store.lock("fit", keys.fit):
        run = open_run(bench, cell, keys.fit, "fit")  # its time starts here, not while another process holds the lock
        method.bind(gan, run)
        run.reseed()
        method.base.build()
        artefact = bench.store.artefact("fit", keys.fit)
        if artefact:
            method.base.load_state(load_file(artefact.file("state.safetensors"), device=bench.device))
        else:
            artefact = _fit(bench, cell, keys=keys, method=method, run=run)
    return method, artefact.meta


def _fit(bench: HarnessContext, cell: Cell, keys: Keys, method: BoundMethod, run: RunContext) -> Artefact:
    data = load_data(bench, cell).without_test()
    limited = type(data)(
        data.name, data.train.first(cell.budget.train_images).to(bench.device), data.val, data.classes
    )
    before, calls = method.base.gan.checksum(), method.base.gan.calls
    started = time.monotonic()
    with time_limit(cell.budget.timeout, "fit"), forbid_test_split("fit"):
        method.base.fit(limited)
    synchronise(bench.device)
    meta = {
        "seconds": time.monotonic() - started,
        "generator_calls": method.base.gan.calls - calls,
        "steps": run.steps,
        "trained_parameters": method.base.trained_parameters(),
    }
    check_untouched(method.base.gan, before, "fit")
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in method.base.state().items()}
    artefact = bench.store.put(
        "fit", keys.fit, {"state.safetensors": lambda path: write_bytes(path, save(state))}, meta
    )
    run.finish()
    return artefact
