"""L-BFGS on the pixel error of each image, preconditioned by the generator's mean metric."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from bench.core.registry import method, refiner
from bench.core.types import Gan
from methods.preconditioner import inverse_metric, mean_metric
from methods.quasi_newton import QuasiNewton
from methods.solver import LatentRefiner, LatentSearch, LeastSquaresSolver


@dataclass
class LbfgsSolver(LeastSquaresSolver):
    """L-BFGS whose first guess of the Hessian is the damped mean metric E[J'J] of the generator.

    Attributes:
        history: pairs that an image remembers.
        probes: backward passes that estimate the metric, once for a GAN; 0 for none.
        damping: added to the metric's diagonal, as a share of its mean eigenvalue.
    """

    history: int = 100
    probes: int = 2048
    damping: float = 0.1
    _inverse: tuple[Gan, Tensor] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.history < 1 or self.probes < 0:
            raise ValueError(f"history = {self.history} and probes = {self.probes} must be at least 1 and 0")
        if self.damping <= 0:
            raise ValueError(f"damping = {self.damping} must be above 0")

    def solve(self, x: Tensor, codes: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """See ``Solver.solve``; a step costs a call and a backward pass, more where the line search shortens it."""
        problem, support = self.problem(x), self.support()
        start = support.place(codes, x, -1).to(problem.dtype)
        inverse = self.inverse()
        inverse = None if inverse is None else inverse.to(problem.dtype)
        search = QuasiNewton(problem, support, inverse, self.history, self.tolerance, self.run)
        found = search.minimise(start, steps)
        self.run.count_diverged("lbfgs", search.diverged)
        return self.finished(problem, found, codes)

    def inverse(self) -> Tensor | None:
        """The inverse of the damped metric ``[d, d]`` float64, made when it is first needed; None without probes."""
        if not self.probes:
            return None
        if self._inverse is None or self._inverse[0] is not self.gan:
            metric = mean_metric(self.gan, self.probes, self.sphere, self.stretch)
            self._inverse = self.gan, inverse_metric(metric, self.damping)
        return self._inverse[1]


@method("lbfgs")
@dataclass
class Lbfgs(LatentSearch, LbfgsSolver):
    """L-BFGS from random codes, with a history and a line search for each image."""


@refiner("lbfgs")
@dataclass
class LbfgsRefiner(LatentRefiner, LbfgsSolver):
    """L-BFGS from the method's codes, at most ``budget.refine_steps`` steps."""
