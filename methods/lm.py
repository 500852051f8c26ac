"""Levenberg-Marquardt on the pixel residuals of each image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.core.registry import method, refiner
from methods.levenberg_marquardt import LevenbergMarquardt
from methods.solver import LatentRefiner, LatentSearch, LeastSquaresSolver


@dataclass
class LmSolver(LeastSquaresSolver):
    """Damped Gauss-Newton steps with the exact Jacobian, by forward-mode differentiation.

    Attributes:
        damping: first damping, as a share of the mean of J'J's diagonal.
        reuse: further steps that use each Jacobian, by quasi-Newton updates of its product J'J; 0 for the textbook's
            search, which computes one in every step and finds less in the same time.
    """

    damping: float = 0.1
    reuse: int = 79

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.damping <= 0:
            raise ValueError(f"damping = {self.damping} must be above 0")
        if self.reuse < 0:
            raise ValueError(f"reuse = {self.reuse} must be at least 0")

    def solve(self, x: Tensor, codes: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """See ``Solver.solve``; see ``LevenbergMarquardt.minimise`` for what a step costs."""
        problem, support = self.problem(x), self.support()
        start = support.place(codes, x, -1).to(problem.dtype)
        search = LevenbergMarquardt(problem, support, self.damping, self.tolerance, self.run, self.reuse)
        return self.finished(problem, search.minimise(start, steps), codes)


@method("lm")
@dataclass
class Lm(LatentSearch, LmSolver):
    """Levenberg-Marquardt from random codes: one step in 1 + ``reuse`` is as dear as 1 + d generator calls."""

    def build(self) -> None:
        """Refuse a generator without forward-mode derivatives before any image is inverted."""
        device = torch.device(self.run.device)
        codes = self.gan.prior.from_uniform(torch.full((1, self.gan.code_dim), 0.5, device=device))
        problem = self.problem(torch.zeros(1, *self.gan.image_shape, device=device))
        problem.check_forward_mode(codes.to(problem.dtype))


@refiner("lm")
@dataclass
class LmRefiner(LatentRefiner, LmSolver):
    """Levenberg-Marquardt from the method's codes, at most ``budget.refine_steps`` steps."""
