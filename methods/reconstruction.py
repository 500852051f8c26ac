"""The least-squares problem of a batch: errors, gradients and Jacobians, with all generator calls counted."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import jvp, vmap

from bench.core.errors import NotApplicable
from bench.core.types import Gan
from bench.gans.folding import folded
from bench.gans.latent_spaces import LatentSpaceView

PIXELS = 400_000
"""Largest number of pixels in one Jacobian pass, which bounds its memory: 510 tangents at 28 x 28."""


@dataclass
class LeastSquaresProblem:
    """Half the squared residuals of each image, f = 1/2 |G(z) - x|^2, as functions of free variables u ``[B, d]``.

    Attributes:
        gan: GAN of the images; frozen.
        x: images ``[B, C, H, W]`` in [-1, 1].
        sphere: z = sqrt(d) u / |u|, the shell of a normal prior (PULSE, section 3.2); else z = u.
        stretch: c in [0, 1). Above 0, pixels p are compared as artanh(c p) / c, which inverts part of the
            generator's tanh. Its slope is 1 or more, so that f is never less than that of the plain pixels.
        double: compute in float64, by a copy of the generator.

    The generator's batch norms are folded; see ``bench.gans.folding``.
    """

    gan: Gan
    x: Tensor
    sphere: bool = False
    stretch: float = 0.0
    double: bool = False
    _generator: nn.Module | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self._generator is None:
            generator = self.gan.generator
            self._generator = folded(copy.deepcopy(generator).double() if self.double else generator)
        self.targets = self._stretched(self.x.detach().flatten(1).to(self.dtype))

    @property
    def dtype(self) -> torch.dtype:
        """Return the type of the computation."""
        return torch.float64 if self.double else torch.float32

    @property
    def size(self) -> int:
        """Return the number of values in an image."""
        return math.prod(self.gan.image_shape)

    def part(self, rows: Tensor) -> LeastSquaresProblem:
        """Return the problem of some images, by index or by mask."""
        return LeastSquaresProblem(
            self.gan,
            self.x[rows],
            sphere=self.sphere,
            stretch=self.stretch,
            double=self.double,
            _generator=self._generator,
        )

    def codes(self, u: Tensor) -> Tensor:
        """Return codes ``[B, d]`` of free variables."""
        return u * (math.sqrt(u.shape[1]) / u.norm(dim=1, keepdim=True)) if self.sphere else u

    def pixels(self, u: Tensor) -> Tensor:
        """Return flattened images ``[B, P]``, stretched with ``stretch``; counts B generator calls."""
        z = self.codes(u)
        assert self._generator is not None
        count_calls(self.gan, len(z))
        return self._stretched(self._generator(z).flatten(1))

    @torch.no_grad()
    def errors(self, u: Tensor) -> Tensor:
        """Return errors f ``[B]``, infinite in place of NaN; B generator calls."""
        return self._halved(self.pixels(u) - self.targets)

    def mse(self, f: Tensor) -> Tensor:
        """Return the mean squared error per pixel of f."""
        return 2 * f / self.size

    def gradient(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return errors f ``[B]`` and their gradients ``[B, d]``: B generator calls and as many backward passes."""
        with torch.enable_grad():
            u = u.detach().requires_grad_(True)
            residual = self.pixels(u) - self.targets
            (slope,) = torch.autograd.grad(residual.square().sum() / 2, u)
        return self._halved(residual.detach()), slope

    @torch.no_grad()
    def normal_equations(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return f ``[B]``, J'r ``[B, d]`` and J'J ``[B, d, d]``; 1 + d calls an image, some images at a time.

        Raises:
            NotApplicable: the generator does not support forward-mode derivatives.
        """
        dim, limit = u.shape[1], max(16, PIXELS // self.size)
        errors, slopes, squares = [], [], []
        for rows in torch.arange(len(u), device=u.device).split(max(1, limit // dim)):
            residual, jacobian = self._linearised(u[rows], self.targets[rows], limit)
            errors.append(self._halved(residual))
            slopes.append((jacobian @ residual[:, :, None]).squeeze(2))
            squares.append(jacobian @ jacobian.mT)
        return torch.cat(errors), torch.cat(slopes), torch.cat(squares)

    def check_forward_mode(self, u: Tensor) -> None:
        """Compute one tangent of free variables ``[B, d]``: one call an image.

        Raises:
            NotApplicable: the generator does not support forward-mode derivatives.
        """
        self._along(u, torch.eye(u.shape[1], dtype=u.dtype, device=u.device)[:1])

    def _linearised(self, u: Tensor, targets: Tensor, limit: int) -> tuple[Tensor, Tensor]:
        """Return residuals ``[b, P]`` and transposed Jacobians ``[b, d, P]``, one forward pass for each tangent."""
        residual, columns = self.pixels(u) - targets, []
        for directions in torch.eye(u.shape[1], dtype=u.dtype, device=u.device).split(limit):
            columns.append(self._along(u, directions))
            # decoding was counted once; every tangent is a pass of its own, and the first is already counted
            count_calls(self.gan, len(u) * (len(directions) - 1))
        return residual, torch.cat(columns).transpose(0, 1)

    def _along(self, u: Tensor, directions: Tensor) -> Tensor:
        """Return derivatives ``[k, b, P]`` of all images along directions ``[k, d]``."""
        derivative: Callable[[Tensor], Tensor] = lambda v: jvp(self.pixels, (u,), (v.expand_as(u),))[1]  # noqa: E731
        try:
            columns: Tensor = vmap(derivative)(directions)
        except torch.OutOfMemoryError:
            raise
        except (NotImplementedError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise NotApplicable(f"this generator offers no forward-mode derivatives ({reason}); use lbfgs") from error
        return columns

    def _stretched(self, pixels: Tensor) -> Tensor:
        return torch.atanh(self.stretch * pixels) / self.stretch if self.stretch else pixels

    def _halved(self, residual: Tensor) -> Tensor:
        return torch.nan_to_num(residual.square().sum(1) / 2, nan=math.inf)


def count_calls(gan: Gan, calls: int) -> None:
    """Count generator calls that did not go through ``decode``, for a view's source too."""
    gan.calls += calls
    if isinstance(gan, LatentSpaceView):
        count_calls(gan.source, calls)
