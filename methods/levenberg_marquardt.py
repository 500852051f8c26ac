"""Levenberg-Marquardt for many images at once: a Jacobian and a damping for each, none shared."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.loop import Run
from methods.reconstruction import Reconstruction
from methods.solver import SearchState, check_time, show_progress
from methods.support import Support

ACCEPTED, REJECTED = 0.2, 4.0
"""What the damping is multiplied by after a step that lowers the error, and after one that does not."""
TRIALS = (ACCEPTED**2, ACCEPTED, 1.0, REJECTED)
"""Dampings tried on one Jacobian, times the image's own; the best counts. A Jacobian costs d calls, a trial one."""
LEAST, MOST = 1e-8, 1e6
STALLED = 1e-6
"""Relative decrease of the error by one Jacobian below which a search has arrived."""
MEMORY = 2**26
"""Numbers in the matrices J'J that are held at a time."""


@dataclass
class State(SearchState):
    """Where each image of a search is; ``slope`` is J'r.

    Attributes:
        square: J'J ``[b, d, d]``.
        damping: times the mean of J'J's diagonal, added to that diagonal, ``[b]``.
        stale: images ``[b]`` that moved since their slope and square were computed.
        arrived: images ``[b]`` whose error falls no further.
    """

    square: Tensor
    damping: Tensor
    stale: Tensor
    arrived: Tensor


@dataclass
class LevenbergMarquardt:
    """The search; see ``minimise``.

    Attributes:
        problem: what is minimised.
        support: where codes may lie.
        damping: first damping of each image.
        tolerance: mean squared error at which an image is done.
        run: deadline and progress.
    """

    problem: Reconstruction
    support: Support
    damping: float
    tolerance: float
    run: Run

    def minimise(self, start: Tensor, steps: int) -> Tensor:
        """Free variables ``[B, d]`` after at most ``steps`` steps.

        A step costs ``len(TRIALS)`` calls, and 1 + d more for the Jacobian of an image whose last step was accepted.
        An image is done at the tolerance, or when it no longer gets anywhere.

        Raises:
            CellTimeout: the deadline passed.
            NotApplicable: the generator offers no forward-mode derivatives.
        """
        group = max(1, MEMORY // start.shape[1] ** 2)
        places = torch.arange(len(start), device=start.device).split(group)
        return torch.cat([self._minimise(rows, start[rows], steps) for rows in places]) if len(start) else start

    def _minimise(self, rows: Tensor, start: Tensor, steps: int) -> Tensor:
        """The images of one group, whose matrices are in memory together."""
        found, problem = start.clone(), self.problem.part(rows)
        state = self._begin(problem, start)
        errors, diverged = state.f.clone(), ~state.f.isfinite()
        for step in range(steps):
            state = state.keep(self._going(state))
            if not len(state.rows):
                break
            check_time("lm", step, steps, self.run)
            self._linearise(problem, state)
            sound = state.slope.isfinite().all(1) & state.square.isfinite().flatten(1).all(1)
            diverged[state.rows[~sound]] = True
            state = state.keep(sound)
            self._step(problem, state, step)
            found[state.rows], errors[state.rows] = state.u, state.f
            show_progress("lm", step + 1, steps, self.run, problem.mse(errors), diverged)
        return found

    def _begin(self, problem: Reconstruction, start: Tensor) -> State:
        count, dim = start.shape
        f, nothing = problem.errors(start), torch.zeros_like(start)
        square = start.new_zeros(count, dim, dim)
        stale = torch.ones(count, dtype=torch.bool, device=start.device)
        rows = torch.arange(count, device=start.device)
        return State(rows, start, f, nothing, square, torch.full_like(f, self.damping), stale, ~stale)

    def _going(self, state: State) -> Tensor:
        """Images whose search can go on."""
        unsolved = state.f.isfinite() & (self.problem.mse(state.f) > self.tolerance)
        return unsolved & ~state.arrived & (state.damping < MOST)

    def _linearise(self, problem: Reconstruction, state: State) -> None:
        """New Jacobians where images moved."""
        stale = state.stale.nonzero()[:, 0]
        if len(stale):
            _, state.slope[stale], state.square[stale] = problem.part(state.rows[stale]).normal_equations(
                state.u[stale]
            )
            state.stale[stale] = False

    def _step(self, problem: Reconstruction, state: State, step: int) -> None:
        """Try each damping and take the best step; an image that finds none better is damped more."""
        part = problem.part(state.rows)
        square, slope = self._free(state)
        best, place, damping = state.f.clone(), state.u.clone(), state.damping * TRIALS[-1] * REJECTED
        for trial, factor in enumerate(TRIALS):
            damped = (state.damping * factor).clamp_min(LEAST)
            tried = state.u - _solve(square, slope, damped)
            tried = self.support.place(tried, part.x, step * len(TRIALS) + trial)
            f = part.errors(tried)
            better = f < best
            best, damping = torch.where(better, f, best), torch.where(better, damped, damping)
            place = torch.where(better[:, None], tried, place)
        state.stale = best < state.f
        state.arrived = state.stale & (state.f - best < STALLED * state.f)
        state.u, state.f, state.damping = place, best, damping

    def _free(self, state: State) -> tuple[Tensor, Tensor]:
        """J'J and slope of the coordinates that no bound holds; the others do not move."""
        movable = self.support.movable(state.u, state.slope)
        if movable is None:
            return state.square, state.slope
        both = movable[:, :, None] & movable[:, None, :]
        return state.square * both, state.slope * movable


def _solve(square: Tensor, slope: Tensor, damping: Tensor) -> Tensor:
    """Steps ``[b, d]`` of (J'J + damping * mean diag(J'J) * I) s = J'r; not a number where that is not definite."""
    mean = square.diagonal(dim1=1, dim2=2).mean(1)
    added = (damping * mean)[:, None].expand(-1, slope.shape[1])
    factor, failed = torch.linalg.cholesky_ex(square + torch.diag_embed(added))
    step = torch.cholesky_solve(slope[:, :, None], factor).squeeze(2)
    return torch.where((failed == 0)[:, None], step, torch.nan)
