"""L-BFGS on the pixel error of each image, preconditioned by the generator's mean metric.

Many images are searched at once, each with its own history and line search.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.core.registry import method, refiner
from bench.core.run_context import RunContext
from bench.core.types import Gan
from methods.latent_bounds import Support
from methods.preconditioner import inverse_metric, mean_metric
from methods.reconstruction import LeastSquaresProblem
from methods.solver import LatentRefiner, LatentSearch, LeastSquaresSolver, SearchState, check_time, show_progress

ARMIJO = 1e-4
"""Least decrease of a step as a share of the slope's linear prediction (Nocedal and Wright, section 3.1)."""
SHRINK = 0.4
TRIALS = 12
CURVATURE = 1e-10
"""Least cosine between a step and its change of gradient for the pair to be stored."""


@dataclass
class LbfgsState(SearchState):
    """State of each image of an L-BFGS search, with the history of its last steps.

    Attributes:
        scale: scale ``[b]`` of the initial inverse Hessian.
        steps: stored steps ``[b, m, d]``; zero in empty places.
        changes: changes of the gradient in these steps, ``[b, m, d]``.
        weights: 1 / (step . change) ``[b, m]``; zero in empty places.
        fresh: whether the history of an image is empty, ``[b]``.
    """

    scale: Tensor
    steps: Tensor
    changes: Tensor
    weights: Tensor
    fresh: Tensor


