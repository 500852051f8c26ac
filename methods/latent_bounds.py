"""Where a search starts, and what becomes of a code that leaves the support of its prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench.core.types import Prior
from bench.gans.priors import image_noise

Clipping = Literal["none", "project", "stochastic"]
"""What keeps codes in a bounded support; unbounded priors are not affected.

- "none": nothing; a code may leave the support, as an encoder's may.
- "project": the nearest code of the support, after each step.
- "stochastic": a coordinate that leaves the support is drawn anew from the prior (Lipton and Tripathi 2017).
"""

NUDGE = 1e-3
"""How far a coordinate is pushed to learn whether the support ends there."""


@dataclass
class Support:
    """The support of a prior, for the images of one search.

    Attributes:
        prior: of the codes.
        clipping: see ``Clipping``.
        seed: of the draws; an image draws the same in every batch.
    """

    prior: Prior
    clipping: Clipping
    seed: int

    def place(self, z: Tensor, x: Tensor, draw: int) -> Tensor:
        """Codes ``[B, d]`` brought into the support.

        Args:
            z: codes ``[B, d]``.
            x: the image of each, ``[B, C, H, W]``.
            draw: number of the step; each has its own draws.
        """
        if self.clipping == "none":
            return z
        inside = self.prior.project(z)
        if self.clipping == "project" or torch.equal(inside, z):
            return inside
        fresh = self.prior.from_uniform(image_noise(x, self.seed + 1 + draw, self.prior.dim)).to(z.dtype)
        return torch.where(inside == z, z, fresh)

    def movable(self, z: Tensor, slope: Tensor) -> Tensor | None:
        """Coordinates ``[B, d]`` that a step against ``slope`` can move; None for all.

        Those that a bound holds are left out of the search direction (projected Newton: Bertsekas 1982).
        """
        if self.clipping != "project":
            return None
        pushed = self.prior.project(z - NUDGE * slope.sign())
        return (pushed != z) | (slope == 0)


def draw_starts(x: Tensor, prior: Prior, seed: int, starts: int) -> Tensor:
    """Codes ``[starts, B, d]`` from the prior; the first ones are the same however many are drawn."""
    noise = image_noise(x, seed, prior.dim * starts)
    return torch.stack([prior.from_uniform(part) for part in noise.split(prior.dim, 1)])
