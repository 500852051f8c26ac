"""First stage: train a cell's GAN, or read it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.core.environment import environment
from bench.core.errors import ContractError, Diverged
from bench.core.files import write_bytes
from bench.core.options import create
from bench.core.types import Cell, ComponentSpec, Dataset, Gan
from bench.gans.checkpoints import load_gan, save_gan
from bench.gans.external import open_foreign
from bench.gans.monitor import TrainingMonitor
from bench.gans.recipe import GanConfig
from bench.gans.zoo import gan_file, pick_of, refuse_options, runs_code, without_pick
from bench.harness.clock import timed
from bench.harness.context import HarnessContext, load_data, open_run
from bench.harness.keys import Keys, cell_facts
from bench.harness.store import Artefact
from bench.metrics.gan_quality import quality_metric, quality_of


def train(bench: HarnessContext, cell: Cell, keys: Keys) -> tuple[Gan, dict[str, Any]]:
    """Return the cell's GAN, frozen, and its facts; it is trained unless it is stored or its name is a file.

    Raises:
        Diverged: training diverged or collapsed, in this run or in an earlier one.
        BenchError: a GAN of the user violates the contract, or has no permission to run code.
    """

    def read() -> tuple[Gan, dict[str, Any]]:
        path = gan_file(cell.gan.name)
        if path is not None:
            gan = open_foreign(cell.gan, bench.device) if runs_code(cell.gan.name) else load_gan(path)
            return gan.to(bench.device).freeze(), {"seconds": 0.0, "gan_file": path.name}
        with bench.store.lock("train", keys.train):
            artefact = bench.store.artefact("train", keys.train) or _train(bench, cell, keys)
        return load_gan(_picked(artefact, cell)).to(bench.device).freeze(), artefact.meta

    gan, meta = bench.keep("gan", keys.train + pick_of(cell.gan.name), read)
    _check_match(gan, load_data(bench, cell))
    return gan, meta


def open_recipe(choice: ComponentSpec) -> GanConfig | None:
    """Return the recipe of a GAN that is trained, with its options; None for a GAN that is a file.

    Raises:
        UnknownName: an unknown option, or any option of weights in a file.
        BenchError: a value has the wrong type, or the recipe rejects it.
        ContractError: the registered class cannot be imported, or is no recipe.
    """
    refuse_options(choice)
    if gan_file(choice.name) is not None:
        return None
    recipe: GanConfig = create("gan", without_pick(choice.name), choice.options)
    return recipe


def _picked(artefact: Artefact, cell: Cell) -> Path:
    """Return the weights that the cell selects: those of the last step, or those of the best step."""
    if pick_of(cell.gan.name) == "last":
        return artefact.file("gan.safetensors")
    if not artefact.meta["history"]:
        raise ContractError(
            f"GAN {cell.gan.name}: its quality was never measured; the budget needs looks > 0, and the dataset a "
            f"feature network called {cell.dataset.name}-cnn"
        )
    return artefact.file("best.safetensors")


def _train(bench: HarnessContext, cell: Cell, keys: Keys) -> Artefact:
    from bench.gans.training import train_gan

    earlier = bench.store.failure("train", keys.train)
    if earlier:
        raise Diverged(earlier["reason"])
    data = load_data(bench, cell)
    run = open_run(bench, cell, keys.train, "train")
    recipe = open_recipe(cell.gan)
    assert recipe is not None, cell.gan.name
    monitor = _monitor(bench, cell, keys=keys, data=data, seed=run.seed)
    try:
        with timed(bench.clock, "train", cell.budget.timeout, bench.device) as spent:
            run.cost = lambda: {"seconds": bench.clock.now().seconds}
            gan = train_gan(recipe, data.train.first(cell.budget.train_images).to(bench.device), run, monitor)
    except Diverged as error:
        bench.store.put_failure("train", keys.train, {"reason": str(error)})
        raise
    meta = {
        "seconds": run.earlier.get("seconds", 0.0) + spent.seconds,
        "seed": run.seed,
        "figures": run.figures,
        "cell": cell_facts(cell),
        "commit": environment(bench.device)["commit"],
        "history": monitor.history,
        "quality": quality_metric(cell.dataset.name) if monitor.history else None,
    }
    artefact = bench.store.put(
        "train", keys.train, _writers(gan, monitor, {"key": keys.train, "seed": run.seed}), meta
    )
    run.finish()
    if monitor.grid:
        monitor.grid.unlink(missing_ok=True)
    return artefact


def _monitor(bench: HarnessContext, cell: Cell, keys: Keys, data: Dataset, seed: int) -> TrainingMonitor:
    grid = bench.store.checkpoint("train", keys.train).with_suffix(".png")
    metric = quality_metric(cell.dataset.name)
    if not metric or not cell.budget.looks:
        return TrainingMonitor(grid)
    return TrainingMonitor(grid, quality_of(data, metric, seed, bench.device), cell.budget.looks)


def _writers(gan: Gan, monitor: TrainingMonitor, facts: dict[str, Any]) -> dict[str, Callable[[Any], None]]:
    """Return the writer of each file of the artefact."""
    writers: dict[str, Callable[[Any], None]] = {"gan.safetensors": lambda path: save_gan(gan, path, facts)}
    if monitor.best:
        best = copy.deepcopy(gan)
        for module, state in zip(best.modules(), monitor.best, strict=True):
            module.load_state_dict(state)
        writers["best.safetensors"] = lambda path: save_gan(best, path, facts)
    if monitor.grid and monitor.grid.is_file():
        drawn = monitor.grid.read_bytes()
        writers["grid.png"] = lambda path: write_bytes(path, drawn)
    return writers


def _check_match(gan: Gan, data: Dataset) -> None:
    if gan.image_shape != data.shape:
        raise ContractError(
            f"the GAN makes images of {'x'.join(map(str, gan.image_shape))}, "
            f"dataset {data.name} has {'x'.join(map(str, data.shape))} (channels x height x width); options of a "
            "dataset follow its name: folder:PATH?size=28&channels=1"
        )
