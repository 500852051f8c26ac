"""CMA-ES over codes, then L-BFGS: for generators whose error has too many local minima for gradients alone.

Many images are searched at once, each with its own distribution of codes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from bench.core.registry import method
from bench.gans.priors import image_noise
from methods.adam import Descent
from methods.latent_bounds import Support
from methods.lbfgs import LbfgsSolver
from methods.reconstruction import LeastSquaresProblem
from methods.solver import LatentSearch, check_time, show_progress

EIGEN_FLOOR = 1e-10
"""Least eigenvalue of a covariance, so that its root exists despite rounding."""
STREAM = 7_919
"""Offset of the seed in each generation, so that its draws differ from those of starts and stochastic clipping."""


@dataclass(frozen=True)
class Rates:
    """Constants of CMA-ES for d numbers (Hansen 2016, table 1, with positive weights only).

    Attributes:
        weights: weights of the better half of the population, the best first; they sum to one.
        effective: variance-effective number of parents.
        sigma: learning rate of the step size's path.
        damping: damping of the step size.
        path: learning rate of the covariance's path.
        one: learning rate of the rank-one update.
        many: learning rate of the rank-mu update.
        length: expected norm of a standard normal vector.
    """

    weights: Tensor
    effective: float
    sigma: float
    damping: float
    path: float
    one: float
    many: float
    length: float

    @classmethod
    def of(cls, dim: int, population: int, diagonal: bool) -> Rates:
        """Return the constants; a diagonal covariance learns (d + 2) / 3 times as fast (Ros and Hansen 2008)."""
        parents = population // 2
        raw = math.log((population + 1) / 2) - torch.arange(1, parents + 1).double().log()
        weights = raw / raw.sum()
        m = float(1 / weights.square().sum())
        sigma = (m + 2) / (dim + m + 5)
        damping = 1 + 2 * max(0.0, math.sqrt((m - 1) / (dim + 1)) - 1) + sigma
        faster = (dim + 2) / 3 if diagonal else 1.0
        one = min(1.0, faster * 2 / ((dim + 1.3) ** 2 + m))
        many = min(1 - one, faster * 2 * (m - 2 + 1 / m) / ((dim + 2) ** 2 + m))
        path = (4 + m / dim) / (dim + 4 + 2 * m / dim)
        length = math.sqrt(dim) * (1 - 1 / (4 * dim) + 1 / (21 * dim**2))
        return cls(weights.float(), m, sigma=sigma, damping=damping, path=path, one=one, many=many, length=length)


class BatchedCMAES:
    """The distributions of a batch: mean ``[B, d]``, step size ``[B]`` and covariance ``[B, d, d]`` or ``[B, d]``.

    Args:
        x: images ``[B, C, H, W]``, on which the draws depend.
        mean: first means ``[B, d]``.
        spread: first step size.
        population: draws in a generation.
        diagonal: whether the covariance is diagonal, which needs no eigenvalues.
        seed: seed of the draws.
    """

    def __init__(self, x: Tensor, mean: Tensor, spread: float, population: int, diagonal: bool, seed: int) -> None:
        count, dim = mean.shape
        self.x, self.mean, self.population, self.diagonal, self.seed = x, mean, population, diagonal, seed
        rates = Rates.of(dim, population, diagonal)
        self.rates = replace(rates, weights=rates.weights.to(mean.device))
        self.spread = mean.new_full((count,), spread)
        unit = torch.ones(dim, device=mean.device) if diagonal else torch.eye(dim, device=mean.device)
        self.covariance = unit.expand(count, *unit.shape).clone()
        self.sigma_path, self.path = torch.zeros_like(mean), torch.zeros_like(mean)
        self.moves = torch.zeros_like(mean)[:, None]
        self.whitening = torch.zeros_like(self.covariance)
        self.generation = 0

    def draw(self) -> Tensor:
        """Draw codes ``[B, population, d]`` of the next generation."""
        count, dim = self.mean.shape
        seed = self.seed + STREAM * (self.generation + 1)
        normal = torch.special.ndtri(image_noise(self.x, seed, self.population * dim)).view(count, -1, dim)
        if self.diagonal:
            self.moves = normal * self.covariance.sqrt()[:, None]
        else:
            values, vectors = torch.linalg.eigh(self.covariance)
            roots = values.clamp_min(EIGEN_FLOOR).sqrt()
            self.moves = (normal * roots[:, None]) @ vectors.mT
            self.whitening = (vectors / roots[:, None]) @ vectors.mT
        return self.mean[:, None] + self.spread[:, None, None] * self.moves

    def learn(self, errors: Tensor) -> None:
        """Move the distributions towards the better half of the last draw (Hansen 2016, figure 6).

        Args:
            errors: ``[B, population]``; infinite ones rank last.
        """
        rates, self.generation = self.rates, self.generation + 1
        order = errors.argsort(dim=1, stable=True)[:, : len(rates.weights)]
        chosen = self.moves.gather(1, order[:, :, None].expand(-1, -1, self.mean.shape[1]))
        step = (chosen * rates.weights[None, :, None]).sum(1)
        self.mean = self.mean + self.spread[:, None] * step
        white = step / self.covariance.sqrt() if self.diagonal else (self.whitening @ step[:, :, None]).squeeze(2)
        keep = math.sqrt(rates.sigma * (2 - rates.sigma) * rates.effective)
        self.sigma_path = (1 - rates.sigma) * self.sigma_path + keep * white
        norm = self.sigma_path.norm(dim=1)
        settled = math.sqrt(1 - (1 - rates.sigma) ** (2 * self.generation))
        active = (norm / settled < (1.4 + 2 / (self.mean.shape[1] + 1)) * rates.length).to(step.dtype)
        share = math.sqrt(rates.path * (2 - rates.path) * rates.effective)
        self.path = (1 - rates.path) * self.path + active[:, None] * share * step
        self._adapt(chosen, active)
        self.spread = self.spread * torch.exp((rates.sigma / rates.damping) * (norm / rates.length - 1))

    def _adapt(self, chosen: Tensor, active: Tensor) -> None:
        """Apply the rank-one and rank-mu updates of the covariance."""
        rates = self.rates
        lost = rates.one * (1 - active) * rates.path * (2 - rates.path)
        kept = 1 - rates.one - rates.many + lost
        weighted = chosen * rates.weights[None, :, None]
        if self.diagonal:
            one, many, kept = self.path.square(), (weighted * chosen).sum(1), kept[:, None]
        else:
            one, many, kept = self.path[:, :, None] * self.path[:, None], weighted.mT @ chosen, kept[:, None, None]
        self.covariance = kept * self.covariance + rates.one * one + rates.many * many


@dataclass
class CmaSolver(LbfgsSolver):
    """CMA-ES for the first steps, L-BFGS from the best code for the others (BasinCMA: Huh et al. 2020, section 3.2).

    A draw is ranked by its error after ``inner`` steps of Adam, as in BasinCMA; with 0 steps, by its own error.

    Attributes:
        generations: largest number of generations; at most half of all steps.
        population: draws in a generation; 0 for 4 + 3 ln d.
        covariance: "diagonal", or "full", whose eigenvalues are computed in each generation.
        spread: first standard deviation of the draws.
        inner: Adam steps on each draw before the ranking.
        inner_rate: learning rate of these steps.
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
        """Return the best codes ``[B, d]`` of all draws; an image without a finite draw keeps its start."""
        problem, support = self.problem(x), self.support()
        population = self.population or 4 + int(3 * math.log(codes.shape[1]))
        search = BatchedCMAES(
            x,
            codes,
            spread=self.spread,
            population=population,
            diagonal=self.covariance == "diagonal",
            seed=self.run.seed,
        )
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
            show_progress(
                "cma",
                generation + 1,
                steps=generations,
                run=self.run,
                errors=problem.mse(errors),
                diverged=~errors.isfinite(),
            )
        return best.float()

    def _ranked(self, problem: LeastSquaresProblem, support: Support, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return draws ``[B, d]`` after the inner steps, and their errors ``[B]`` for the ranking."""
        if not self.inner:
            return u, problem.errors(u)
        descent = Descent(problem, support, start=u, tolerance=self.tolerance, run=self.run)
        for step in range(self.inner):
            descent.step(step, self.inner, self.inner_rate)
        return descent.end()


@method("cma")
@dataclass
class Cma(LatentSearch, CmaSolver):
    """CMA-ES from random codes, then L-BFGS; every image has a covariance of its own.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget, Gan
        >>> from bench.gans.priors import Normal
        >>> from methods.cma import Cma
        >>> method, x = Cma(), torch.rand(3, 1, 2, 2)
        >>> method.gan = Gan(torch.nn.Unflatten(1, (1, 2, 2)), None, Normal(4), (1, 2, 2))  # a code is four pixels
        >>> method.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 20, 0, timeout=60.0), seed=1)
        >>> torch.allclose(method.invert(x), x.flatten(1), atol=1e-3)
        True
    """
