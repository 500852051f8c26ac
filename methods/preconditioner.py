"""The mean metric of a latent space: mean squared change of a generator's images per direction of codes."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.core.types import Gan
from methods.reconstruction import LeastSquaresProblem

SEED = 0
"""Codes and signs are the same for every run, so that the metric depends on the GAN only."""
BATCH = 128


def mean_metric(gan: Gan, probes: int, sphere: bool = False, stretch: float = 0.0) -> Tensor:
    """Estimate E[J'J] over the prior, ``[d, d]`` float64 on the prior's device.

    For a random sign pattern v, J'v is one backward pass and E[(J'v)(J'v)'] = J'J (Hutchinson 1990); each probe has
    its own code and v. The estimate costs ``probes`` generator calls.

    Args:
        gan: GAN of the generator.
        probes: number of probes; a few times d.
        sphere: see ``LeastSquaresProblem``.
        stretch: see ``LeastSquaresProblem``.
    """
    device = next((t.device for t in gan.generator.state_dict().values()), torch.device("cpu"))
    rng = torch.Generator(device).manual_seed(SEED)
    total, used = torch.zeros(gan.code_dim, gan.code_dim, dtype=torch.float64, device=device), 0
    for count in [BATCH] * (probes // BATCH) + [probes % BATCH]:
        slopes = _probe(gan, count, rng=rng, sphere=sphere, stretch=stretch).double()
        total, used = total + slopes.T @ slopes, used + len(slopes)
    return total / max(used, 1)


def inverse_metric(metric: Tensor, damping: float) -> Tensor:
    """(M + damping * mean eigenvalue * I)^-1, ``[d, d]``; the identity if the metric is zero."""
    unit, mean = torch.eye(len(metric), dtype=metric.dtype, device=metric.device), metric.diagonal().mean()
    if mean <= 0:
        return unit
    damped = metric + damping * mean * unit
    return torch.cholesky_inverse(torch.linalg.cholesky(damped))


def _probe(gan: Gan, count: int, rng: torch.Generator, sphere: bool, stretch: float) -> Tensor:
    """Return J'v ``[n, d]`` of ``count`` codes, without those where it is not finite."""
    u = gan.prior.sample(count, rng)
    problem = LeastSquaresProblem(gan, torch.zeros(count, *gan.image_shape, device=u.device), sphere, stretch)
    with torch.enable_grad():
        u = u.requires_grad_(True)
        pixels = problem.pixels(u)
        signs = torch.randint(0, 2, pixels.shape, generator=rng, device=u.device) * 2.0 - 1.0
        (slopes,) = torch.autograd.grad((pixels * signs).sum(), u)
    return slopes[pixels.isfinite().all(1) & slopes.isfinite().all(1)]
