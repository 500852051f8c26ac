"""Starting codes of a search, and the treatment of codes outside the support of their prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench.core.types import Prior
from bench.gans.priors import image_noise

Clipping = Literal["none", "project", "stochastic"]
"""Treatment of codes outside a bounded support; unbounded priors are not affected.

- "none": a code may leave the support, as an encoder's may.
- "project": each step ends at the nearest code of the support.
- "stochastic": a coordinate that leaves the support is drawn anew from the prior (Lipton and Tripathi 2017).
"""

NUDGE = 1e-3
"""Distance by which a coordinate is moved to test whether it is at the bound of the support."""


@dataclass
class Support:
    """The support of a prior, for the images of one search.

    Attributes:
        prior: prior of the codes.
        clipping: see ``Clipping``.
        seed: seed of the draws; those of an image are the same in every batch.
    """

    prior: Prior
    clipping: Clipping
    seed: int

    def place(self, z: Tensor, x: Tensor, draw: int) -> Tensor:
        """Return codes ``[B, d]`` inside the support.

        Args:
            z: codes ``[B, d]``.
            x: their images ``[B, C, H, W]``.
            draw: number of the step, which determines the draws.
        """
        if self.clipping == "none":
            return z
        inside = self.prior.project(z)
        if self.clipping == "project" or torch.equal(inside, z):
            return inside
        fresh = self.prior.from_uniform(image_noise(x, self.seed + 1 + draw, self.prior.dim)).to(z.dtype)
        return torch.where(inside == z, z, fresh)

    def movable(self, z: Tensor, slope: Tensor) -> Tensor | None:
        """Return a mask ``[B, d]`` of the coordinates that a step against ``slope`` can move; None for all.

        The search direction excludes coordinates at a bound (projected Newton: Bertsekas 1982).
        """
        if self.clipping != "project":
            return None
        pushed = self.prior.project(z - NUDGE * slope.sign())
        return (pushed != z) | (slope == 0)


def draw_starts(x: Tensor, prior: Prior, seed: int, starts: int) -> Tensor:
    """Draw codes ``[starts, B, d]`` of the prior; the first ones do not depend on ``starts``."""
    noise = image_noise(x, seed, prior.dim * starts)
    return torch.stack([prior.from_uniform(part) for part in noise.split(prior.dim, 1)])
