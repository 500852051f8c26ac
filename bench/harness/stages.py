"""The stages of a cell - train, fit, invert, measure - by name.

Every stage is a plain function of a cell and its upstream artefacts, in a module of its own: the code of that module
is part of the stage's key. It first asks the store for its result, and what it computes it stores before it returns.
"""

from __future__ import annotations

from bench.harness.bound_method import open_method
from bench.harness.context import HarnessContext
from bench.harness.executor import StageTask
from bench.harness.fit_stage import fit
from bench.harness.invert_stage import draw, invert
from bench.harness.measure_stage import write_record
from bench.harness.origins import plugin_of
from bench.harness.train_stage import open_recipe, train


def run_stage(bench: HarnessContext, task: StageTask) -> None:
    """Run one stage of a cell; its inputs are in the store, and so is its result afterwards.

    Raises:
        Exception: whatever a stage raises; the message of a ``BenchError`` is for users.
    """
    cell, keys = task.cell, task.keys
    if task.stage == "open":
        open_recipe(cell.gan)
        if not plugin_of(cell):
            open_method(cell)
        return
    gan, trained = train(bench, cell, keys)
    if task.stage == "fit":
        bench.keep("method", keys.invert, lambda: fit(bench, cell, keys, gan))
    elif task.stage == "draw":
        draw(bench, cell, keys, gan)
    elif task.stage == "invert":
        invert(bench, cell, keys, gan)
    elif task.stage == "measure":
        write_record(bench, cell, keys, gan=gan, trained=trained, outside=task.outside)
