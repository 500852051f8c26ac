"""Levenberg-Marquardt on the pixel residuals of each image.

Many images are searched at once, each with its own Jacobian and damping.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.core.registry import method, refiner
from bench.core.run_context import RunContext, silent
from methods.gauss_newton import Whitened, WhitenedQuasiNewton
from methods.latent_bounds import Support
from methods.reconstruction import LeastSquaresProblem
from methods.solver import LatentRefiner, LatentSearch, LeastSquaresSolver, SearchState, check_time, show_progress

ACCEPTED, REJECTED = 0.2, 4.0
"""Factors of the damping after a step that lowers the error, and after one that does not."""
TRIALS = (ACCEPTED**2, ACCEPTED, 1.0, REJECTED)
"""Dampings tried on one Jacobian, times the image's own; the best is used. A Jacobian costs d calls, a trial one."""
DRAWS = len(TRIALS) + 1
"""Draws in a step with "stochastic" clipping: one for each trial, and one where a Jacobian is used again."""
LEAST, MOST = 1e-8, 1e6
STALLED = 1e-6
"""Relative decrease of the error by one Jacobian below which a search has converged."""
MEMORY = 2**26
"""Largest number of elements of the matrices J'J in memory at a time."""


@dataclass
class LmState(SearchState):
    """State of each image of a Levenberg-Marquardt search; ``slope`` is J'r.

    Attributes:
        square: J'J ``[b, d, d]``.
        damping: damping ``[b]``, which times the mean of J'J's diagonal is added to that diagonal.
        stale: images ``[b]`` that moved since their slope and square were computed.
        arrived: images ``[b]`` whose search has converged.
    """

    square: Tensor
    damping: Tensor
    stale: Tensor
    arrived: Tensor


