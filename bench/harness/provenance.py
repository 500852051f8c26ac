"""Provenance of a measurement: fingerprints of the code that made its numbers, without versions of packages.

Keys of the store also cover versions of packages and the device, so that two machines give other keys. Two numbers
are comparable if the code of the metric and of the generator, which is hashed here, is the same.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from bench.core import registry
from bench.core.errors import BenchError
from bench.core.files import digest
from bench.core.fingerprints import CodeReader
from bench.core.types import Cell, Gan
from bench.gans.identity import file_identity
from bench.gans.zoo import without_pick
from bench.metrics.weights import network_of

if TYPE_CHECKING:
    import numpy as np


def code_facts(cell: Cell, gan: Gan) -> dict[str, Any]:
    """Return ``metric_code``, a fingerprint for each metric and its network, and ``gan_code``, the generator's.

    Raises:
        BenchError: something in the cell is not registered, or its code imports a module that does not exist.
    """
    reader = CodeReader()
    return {
        "metric_code": {name: metric_code(name, reader) for name in cell.metrics},
        "gan_code": gan_code(cell, gan, reader),
    }


def metric_code(name: str, reader: CodeReader | None = None) -> str:
    """Return the fingerprint of a metric's code and of its feature network's; raises the errors of ``code_facts``."""
    reader = reader or CodeReader()
    network = network_of(name)
    parts = [reader.entry("metric", name).fingerprint]
    return "+".join([*parts, reader.entry("features", network).fingerprint] if network else parts)


def gan_code(cell: Cell, gan: Gan, reader: CodeReader | None = None) -> str:
    """Return a fingerprint of the recipe, its options and its code, or of the user's file and what it reads."""
    reader = reader or CodeReader()
    recipe = str(gan.provenance.get("recipe", "") or without_pick(cell.gan.name))
    if recipe in registry.entries("gan"):
        options = gan.provenance.get("options", {})
        return digest([recipe, options, reader.entry("gan", recipe).fingerprint])
    try:
        return digest(file_identity(cell.gan, reader))
    except (BenchError, TypeError):
        return ""


def picture_hashes(target: np.ndarray[Any, Any], output: np.ndarray[Any, Any]) -> list[str]:
    """Return a hash of each pair of pictures, so that a gallery that was cut can be compared: 16 hex digits.

    Args:
        target: ``[k, C, H, W]`` uint8.
        output: the same shape.
    """
    pairs = zip(target, output, strict=True)
    return [hashlib.sha256(f"{x.shape}".encode() + x.tobytes() + y.tobytes()).hexdigest()[:16] for x, y in pairs]
