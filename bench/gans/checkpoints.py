"""GANs on disk: safetensors files with the recipe that rebuilds their networks, read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.core.errors import WeightsError
from bench.core.files import sha256, write_bytes
from bench.core.options import create
from bench.core.types import Gan
from bench.gans.recipe import GanConfig

HEADER = "ganinv"
PRIOR = "prior."
"""Prefix of the names of the prior's tensors; they stay float32."""


def save_gan(gan: Gan, path: Path, metadata: Mapping[str, Any] | None = None, half: bool = False) -> None:
    """Write all networks, and the recipe that rebuilds them, as one safetensors file.

    Args:
        gan: built by a recipe (its provenance names the recipe and the options).
        path: the file; written whole or not at all.
        metadata: JSON-able facts to keep with the weights (dataset, steps, seed ...).
        half: store the weights as 16-bit floats, which halves the file and changes them.

    Raises:
        WeightsError: the GAN was not built by a recipe, or a weight does not fit into 16 bits.
        StoreError: the file cannot be written.
    """
    if "recipe" not in gan.provenance:
        raise WeightsError(f"{path}: only a GAN that a recipe built can be saved; this one names no recipe")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _tensors(gan).items()}
    if half:
        tensors = {name: _halved(name, tensor, path) for name, tensor in tensors.items()}
    header = {
        "recipe": gan.provenance["recipe"],
        "options": gan.provenance["options"],
        "image_shape": list(gan.image_shape),
        "metadata": dict(metadata or {}),
    }
    write_bytes(path, save(tensors, {HEADER: json.dumps(header, sort_keys=True)}))


def load_gan(path: Path, device: str = "cpu") -> Gan:
    """Rebuild a GAN from its file; frozen, in eval mode, float32.

    Its provenance holds the recipe, the options, the file, its SHA-256 and the saved metadata.

    Raises:
        WeightsError: no such file, not a whole safetensors file, not written by this suite, or weights that do
            not fit the recipe; names the first tensor that differs.
        UnknownName: a recipe or an option that does not exist (a plug-in that is not loaded).
    """
    header, tensors = _read(path)
    try:
        name, options = str(header["recipe"]), dict(header["options"])
        channels, height, width = (int(n) for n in header["image_shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: its '{HEADER}' header lacks a recipe, options or an image shape") from error
    recipe: GanConfig = create("gan", name, options, where=str(path))
    gan = recipe.build((channels, height, width), device)
    _fill(gan, tensors, path)
    gan.provenance |= {"file": path.name, "sha256": sha256(path), "metadata": header.get("metadata", {})}
    return gan.freeze()


def _tensors(gan: Gan) -> dict[str, Tensor]:
    parts = {"generator": gan.generator, "discriminator": gan.discriminator, "encoder": gan.encoder}
    weights = {
        f"{part}.{name}": tensor
        for part, module in parts.items()
        if module is not None
        for name, tensor in module.state_dict().items()
    }
    return weights | {f"{PRIOR}{name}": tensor for name, tensor in gan.prior.state().items()}


def _halved(name: str, tensor: Tensor, path: Path) -> Tensor:
    if not tensor.is_floating_point() or name.startswith(PRIOR):  # probabilities must sum to one
        return tensor
    halved = tensor.half()
    if not torch.isfinite(halved).all():
        raise WeightsError(f"{path}: {name} has values that 16 bits cannot hold; save it in full precision")
    return halved


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not Path(path).is_file():
        raise WeightsError(f"{path}: no such file")
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise WeightsError(f"{path}: not a whole safetensors file: {error}") from error
    if not isinstance(header, dict):
        raise WeightsError(f"{path}: has no '{HEADER}' header, so it was not written by this suite")
    return header, tensors


def _fill(gan: Gan, tensors: Mapping[str, Tensor], path: Path) -> None:
    expected = _tensors(gan)
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors:
            raise WeightsError(f"{path}: {name} is missing")
        if name not in expected:
            raise WeightsError(f"{path}: {name} is not part of the architecture that its header names")
        found, wanted = tuple(tensors[name].shape), tuple(expected[name].shape)
        if name.startswith(PRIOR):  # the number of rows depends on the training images
            wanted = (*found[:1], *wanted[1:])
        if found != wanted:
            raise WeightsError(f"{path}: {name} has shape {found}, expected {wanted}")
        if not torch.isfinite(tensors[name]).all():
            raise WeightsError(f"{path}: {name} holds NaN or infinite values")
    for name, tensor in expected.items():
        if not name.startswith(PRIOR):
            tensor.copy_(tensors[name])
    try:
        gan.prior.load_state({name: tensors[f"{PRIOR}{name}"] for name in gan.prior.state()})
    except ValueError as error:
        raise WeightsError(f"{path}: the prior's {error}") from error
