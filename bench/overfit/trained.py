"""GANs that a suite trained: looked up in the store by the name of their recipe and dataset."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, StoreError
from bench.core.types import ComponentSpec
from bench.gans.zoo import pick_of, without_pick
from bench.harness.store import Artefact, Store


@dataclass(frozen=True)
class TrainedGan:
    """A trained GAN in the store.

    Attributes:
        path: path of the weights.
        step: training step of the weights.
        trained_on: number of first training images that it was trained on; 0 for all.
    """

    path: Path
    step: int
    trained_on: int


def find_trained(choice: ComponentSpec, dataset: ComponentSpec | None, store: Store) -> TrainedGan:
    """Find the one training of a recipe in the store.

    Args:
        choice: a recipe, optionally with ``@best``; its options, ``seed`` and ``steps`` among them, must agree.
        dataset: dataset that it was trained on.
        store: store of trainings.

    Raises:
        BenchError: no dataset is named, or no training or several are stored; the message lists them.
    """
    name = without_pick(choice.name)
    if dataset is None:
        raise BenchError(f"GAN {choice.name} is a recipe; with --dataset it names a training that the store holds")
    found = [a for a in _trainings(store) if _agrees(a.meta["cell"], name, choice, dataset)]
    if not found:
        raise BenchError(
            f"no training of {choice.name} on {dataset.name} is stored; ganinv run SUITE --gan {name} trains it, and "
            "'ganinv list gans' names those that ship"
        )
    if len(found) > 1:
        described = "; ".join(_described(a.meta["cell"]) for a in found[:5])
        raise BenchError(
            f"{len(found)} trainings of {name} on {dataset.name} are stored ({described}); choose by ?seed=N&steps=N"
        )
    return _picked(found[0], choice)


def _trainings(store: Store) -> list[Artefact]:
    found = []
    for path in sorted((store.root / "train").glob("*/meta.json")):
        try:
            meta = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise StoreError(f"{path} cannot be read: {error}") from error
        if "cell" in meta:
            found.append(Artefact(path.parent, meta))
    return found


def _agrees(cell: dict[str, Any], name: str, choice: ComponentSpec, dataset: ComponentSpec) -> bool:
    known = {**cell["gan"]["options"], "seed": cell["seed"], "steps": cell["budget"]["train_steps"]}
    same_gan = without_pick(cell["gan"]["name"]) == name
    same_data = cell["dataset"]["name"] == dataset.name and cell["dataset"]["options"] == dict(dataset.options)
    return same_gan and same_data and all(known.get(k) == v for k, v in choice.options.items())


def _described(cell: dict[str, Any]) -> str:
    options = "".join(f", {k} = {v}" for k, v in sorted(cell["gan"]["options"].items()))
    return f"seed {cell['seed']}, {cell['budget']['train_steps']:,} steps{options}"


def _picked(artefact: Artefact, choice: ComponentSpec) -> TrainedGan:
    budget, history = artefact.meta["cell"]["budget"], artefact.meta.get("history") or []
    if pick_of(choice.name) == "last":
        return TrainedGan(artefact.file("gan.safetensors"), budget["train_steps"], budget["train_images"])
    if not history:
        raise BenchError(f"GAN {choice.name}: its quality was never measured, so that no best one was kept")
    best = min(history, key=lambda point: float(point["quality"]))
    return TrainedGan(artefact.file("best.safetensors"), int(best["step"]), budget["train_images"])