@dataclass
class LevenbergMarquardt:
    """The Levenberg-Marquardt search; see ``minimise``.

    Attributes:
        problem: the least-squares problem.
        support: support of the codes.
        damping: first damping of each image.
        tolerance: mean squared error at which an image is done.
        run: deadline and progress.
        reuse: further steps that use a Jacobian; see ``_reuse``.
    """

    problem: LeastSquaresProblem
    support: Support
    damping: float
    tolerance: float
    run: RunContext
    reuse: int = 0

    def minimise(self, start: Tensor, steps: int) -> Tensor:
        """Return free variables ``[B, d]`` after at most ``steps`` steps.

        One step in 1 + ``reuse`` computes Jacobians: it costs ``len(TRIALS)`` calls, and 1 + d more for an image that
        moved since its last Jacobian. The others cost a call and a backward pass each, and two calls together.
        An image is done at the tolerance, or when its error no longer falls.

        Raises:
            CellTimeout: the deadline passed.
            NotApplicable: the generator offers no forward-mode derivatives.
        """
        group = max(1, MEMORY // start.shape[1] ** 2)
        places = torch.arange(len(start), device=start.device).split(group)
        return torch.cat([self._minimise(rows, start[rows], steps) for rows in places]) if len(start) else start

    def _minimise(self, rows: Tensor, start: Tensor, steps: int) -> Tensor:
        """Search the images of one group, whose matrices are in memory together."""
        found, problem = start.clone(), self.problem.part(rows)
        state = self._begin(problem, start)
        errors, diverged = state.f.clone(), ~state.f.isfinite()
        for step in range(0, steps, 1 + self.reuse):
            state = state.keep(self._going(state))
            if not len(state.rows):
                break
            check_time("lm", step, steps, self.run)
            self._linearise(problem, state)
            sound = state.slope.isfinite().all(1) & state.square.isfinite().flatten(1).all(1)
            diverged[state.rows[~sound]] = True
            state = state.keep(sound)
            before, further = state.f.clone(), min(self.reuse, steps - step - 1)
            self._step(problem, state, step)
            if further:
                self._reuse(problem, state, further, step)
            state.stale = state.f < before
            state.arrived = state.stale & (before - state.f < STALLED * before)
            found[state.rows], errors[state.rows] = state.u, state.f
            show_progress(
                "lm", step + 1 + further, steps=steps, run=self.run, errors=problem.mse(errors), diverged=diverged
            )
        self.run.count_diverged("lm", diverged)
        return found

    def _begin(self, problem: LeastSquaresProblem, start: Tensor) -> LmState:
        count, dim = start.shape
        f, nothing = problem.errors(start), torch.zeros_like(start)
        square = start.new_zeros(count, dim, dim)
        stale = torch.ones(count, dtype=torch.bool, device=start.device)
        rows = torch.arange(count, device=start.device)
        return LmState(
            rows,
            start,
            f=f,
            slope=nothing,
            square=square,
            damping=torch.full_like(f, self.damping),
            stale=stale,
            arrived=~stale,
        )

    def _going(self, state: LmState) -> Tensor:
        """Return a mask of the images whose search can continue."""
        unsolved = state.f.isfinite() & (self.problem.mse(state.f) > self.tolerance)
        return unsolved & ~state.arrived & (state.damping < MOST)

    def _linearise(self, problem: LeastSquaresProblem, state: LmState) -> None:
        """Compute new Jacobians of the images that moved."""
        stale = state.stale.nonzero()[:, 0]
        if len(stale):
            _, state.slope[stale], state.square[stale] = problem.part(state.rows[stale]).normal_equations(
                state.u[stale]
            )
            state.stale[stale] = False

    def _step(self, problem: LeastSquaresProblem, state: LmState, step: int) -> None:
        """Try each damping and take the best step; if none lowers the error, the damping is increased."""
        part = problem.part(state.rows)
        square, slope = self._free(state)
        best, place, damping = state.f.clone(), state.u.clone(), state.damping * TRIALS[-1] * REJECTED
        for trial, factor in enumerate(TRIALS):
            damped = (state.damping * factor).clamp_min(LEAST)
            tried = state.u - _solve(square, slope, damped)
            tried = self.support.place(tried, part.x, step * DRAWS + trial)
            f = part.errors(tried)
            better = f < best
            best, damping = torch.where(better, f, best), torch.where(better, damped, damping)
            place = torch.where(better[:, None], tried, place)
        state.u, state.f, state.damping = place, best, damping

    def _reuse(self, problem: LeastSquaresProblem, state: LmState, steps: int, step: int) -> None:
        """Take quasi-Newton steps with damped J'J as initial Hessian; the result is used if its error is lower.

        A generator with ReLUs has a kink wherever a unit switches, so that a Jacobian is valid only nearby. Updates
        from the gradients of further steps correct J'J at a small part of its cost.
        """
        part, inner = problem.part(state.rows), copy(self.run)
        inner.progress = silent
        matrix = state.square + torch.diag_embed(_added(state.square, torch.full_like(state.f, self.damping)))
        white = Whitened.around(part, state.u, matrix)
        anywhere = Support(self.support.prior, "none", self.support.seed)
        search = WhitenedQuasiNewton(
            white, anywhere, inverse=None, history=steps, tolerance=self.tolerance, run=inner
        )
        tried = white.free(search.minimise(torch.zeros_like(state.u), steps))
        tried = self.support.place(tried, part.x, step * DRAWS + len(TRIALS))
        f = part.errors(tried)
        better = f < state.f
        state.u = torch.where(better[:, None], tried, state.u)
        state.f = torch.where(better, f, state.f)

    def _free(self, state: LmState) -> tuple[Tensor, Tensor]:
        """Return J'J and slope of the coordinates that are not at a bound; the others do not move."""
        movable = self.support.movable(state.u, state.slope)
        if movable is None:
            return state.square, state.slope
        both = movable[:, :, None] & movable[:, None, :]
        return state.square * both, state.slope * movable


def _solve(square: Tensor, slope: Tensor, damping: Tensor) -> Tensor:
    """Return steps ``[b, d]`` of (J'J + damping * mean diag(J'J) * I) s = J'r; NaN if it is not definite."""
    factor, failed = torch.linalg.cholesky_ex(square + torch.diag_embed(_added(square, damping)))
    step = torch.cholesky_solve(slope[:, :, None], factor).squeeze(2)
    return torch.where((failed == 0)[:, None], step, torch.nan)


def _added(square: Tensor, damping: Tensor) -> Tensor:
    """Return the numbers ``[b, d]`` that dampings ``[b]`` add to the diagonals of J'J."""
    mean = square.diagonal(dim1=1, dim2=2).mean(1)
    return (damping * mean)[:, None].expand(-1, square.shape[1])


@dataclass
class LmSolver(LeastSquaresSolver):
    """Damped Gauss-Newton steps with the exact Jacobian, by forward-mode differentiation.

    Attributes:
        damping: first damping, as a share of the mean of J'J's diagonal.
        reuse: further steps with each Jacobian, by quasi-Newton updates of J'J; 0 for the textbook's search, which
            computes a Jacobian in every step and has higher errors after the same time.
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
        search = LevenbergMarquardt(
            problem, support, damping=self.damping, tolerance=self.tolerance, run=self.run, reuse=self.reuse
        )
        return self.finished(problem, search.minimise(start, steps), codes)


@method("lm")
@dataclass
class Lm(LatentSearch, LmSolver):
    """Levenberg-Marquardt from random codes; one step in 1 + ``reuse`` costs 1 + d generator calls or more.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget, Gan
        >>> from bench.gans.priors import Normal
        >>> from methods.lm import Lm
        >>> method, x = Lm(), torch.rand(3, 1, 2, 2)
        >>> method.gan = Gan(torch.nn.Unflatten(1, (1, 2, 2)), None, Normal(4), (1, 2, 2))  # a code is four pixels
        >>> method.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 20, 0, timeout=60.0), seed=1)
        >>> torch.allclose(method.invert(x), x.flatten(1), atol=1e-3)
        True
    """

    def build(self) -> None:
        """Refuse a generator without forward-mode derivatives before any image is inverted."""
        device = torch.device(self.run.device)
        codes = self.gan.prior.from_uniform(torch.full((1, self.gan.code_dim), 0.5, device=device))
        problem = self.problem(torch.zeros(1, *self.gan.image_shape, device=device))
        problem.check_forward_mode(codes.to(problem.dtype))


@refiner("lm")
@dataclass
class LmRefiner(LatentRefiner, LmSolver):
    """Levenberg-Marquardt from the method's codes, at most ``budget.refine_steps`` steps.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget, Gan
        >>> from bench.gans.priors import Normal
        >>> from methods.lm import LmRefiner
        >>> refiner, x = LmRefiner(), torch.rand(3, 1, 2, 2)
        >>> refiner.gan = Gan(torch.nn.Unflatten(1, (1, 2, 2)), None, Normal(4), (1, 2, 2))  # a code is four pixels
        >>> refiner.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 0, 20, timeout=60.0), seed=1)
        >>> torch.allclose(refiner.refine(x, torch.zeros(3, 4)), x.flatten(1), atol=1e-3)
        True
    """
