"""CMA-ES over codes, then L-BFGS: for generators whose landscape is too rugged for a gradient alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench.core.registry import method
from methods.adam import Descent
from methods.evolution import Evolution
from methods.latent_bounds import Support
from methods.lbfgs import LbfgsSolver
from methods.reconstruction import Reconstruction
from methods.solver import LatentSearch, check_time, show_progress


@dataclass
class CmaSolver(LbfgsSolver):
    """CMA-ES for the first steps, L-BFGS from the best code for the others (BasinCMA: Huh et al. 2020, section 3.2).

    With ``inner`` steps a draw is ranked by its error after as many steps of Adam, as in BasinCMA; with 0 by its own.

    Attributes:
        generations: at most this many, and at most half of all steps.
        population: draws a generation; 0 for 4 + 3 ln d.
        covariance: "diagonal", or "full", whose eigenvalues are computed in each generation.
        spread: first standard deviation of the draws.
        inner: Adam steps on each draw before it is ranked.
        inner_rate: learning rate of these.
    """

    generations: int = 50
    population: int = 0
    covariance: Literal["diagonal", "full"] = "diagonal"
    spread: float = 0.3
    inner: int = 0
    inner_rate: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.generations < 0 or self.inner < 0 or self.population < 0 or 0 < self.population < 4:
            raise ValueError(
                f"generations = {self.generations}, inner = {self.inner} must be at least 0, "
                f"population = {self.population} at least 4 (or 0 for 4 + 3 ln d)"
            )
        if self.spread <= 0 or self.inner_rate <= 0:
            raise ValueError(f"spread = {self.spread} and inner_rate = {self.inner_rate} must be above 0")

    def solve(self, x: Tensor, codes: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """See ``Solver.solve``; a generation costs ``population * (1 + inner)`` calls, a later step as in L-BFGS."""
        generations = min(self.generations, steps // 2)
        found = self._evolve(x, codes, generations) if generations else codes
        return super().solve(x, found, steps - generations)

    def _evolve(self, x: Tensor, codes: Tensor, generations: int) -> Tensor:
        """The best codes ``[B, d]`` of all draws; an image without a finite one keeps its start."""
        problem, support = self.problem(x), self.support()
        population = self.population or 4 + int(3 * math.log(codes.shape[1]))
        search = Evolution(x, codes, self.spread, population, self.covariance == "diagonal", self.run.seed)
        best = codes.to(problem.dtype)
        errors = problem.errors(best)
        for generation in range(generations):
            check_time("cma", generation, generations, self.run)
            ranked: list[Tensor] = []
            for member, drawn in enumerate(search.draw().unbind(1)):
                draw = generation * population + member
                u, f = self._ranked(problem, support, support.place(drawn, x, draw).to(problem.dtype))
                better = f < errors
                best, errors = torch.where(better[:, None], u, best), torch.minimum(f, errors)
                ranked.append(f)
            search.learn(torch.stack(ranked, 1))
            show_progress("cma", generation + 1, generations, self.run, problem.mse(errors), ~errors.isfinite())
        return best.float()

    def _ranked(self, problem: Reconstruction, support: Support, u: Tensor) -> tuple[Tensor, Tensor]:
        """Draws ``[B, d]`` after the inner steps, and the errors ``[B]`` that rank them."""
        if not self.inner:
            return u, problem.errors(u)
        descent = Descent(problem, support, u, self.tolerance, self.run)
        for step in range(self.inner):
            descent.step(step, self.inner, self.inner_rate)
        return descent.end()


@method("cma")
@dataclass
class Cma(LatentSearch, CmaSolver):
    """CMA-ES from random codes, then L-BFGS; every image has a covariance of its own."""
