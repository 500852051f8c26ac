"""A search problem in coordinates in which the damped Gauss-Newton matrix of each image is the identity."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from methods.lbfgs import QuasiNewton
from methods.reconstruction import LeastSquaresProblem


@dataclass
class Whitened(LeastSquaresProblem):
    """The least-squares problem as a function of v ``[B, d]``, where u = centre + back v.

    With H = J'J + damping = LL' and back = L^-T, the gradient in v is L^-1 times that in u, and a step of -1 times it
    is the damped Gauss-Newton step.

    Attributes:
        centre: free variables at v = 0, ``[B, d]``.
        back: ``[B, d, d]``, upper triangular.
    """

    centre: Tensor = field(kw_only=True)
    back: Tensor = field(kw_only=True)

    @classmethod
    def around(cls, problem: LeastSquaresProblem, centre: Tensor, matrix: Tensor) -> Whitened:
        """Return a problem in the coordinates of matrices ``[B, d, d]`` around free variables ``[B, d]``.

        An image whose matrix is not positive definite (the generator does not depend on its code) keeps its own
        coordinates.
        """
        unit = torch.eye(centre.shape[1], dtype=centre.dtype, device=centre.device)
        factor, failed = torch.linalg.cholesky_ex(matrix)
        factor = torch.where((failed == 0)[:, None, None], factor, unit)
        back = torch.linalg.solve_triangular(factor, unit, upper=False).mT
        options = problem.sphere, problem.stretch, problem.double, problem._generator
        return cls(problem.gan, problem.x, *options, centre=centre, back=back)

    def part(self, rows: Tensor) -> Whitened:
        """Return the problem of some images, by index or by mask."""
        options = self.sphere, self.stretch, self.double, self._generator
        return Whitened(self.gan, self.x[rows], *options, centre=self.centre[rows], back=self.back[rows])

    def free(self, v: Tensor) -> Tensor:
        """Free variables u ``[B, d]`` of v."""
        return self.centre + (self.back @ v[:, :, None]).squeeze(2)

    def codes(self, u: Tensor) -> Tensor:
        """Codes ``[B, d]`` of v, the free variables of this problem."""
        return super().codes(self.free(u))


@dataclass
class WhitenedQuasiNewton(QuasiNewton):
    """L-BFGS with a unit Hessian, whose first step is the damped Gauss-Newton step if at most sqrt(d) long."""

    def _first_scale(self, slope: Tensor) -> Tensor:
        return torch.ones_like(slope[:, 0])
