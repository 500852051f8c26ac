"""Base classes of searches of the latent space: options, restarts, and the state of each image."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from bench.core.errors import CellTimeout, NotApplicable
from bench.core.run_context import RunContext
from bench.core.types import Capacity, Gan, Inverter, Refiner
from bench.gans.priors import Normal
from methods.latent_bounds import Clipping, Support, draw_starts
from methods.reconstruction import LeastSquaresProblem


@dataclass
class SearchState:
    """State of each image of a search; the first dimension of every tensor is the image's.

    Attributes:
        rows: indices ``[b]`` of the images in the batch.
        u: free variables ``[b, d]``.
        f: errors ``[b]``.
        slope: gradients ``[b, d]``.
    """

    rows: Tensor
    u: Tensor
    f: Tensor
    slope: Tensor

    def keep(self, mask: Tensor) -> Self:
        """Return the state of some of the images."""
        return type(self)(*(getattr(self, part.name)[mask] for part in fields(self)))


class Solver(ABC):
    """A search from given codes: random ones in a method, those of another method in a refiner."""

    gan: Gan
    run: RunContext

    @abstractmethod
    def solve(self, x: Tensor, codes: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Improve codes.

        Args:
            x: images ``[B, C, H, W]``.
            codes: starting codes ``[B, d]`` float32.
            steps: largest number of steps.

        Returns:
            The best codes ``[B, d]`` float32, all finite, and their mean squared errors ``[B]``.
        """


@dataclass
class LeastSquaresSolver(Solver):
    """Options of the searches that minimise the squared pixel error.

    An image whose error or gradient is not finite leaves the search with its best finite code, at worst its start,
    and is counted as "diverged" in the progress and by the run, which warns; the others continue.

    Attributes:
        clipping: treatment of codes outside a bounded support; see ``Clipping``.
        sphere: keep the codes of a normal prior at norm sqrt(d) (PULSE, section 3.2).
        stretch: compare pixels p as artanh(c p) / c with this c; 0 compares the pixels themselves.
        precision: type of the computation; the returned codes are float32.
        tolerance: mean squared error per pixel below which an image is done.
    """

    clipping: Clipping = "none"
    sphere: bool = False
    stretch: float = 0.0
    precision: Literal["float32", "float64"] = "float32"
    tolerance: float = 1e-10

    def __post_init__(self) -> None:
        if not 0 <= self.stretch < 1:
            raise ValueError(f"stretch = {self.stretch} must be at least 0 and below 1")
        if self.tolerance < 0:
            raise ValueError(f"tolerance = {self.tolerance} must be at least 0")

    def problem(self, x: Tensor) -> LeastSquaresProblem:
        """Return the least-squares problem of some images.

        Raises:
            NotApplicable: ``sphere`` without a normal prior.
        """
        if self.sphere and not isinstance(self.gan.prior, Normal):
            raise NotApplicable(f"sphere = true needs a normal prior; this GAN's is {self.gan.prior.name}")
        return LeastSquaresProblem(
            self.gan, x, sphere=self.sphere, stretch=self.stretch, double=self.precision == "float64"
        )

    def support(self) -> Support:
        """Return the prior's support, with this run's draws."""
        return Support(self.gan.prior, self.clipping, self.run.seed)

    def finished(self, problem: LeastSquaresProblem, u: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes and errors of plain pixels for ``solve``; codes that are not finite become the start's."""
        plain = LeastSquaresProblem(self.gan, problem.x)
        codes = problem.codes(u).float()
        codes = torch.where(codes.isfinite().all(1, keepdim=True), codes, start)
        return codes, plain.mse(plain.errors(codes))


@dataclass
class LatentSearch(Solver, Inverter):
    """A method: a solver from random codes, without training.

    Attributes:
        starts: searches of each image from different random codes; the one with the least pixel error is
            returned. An image within the tolerance is not searched again.
        space: space of the search: the GAN's own "z", or "w" or "w+" of a generator with styles.
    """

    optimises: ClassVar[tuple[str, ...]] = ("mse", "psnr")

    starts: int = 1
    space: Literal["z", "w", "w+"] = "z"

    def __post_init__(self) -> None:
        if self.starts < 1:
            raise ValueError(f"starts = {self.starts} must be at least 1")
        later = getattr(super(), "__post_init__", None)
        if later is not None:
            later()

    @property
    def capacity(self) -> Capacity:
        """Return the space of the search."""
        return self.space

    @torch.no_grad()
    def invert(self, x: Tensor) -> Tensor:
        """Codes ``[B, d]``: the best of all starts, after at most ``budget.search_steps`` steps from each."""
        starts = draw_starts(x, self.gan.prior, self.run.seed, self.starts)
        codes, best = self.solve(x, starts[0], self.run.budget.search_steps)
        for start in starts[1:]:
            rows = (best > getattr(self, "tolerance", 0.0)).nonzero()[:, 0]
            if not len(rows):
                break
            again, error = self.solve(x[rows], start[rows], self.run.budget.search_steps)
            better = (error < best[rows]) | ~best[rows].isfinite()
            codes[rows[better]], best[rows[better]] = again[better], error[better]
        return codes


@dataclass
class LatentRefiner(Solver, Refiner):
    """A refiner: a solver from the codes of another method."""

    optimises: ClassVar[tuple[str, ...]] = ("mse", "psnr")

    @torch.no_grad()
    def refine(self, x: Tensor, codes: Tensor) -> Tensor:
        """Codes ``[B, d]`` after at most ``budget.refine_steps`` steps."""
        return self.solve(x, codes.detach(), self.run.budget.refine_steps)[0]


def check_time(what: str, step: int, steps: int, run: RunContext) -> None:
    """Stop a search at its deadline.

    Raises:
        CellTimeout: the deadline has passed.
    """
    if time.monotonic() > run.deadline:
        raise CellTimeout(f"{what}: out of time at step {step} of {steps} (limit {run.budget.timeout:g} s)")


def show_progress(what: str, step: int, steps: int, run: RunContext, errors: Tensor, diverged: Tensor) -> None:
    """Report every tenth step and the last: the mean of finite errors, and the number of diverged images."""
    if step % 10 == 0 or step == steps:
        sound = errors[errors.isfinite()]
        mean = float(sound.mean()) if len(sound) else float("nan")
        run.progress(what, step, steps, {"loss": mean, "diverged": float(diverged.sum())})
