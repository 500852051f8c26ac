"""Adam on the pixel error of each image, from random codes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench.core.registry import method
from bench.core.run_context import RunContext
from methods.latent_bounds import Support
from methods.reconstruction import LeastSquaresProblem
from methods.solver import LatentSearch, LeastSquaresSolver, check_time, show_progress

MEAN_DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-8


@dataclass
class AdamSolver(LeastSquaresSolver):
    """Adam (Kingma and Ba 2015, algorithm 1) on the mean squared error; the code with the least error is returned.

    Attributes:
        learning_rate: step size of the first step.
        decay: "cosine" lowers the step size to zero along half a cosine; "none" keeps it constant.
    """

    learning_rate: float = 0.1
    decay: Literal["cosine", "none"] = "cosine"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate = {self.learning_rate} must be above 0")

    def solve(self, x: Tensor, codes: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """See ``Solver.solve``; a step costs a call and a backward pass, and the result one more call."""
        problem, support = self.problem(x), self.support()
        start = support.place(codes, x, -1).to(problem.dtype)
        descent = Descent(problem, support, start=start, tolerance=self.tolerance, run=self.run)
        for step in range(steps):
            fall = (1 + math.cos(math.pi * step / steps)) / 2 if self.decay == "cosine" else 1.0
            going = descent.step(step, steps, self.learning_rate * fall)
            show_progress(
                "adam",
                step + 1,
                steps=steps,
                run=self.run,
                errors=problem.mse(descent.errors),
                diverged=descent.diverged,
            )
            if not going:
                break
        self.run.count_diverged("adam", descent.diverged)
        return self.finished(problem, descent.end()[0], codes)


class Descent:
    """Adam for many images at once; an image that is done or no longer finite leaves the batch.

    Args:
        problem: the least-squares problem.
        support: support of the codes.
        start: free variables ``[B, d]``.
        tolerance: mean squared error at which an image is done.
        run: deadline and progress.
    """

    def __init__(
        self, problem: LeastSquaresProblem, support: Support, start: Tensor, tolerance: float, run: RunContext
    ) -> None:
        self.problem, self.support, self.tolerance, self.run = problem, support, tolerance, run
        self.rows, self.u = torch.arange(len(start), device=start.device), start
        self.mean, self.square = torch.zeros_like(start), torch.zeros_like(start)
        self.best = start.clone()
        self.errors = torch.full_like(start[:, 0], math.inf)
        self.diverged = torch.zeros_like(self.rows, dtype=torch.bool)

    def step(self, step: int, steps: int, learning_rate: float) -> bool:
        """Take one step of every remaining image; returns whether any remains.

        Raises:
            CellTimeout: the deadline passed.
        """
        check_time("adam", step, steps, self.run)
        f, slope = self.problem.part(self.rows).gradient(self.u)
        self._keep_best(f)
        sound = f.isfinite() & slope.isfinite().all(1)
        self.diverged[self.rows[~sound]] = True
        going = sound & (self.problem.mse(f) > self.tolerance)
        self.rows, self.u, self.mean, self.square = (t[going] for t in (self.rows, self.u, self.mean, self.square))
        slope = self.problem.mse(slope[going])
        self.mean = MEAN_DECAY * self.mean + (1 - MEAN_DECAY) * slope
        self.square = SQUARE_DECAY * self.square + (1 - SQUARE_DECAY) * slope.square()
        mean = self.mean / (1 - MEAN_DECAY ** (step + 1))
        size = (self.square / (1 - SQUARE_DECAY ** (step + 1))).sqrt() + EPSILON
        moved = self.u - learning_rate * mean / size
        self.u = self.support.place(moved, self.problem.x[self.rows], step)
        return len(self.rows) > 0

    def end(self) -> tuple[Tensor, Tensor]:
        """Return the best free variables ``[B, d]`` so far, including the last, and their errors ``[B]``."""
        if len(self.rows):
            self._keep_best(self.problem.part(self.rows).errors(self.u))
        return self.best, self.errors

    def _keep_best(self, f: Tensor) -> None:
        better = f < self.errors[self.rows]
        rows = self.rows[better]
        self.best[rows], self.errors[rows] = self.u[better], f[better]


@method("adam")
@dataclass
class Adam(LatentSearch, AdamSolver):
    """Adam from random codes, with a step size that falls along half a cosine.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget, Gan
        >>> from bench.gans.priors import Normal
        >>> from methods.adam import Adam
        >>> method, x = Adam(), torch.rand(3, 1, 2, 2)
        >>> method.gan = Gan(torch.nn.Unflatten(1, (1, 2, 2)), None, Normal(4), (1, 2, 2))  # a code is four pixels
        >>> method.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 200, 0, timeout=60.0), seed=1)
        >>> torch.allclose(method.invert(x), x.flatten(1), atol=1e-3)
        True
    """