@dataclass
class QuasiNewton:
    """The L-BFGS search; see ``minimise``.

    Attributes:
        problem: the least-squares problem.
        support: support of the codes.
        inverse: initial inverse Hessian up to a scale, ``[d, d]``; None for the identity.
        history: stored pairs of an image.
        tolerance: mean squared error at which an image is done.
        run: deadline and progress.
        diverged: images ``[B]`` of the last ``minimise`` whose starts had no finite error and gradient.
    """

    problem: LeastSquaresProblem
    support: Support
    inverse: Tensor | None
    history: int
    tolerance: float
    run: RunContext
    diverged: Tensor = field(init=False)

    def minimise(self, start: Tensor, steps: int) -> Tensor:
        """Return free variables ``[B, d]`` after at most ``steps`` accepted or failed line searches.

        A step costs one call and one backward pass, and one more of each where the line search shortens it. An image
        is done at the tolerance, or when the line search fails along the preconditioned gradient itself.

        Raises:
            CellTimeout: the deadline passed.
        """
        found, state, problem = start.clone(), self._begin(start), self.problem
        errors, self.diverged = state.f.clone(), ~(state.f.isfinite() & state.slope.isfinite().all(1))
        for step in range(steps):
            going = self._sound(state) & (self.problem.mse(state.f) > self.tolerance)
            if not going.all():
                state, problem = state.keep(going), problem.part(going)
            if not len(state.rows):
                break
            check_time("lbfgs", step, steps, self.run)
            state = self._step(problem, state, step)
            found[state.rows], errors[state.rows] = state.u, state.f
            show_progress(
                "lbfgs", step + 1, steps=steps, run=self.run, errors=self.problem.mse(errors), diverged=self.diverged
            )
        return found

    def _begin(self, start: Tensor) -> LbfgsState:
        f, slope = self.problem.gradient(start)
        count, dim = start.shape
        memory = torch.zeros(count, self.history, dim, dtype=start.dtype, device=start.device)
        scale = self._first_scale(slope)
        nothing = torch.ones(count, dtype=torch.bool, device=start.device)
        rows = torch.arange(count, device=start.device)
        return LbfgsState(
            rows,
            start,
            f=f,
            slope=slope,
            scale=scale,
            steps=memory,
            changes=memory.clone(),
            weights=memory[:, :, 0].clone(),
            fresh=nothing,
        )

    def _first_scale(self, slope: Tensor) -> Tensor:
        """Return scales so that the first step has length 1, or with a metric is the Gauss-Newton step."""
        if self.inverse is not None:
            return torch.ones(len(slope), dtype=slope.dtype, device=slope.device)
        lengths: Tensor = slope.norm(dim=1)
        return lengths.clamp_min(1e-12).reciprocal()

    def _sound(self, state: LbfgsState) -> Tensor:
        """Return a mask of the images whose search can continue."""
        return state.f.isfinite() & state.slope.isfinite().all(1) & (state.slope != 0).any(1)

    def _step(self, problem: LeastSquaresProblem, state: LbfgsState, step: int) -> LbfgsState:
        """Run one line search for every image; a failed one clears the history, a second one ends the search."""
        free = self.support.movable(state.u, state.slope)
        direction = -self._product(state, state.slope, free, step)
        uphill = (direction * state.slope).sum(1) >= 0
        if uphill.any():
            steepest = state.slope if free is None else state.slope * free
            direction = torch.where(uphill[:, None], -state.scale[:, None] * steepest, direction)
        u, f, slope, moved = self._search(problem, state, direction, step)
        self._remember(state, u - state.u, changes=slope - state.slope, moved=moved, step=step)
        stuck = ~moved & state.fresh
        lost = ~moved & ~state.fresh
        state.weights[lost] = 0
        state.scale[lost] = self._first_scale(state.slope[lost])
        state.fresh = torch.where(moved, False, state.fresh | lost)
        state.u, state.f, state.slope = u, f, torch.where(stuck[:, None], 0.0, slope)
        return state

    def _product(self, state: LbfgsState, slope: Tensor, free: Tensor | None, step: int) -> Tensor:
        """Return the inverse Hessian times gradients, by two-loop recursion (Nocedal and Wright, algorithm 7.4)."""
        q, shares = slope if free is None else slope * free, {}
        for k in self._recent(step):
            shares[k] = state.weights[:, k] * (state.steps[:, k] * q).sum(1)
            q = q - shares[k][:, None] * state.changes[:, k]
        q = state.scale[:, None] * (q if self.inverse is None else q @ self.inverse)
        for k in reversed(shares):
            back = state.weights[:, k] * (state.changes[:, k] * q).sum(1)
            q = q + (shares[k] - back)[:, None] * state.steps[:, k]
        return q if free is None else q * free

    def _recent(self, step: int) -> Iterator[int]:
        """Return the places of the history in use, the latest first."""
        return (k % self.history for k in range(step - 1, max(step - 1 - self.history, -1), -1))

    def _search(
        self, problem: LeastSquaresProblem, state: LbfgsState, direction: Tensor, step: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Backtrack until the error falls enough; returns u, f, gradient and whether each image moved."""
        u, f, slope = state.u.clone(), state.f.clone(), state.slope.clone()
        moved = torch.zeros(len(u), dtype=torch.bool, device=u.device)
        length = (u.shape[1] ** 0.5 / direction.norm(dim=1).clamp_min(1e-12)).clamp_max(1.0)
        promise = (direction * state.slope).sum(1)
        for trial in range(TRIALS):
            left = (~moved).nonzero()[:, 0]
            if not len(left):
                break
            part = problem if len(left) == len(u) else problem.part(left)
            tried = state.u[left] + length[left, None] * direction[left]
            tried = self.support.place(tried, part.x, step * TRIALS + trial)
            error, gradient = part.gradient(tried)
            enough = error <= state.f[left] + ARMIJO * length[left] * promise[left]
            enough &= (error < state.f[left]) & gradient.isfinite().all(1)
            taken = left[enough]
            u[taken], f[taken], slope[taken], moved[taken] = tried[enough], error[enough], gradient[enough], True
            length[left[~enough]] *= SHRINK
        return u, f, slope, moved

    def _remember(self, state: LbfgsState, moves: Tensor, changes: Tensor, moved: Tensor, step: int) -> None:
        """Store the pairs of positive curvature in place of the oldest, and set the scale from them."""
        k, curvature = step % self.history, (moves * changes).sum(1)
        useful = moved & (curvature > CURVATURE * moves.norm(dim=1) * changes.norm(dim=1))
        state.steps[:, k], state.changes[:, k] = moves * useful[:, None], changes * useful[:, None]
        state.weights[:, k] = torch.where(useful, 1 / curvature, 0.0)
        seen = changes if self.inverse is None else changes @ self.inverse
        state.scale = torch.where(useful, curvature / (seen * changes).sum(1), state.scale)


@dataclass
class LbfgsSolver(LeastSquaresSolver):
    """L-BFGS with the damped mean metric E[J'J] of the generator as initial Hessian.

    Attributes:
        history: stored pairs of an image.
        probes: backward passes for the estimate of the metric, once for a GAN; 0 for no metric.
        damping: number added to the metric's diagonal, as a share of its mean eigenvalue.
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
        search = QuasiNewton(
            problem, support, inverse=inverse, history=self.history, tolerance=self.tolerance, run=self.run
        )
        found = search.minimise(start, steps)
        self.run.count_diverged("lbfgs", search.diverged)
        return self.finished(problem, found, codes)

    def inverse(self) -> Tensor | None:
        """Return the inverse of the damped metric ``[d, d]`` float64, computed at first use; None without probes."""
        if not self.probes:
            return None
        if self._inverse is None or self._inverse[0] is not self.gan:
            metric = mean_metric(self.gan, self.probes, self.sphere, self.stretch)
            self._inverse = self.gan, inverse_metric(metric, self.damping)
        return self._inverse[1]


@method("lbfgs")
@dataclass
class Lbfgs(LatentSearch, LbfgsSolver):
    """L-BFGS from random codes, with a history and a line search for each image.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget, Gan
        >>> from bench.gans.priors import Normal
        >>> from methods.lbfgs import Lbfgs
        >>> method, x = Lbfgs(), torch.rand(3, 1, 2, 2)
        >>> method.gan = Gan(torch.nn.Unflatten(1, (1, 2, 2)), None, Normal(4), (1, 2, 2))  # a code is four pixels
        >>> method.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 20, 0, timeout=60.0), seed=1)
        >>> torch.allclose(method.invert(x), x.flatten(1), atol=1e-3)
        True
    """


@refiner("lbfgs")
@dataclass
class LbfgsRefiner(LatentRefiner, LbfgsSolver):
    """L-BFGS from the method's codes, at most ``budget.refine_steps`` steps.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget, Gan
        >>> from bench.gans.priors import Normal
        >>> from methods.lbfgs import LbfgsRefiner
        >>> refiner, x = LbfgsRefiner(), torch.rand(3, 1, 2, 2)
        >>> refiner.gan = Gan(torch.nn.Unflatten(1, (1, 2, 2)), None, Normal(4), (1, 2, 2))  # a code is four pixels
        >>> refiner.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 0, 20, timeout=60.0), seed=1)
        >>> torch.allclose(refiner.refine(x, torch.zeros(3, 4)), x.flatten(1), atol=1e-3)
        True
    """
