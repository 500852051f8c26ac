"""The domain network: a small classifier that a recipe trains on one dataset, and the file that it ships as."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from bench.contracts import Dataset, Embedding, FitData, Images
from bench.errors import DataError, WeightsError
from bench.files import digest, write_bytes
from bench.loop import Run, Stateful

WIDTHS = (24, 64, 64, 128)
"""Channels after each convolution; 126k numbers in all for ten classes."""


@dataclass(frozen=True)
class Recipe:
    """How the classifier is trained: AdamW with a one-cycle rate on label-smoothed cross-entropy.

    Attributes:
        epochs: passes over as many images as the train split holds, drawn with replacement.
        batch: images a step.
        peak_rate: highest learning rate of the cycle (Smith & Topin 2018, "Super-convergence").
        weight_decay: decoupled decay of AdamW.
        smoothing: label smoothing.
    """

    epochs: int = 8
    batch: int = 256
    peak_rate: float = 6e-3
    weight_decay: float = 2e-2
    smoothing: float = 0.05

    def steps(self, images: int) -> int:
        """Training steps for a train split of this size; at least one."""
        return max(1, self.epochs * images // self.batch)


class Classifier(nn.Module):
    """Four 3x3 convolutions with batch norm, two max-poolings, a global mean and a linear layer.

    Args:
        channels: of the images.
        classes: how many logits.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        first, second, third, last = WIDTHS
        self.channels = channels
        self.stages = nn.ModuleList(
            [
                nn.Sequential(*_convolution(channels, first)),
                nn.Sequential(nn.MaxPool2d(2), *_convolution(first, second), *_convolution(second, third)),
                nn.Sequential(nn.MaxPool2d(2), *_convolution(third, last)),
            ]
        )
        self.head = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Embedding:
        """Look at images ``[B, C, H, W]`` in [-1, 1].

        Returns:
            features ``[B, 128]``: spatial mean of the last stage; maps: each stage's output after its ReLU;
            logits ``[B, classes]``.
        """
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        pooled = x.mean((2, 3))
        return Embedding(pooled, tuple(maps), self.head(pooled))


def _convolution(inputs: int, outputs: int) -> Iterator[nn.Module]:
    yield nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    yield nn.BatchNorm2d(outputs)
    yield nn.ReLU()


def train_classifier(data: FitData, run: Run, recipe: Recipe | None = None) -> Classifier:
    """Train on ``data.train``; the result is in eval mode, its convolutions rounded to half precision as on disk.

    Raises:
        DataError: the dataset has no labels, or is no set of pictures.
    """
    recipe = recipe or Recipe()
    train = data.train.to(run.device)
    labels = _labels(data.name, train)
    run.reseed()
    network = Classifier(train.shape[0], len(data.classes) or int(labels.max()) + 1)
    network.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = recipe.steps(len(train))
    optimiser = torch.optim.AdamW(network.parameters(), recipe.peak_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.peak_rate, total_steps=steps)
    state: dict[str, Stateful] = {"network": network, "optimiser": optimiser, "schedule": schedule}
    for _ in run.loop(f"classifier on {data.name}", steps, state):
        rows = train.draw(recipe.batch, run.rng)
        logits = network(train.floats(rows)).logits
        loss = F.cross_entropy(logits, labels[rows], label_smoothing=recipe.smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        run.report(loss=loss.detach())
    run.finish()
    return _as_stored(network)


def _labels(name: str, images: Images) -> Tensor:
    if images.labels is None or not images.is_picture:
        raise DataError(f"dataset '{name}': a classifier needs labelled pictures")
    return images.labels.long()


def _as_stored(network: Classifier) -> Classifier:
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.copy_(_half(tensor).float())
    return network.eval().requires_grad_(False)


def _half(tensor: Tensor) -> Tensor:
    # Vectors (batch-norm statistics, biases) stay in full precision: they are few, and variances can be tiny.
    return tensor.half() if tensor.dim() > 1 else tensor


def _single(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.half else tensor


@torch.no_grad()
def accuracy(network: Classifier, images: Images, batch: int = 500) -> float:
    """Share of images whose highest logit is at their label, in [0, 1].

    Raises:
        DataError: no labels.
    """
    labels = _labels("given", images)
    device = network.head.weight.device
    right = 0
    for rows, x in images.batches(batch):
        right += int((network(x.to(device)).logits.argmax(1).cpu() == labels[rows].cpu()).sum())
    return right / len(images)


def save_classifier(
    path: Path, network: Classifier, data: Dataset, seed: int, recipe: Recipe | None = None
) -> dict[str, str]:
    """Write the network as safetensors with what is known of it; returns the metadata.

    The metadata hold the recipe, seed, dataset name and checksum, accuracy on val and test, channels and classes.

    Raises:
        StoreError: the file cannot be written.
    """
    metadata = {
        "recipe": json.dumps(dataclasses.asdict(recipe or Recipe()), sort_keys=True),
        "seed": str(seed),
        "dataset": data.name,
        "dataset_checksum": digest([split.checksum for split in (data.train, data.val, data.test)]),
        "classes": str(network.head.out_features),
        "channels": str(network.channels),
        "val_accuracy": f"{accuracy(network, data.val):.4f}",
        "test_accuracy": f"{accuracy(network, data.test):.4f}",
    }
    tensors = {name: _half(tensor).cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_bytes(path, save(tensors, metadata))
    return metadata


def classifier_metadata(path: Path) -> dict[str, str]:
    """What ``save_classifier`` noted about a network.

    Raises:
        WeightsError: not a readable safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"weights {path}: {error}") from error


def load_classifier(path: Path) -> Classifier:
    """Read a network that ``save_classifier`` wrote; eval mode, on the CPU.

    Raises:
        WeightsError: unreadable, or the weights of another architecture.
    """
    metadata = classifier_metadata(path)
    try:
        with torch.device("meta"):
            network = Classifier(int(metadata["channels"]), int(metadata["classes"]))
        with safe_open(path, framework="pt") as file:
            state = {name: _single(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        network.load_state_dict(state, assign=True)
    except (KeyError, RuntimeError, SafetensorError) as error:
        raise WeightsError(
            f"weights {path}: not a classifier of this suite ({str(error).splitlines()[0]})"
        ) from error
    network.to(memory_format=torch.channels_last)
    return network.eval().requires_grad_(False)
