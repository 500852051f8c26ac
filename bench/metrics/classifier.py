"""Training, evaluation and storage of classifiers of labels or attributes for one dataset."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.core.errors import DataError, WeightsError
from bench.core.files import digest, write_bytes
from bench.core.run_context import RunContext, Stateful
from bench.core.types import Dataset, FitData, Images
from bench.metrics.attribute_classifier import AttributeClassifier, AttributeClassifierConfig
from bench.metrics.classifier_config import ClassifierConfig, DomainClassifier
from bench.metrics.label_classifier import LabelClassifier, LabelClassifierConfig

NETWORKS: dict[str, type[DomainClassifier]] = {c.kind: c for c in (LabelClassifier, AttributeClassifier)}


def recipe_kind(data: FitData) -> type[LabelClassifierConfig] | type[AttributeClassifierConfig]:
    """Return the training configuration for a dataset: for labels if it has any, else for attributes.

    Raises:
        DataError: the dataset has neither.
    """
    if data.train.labels is not None:
        return LabelClassifierConfig
    if data.train.attributes is not None:
        return AttributeClassifierConfig
    raise DataError(f"dataset '{data.name}': a classifier needs pictures with labels or attributes")


def train_classifier(data: FitData, run: RunContext, recipe: ClassifierConfig | None = None) -> DomainClassifier:
    """Train a classifier on ``data.train``; return it in eval mode, matrices rounded to half precision as on disk.

    Args:
        data: the dataset, with the labels or attributes that the recipe needs.
        run: seed, device and checkpoint.
        recipe: the training configuration; None takes the default one for the dataset.

    Raises:
        DataError: the dataset has neither labels nor attributes, or does not consist of pictures.
    """
    recipe = recipe or recipe_kind(data)()
    train = data.train.to(run.device)
    run.reseed()
    network = recipe.build(data)
    truth = network.truth(data.name, train)
    network.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = recipe.steps(len(train))
    optimizer, schedule = recipe.optimizer(network, steps)
    state: dict[str, Stateful] = {"network": network, "optimizer": optimizer, "schedule": schedule}
    for _ in run.loop(f"classifier on {data.name}", steps, state):
        rows = train.draw(recipe.batch, run.rng)
        x = train.floats(rows).contiguous(memory_format=torch.channels_last)
        loss = recipe.loss(network(x).logits, truth[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        run.report(loss=loss.detach())
    run.finish()
    return _as_stored(network)


@torch.no_grad()
def classifier_scores(network: DomainClassifier, images: Images, batch: int = 500) -> dict[str, str]:
    """Score a network's predictions for images against their annotations; see ``DomainClassifier.scores``.

    Raises:
        DataError: the images lack the annotations.
    """
    truth = network.truth("given", images).cpu()
    device = next(network.parameters()).device
    logits = [network(x.to(device)).logits.cpu() for _, x in images.batches(batch)]
    return network.scores(torch.cat(logits), truth)


def accuracy(network: DomainClassifier, images: Images, batch: int = 500) -> float:
    """Return the share of correctly predicted labels, or its mean over attributes; in [0, 1].

    Raises:
        DataError: the images have no labels, or other attributes.
    """
    return float(classifier_scores(network, images, batch)["accuracy"])


def save_classifier(
    path: Path, network: DomainClassifier, data: Dataset, seed: int, recipe: ClassifierConfig | None = None
) -> dict[str, str]:
    """Write the network and its metadata as safetensors; return the metadata.

    The metadata hold the recipe, seed, dataset name and checksum, scores on val and test (for attributes also per
    attribute), and the facts that rebuild the network: channels and classes, or image shape and attribute names.

    Raises:
        StoreError: the file cannot be written.
    """
    recipe = recipe or recipe_kind(data)()
    metadata = {
        "network": network.kind,
        "recipe": json.dumps(dataclasses.asdict(recipe), sort_keys=True),
        "seed": str(seed),
        "dataset": data.name,
        "dataset_checksum": digest([split.checksum for split in (data.train, data.val, data.test)]),
        **network.facts(),
        **{f"val_{what}": score for what, score in classifier_scores(network, data.val).items()},
        **{f"test_{what}": score for what, score in classifier_scores(network, data.test).items()},
    }
    tensors = {name: _half(tensor).cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_bytes(path, save(tensors, metadata))
    return metadata


def classifier_metadata(path: Path) -> dict[str, str]:
    """Read the metadata that ``save_classifier`` wrote, without torch.

    Raises:
        WeightsError: the file is not a readable safetensors file.
    """
    try:
        with safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"weights {path}: {error}") from error


def load_classifier(path: Path) -> DomainClassifier:
    """Read a network that ``save_classifier`` wrote; return it in eval mode on the CPU.

    Raises:
        WeightsError: the file is unreadable or belongs to another architecture: tensors are missing, left over, or of
            another shape.
    """
    metadata = classifier_metadata(path)
    try:
        with torch.device("meta"):
            network = NETWORKS[metadata.get("network", LabelClassifier.kind)].rebuild(metadata)
        with safe_open(path, framework="pt") as file:
            state = {name: _single(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        network.load_state_dict(state, assign=True)
    except (KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise WeightsError(
            f"weights {path}: not a classifier of this suite ({str(error).splitlines()[0]})"
        ) from error
    network.to(memory_format=torch.channels_last)
    return network.eval().requires_grad_(False)


def _as_stored(network: DomainClassifier) -> DomainClassifier:
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.copy_(_half(tensor).float())
    return network.eval().requires_grad_(False)


def _half(tensor: Tensor) -> Tensor:
    # Vectors (batch-norm statistics, biases) stay in full precision: they are small, and variances can be tiny.
    return tensor.half() if tensor.dim() > 1 else tensor


def _single(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.half else tensor
