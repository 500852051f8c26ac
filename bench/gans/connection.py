"""Connection networks that differ from dfi's: the normalisation of recycling, and the layers of its author's code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import nn

from bench.gans.networks import ConnectionNetwork

Norm = Literal["group", "batch"]
Kind = Literal["paper", "author"]

AUTHOR: tuple[Norm | None, ...] = (None, "batch", "batch")
"""Hidden layers of the author's code: the first without normalisation."""


def make_connection(features: int, dim: int, depth: int, width: int, norm: Norm, kind: Kind) -> ConnectionNetwork:
    """From flat features ``[B, features]`` to codes ``[B, dim]``.

    Args:
        features: number of features of an image.
        dim: numbers in a code.
        depth: hidden layers; ignored for the author's.
        width: units of a hidden layer, a multiple of 32.
        norm: group normalisation (dfi, section 3.1) or batch normalisation (recycling, section 4).
        kind: "paper", or "author": FC - LReLU, then [FC - BN - LReLU] twice, then FC, as the author of recycling
            published it.
    """
    norms: Sequence[Norm | None] = AUTHOR if kind == "author" else (norm,) * depth
    network = ConnectionNetwork(features, dim, len(norms), width)
    places = [place for place, layer in enumerate(network.layers) if isinstance(layer, nn.GroupNorm)]
    for place, chosen in zip(places, norms, strict=True):
        if chosen != "group":
            network.layers[place] = nn.BatchNorm1d(width) if chosen == "batch" else nn.Identity()
    return network
