"""Coupling of images within a batch, told from a method's own rounding noise.

The codes of a sample of images are computed in a batch with companions. Companions in another order, and changes of
the sample's pixels far below a grey level, show how much rounding changes the codes; other companions show how much
other images do.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

NOISE_RATIO = 10.0
"""Change of codes by other companions that is accepted, as a multiple of the change by rounding. Searches of 200
steps stayed below 1: cma, the noisiest of those tried, at .35."""
FLOOR = 1e-4
"""Relative change of codes that is always accepted."""
JITTER = 1e-6
"""Relative change of pixels; a grey level is 8e-3."""
QUARTILE = 0.75
"""Share of the sample whose codes decide: single images of a chaotic search may end in another minimum."""


def coupling(invert: Callable[[Tensor], Tensor], sample: Tensor, first: Tensor, second: Tensor) -> str:
    """Return what is wrong if other images of the batch change an image's code, "" if they do not.

    Args:
        invert: from images ``[B, C, H, W]`` to codes ``[B, d]``, seeded anew in each call.
        sample: images ``[k, C, H, W]`` whose codes are compared.
        first: companions ``[m, C, H, W]``.
        second: as many other companions.
    """
    count = len(sample)

    def codes(images: Tensor, companions: Tensor) -> Tensor:
        return invert(torch.cat([images, companions]))[:count]

    plain = codes(sample, first)
    changed = change(codes(sample, second), plain)
    if changed <= FLOOR:
        return ""
    noise = max(change(codes(sample, first.flip(0)), plain), change(codes(jittered(sample), first), plain))
    if changed <= NOISE_RATIO * noise:
        return ""
    return f"codes change by {changed:.2g} (relative) with other images in the batch, and by {noise:.1g} by rounding"


def repeats(invert: Callable[[Tensor], Tensor], again: Callable[[Tensor], Tensor], sample: Tensor) -> str:
    """Return what is wrong if two functions from images to codes differ by more than rounding, "" if they do not.

    On a CPU they must agree; on a GPU, whose sums have no fixed order, up to the method's own rounding noise.
    """
    plain = invert(sample)
    changed = change(again(sample), plain)
    exact = sample.device.type == "cpu"
    if changed <= FLOOR or (not exact and changed <= NOISE_RATIO * change(invert(jittered(sample)), plain)):
        return ""
    return f"codes differ by {changed:.2g} (relative)"


def jittered(images: Tensor) -> Tensor:
    """Return images ``[B, C, H, W]`` with changes far below a grey level."""
    signs = torch.where(torch.arange(images[0].numel(), device=images.device) % 2 == 0, 1.0, -1.0)
    return images * (1 + JITTER * signs.view_as(images[0]))


def change(a: Tensor, b: Tensor) -> float:
    """Return the relative change of codes ``[B, d]`` that a quarter of the images exceed."""
    changes = (a - b).norm(dim=1) / b.norm(dim=1).clamp_min(1e-12)
    return float(torch.quantile(changes.double().cpu(), QUARTILE))
