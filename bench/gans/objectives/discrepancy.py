"""Maximum mean discrepancy between two sets of samples."""

from __future__ import annotations

import torch
from torch import Tensor

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Bandwidths of the kernels, as multiples of the median."""


def discrepancy(a: Tensor, b: Tensor) -> Tensor:
    """Squared maximum mean discrepancy of two samples (Gretton et al. 2012, equation 5, biased); a scalar, 0 or more.

    The kernel is a sum of Gaussians exp(-‖x - y‖² / (s·m)): m is the median squared distance between two different
    members of both samples together, a constant for the gradient, and s runs through ``SCALES``.

    Args:
        a: ``[N, d]``.
        b: ``[M, d]``.
    """
    both = torch.cat([a, b]).float()
    inner = both @ both.T
    norms = inner.diagonal()
    squares = (norms[:, None] + norms[None] - 2 * inner).clamp_min(0)
    upper = torch.triu_indices(len(both), len(both), 1, device=both.device)
    median = squares.detach()[upper[0], upper[1]].median().clamp_min(1e-12)
    kernel = torch.stack([torch.exp(-squares / (scale * median)) for scale in SCALES]).sum(0)
    own, cross, other = kernel[: len(a), : len(a)], kernel[: len(a), len(a) :], kernel[len(a) :, len(a) :]
    return own.mean() + other.mean() - 2 * cross.mean()
