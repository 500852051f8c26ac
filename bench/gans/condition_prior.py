"""The prior of conditional GANs: noise, and a condition drawn from those of the training images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Generator, Tensor

from bench.core.types import Prior


class ConditionPrior(Prior):
    """Codes ``[B, d]``: the noise z first, then a condition y that is a row of a table; the two are independent.

    Until training sets the table, its rows are one-hot and equally likely.

    Args:
        noise: prior of z.
        conditions: numbers in y.
    """

    name: ClassVar[str] = "condition"

    def __init__(self, noise: Prior, conditions: int) -> None:
        self.noise = noise
        self.conditions = conditions
        self.dim = noise.dim + conditions
        self.rows = torch.eye(conditions)
        self.probabilities = torch.full((conditions,), 1 / conditions)

    def state(self) -> dict[str, Tensor]:
        """The distinct conditions ``rows`` ``[R, y]`` and their ``probabilities`` ``[R]``."""
        return {"rows": self.rows, "probabilities": self.probabilities}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over a table.

        Raises:
            ValueError: rows of another width, another number of probabilities than of rows, or values that are no
                probabilities.
        """
        rows, probabilities = state["rows"].float(), state["probabilities"].float()
        if rows.ndim != 2 or rows.shape[1] != self.conditions:
            raise ValueError(f"table has shape {tuple(rows.shape)}; it should be rows of {self.conditions} numbers")
        if probabilities.shape != rows.shape[:1]:
            raise ValueError(f"table has {len(rows)} rows and probabilities {tuple(probabilities.shape)}")
        if not (probabilities > 0).all() or abs(float(probabilities.double().sum()) - 1) > 1e-4:
            raise ValueError("probabilities should be positive and sum to 1")
        self.rows, self.probabilities = rows, probabilities

    def split(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """The noise ``[B, z]`` and the conditions ``[B, y]`` of codes."""
        return codes[:, : self.noise.dim], codes[:, self.noise.dim :]

    def noise_of(self, codes: Tensor) -> Tensor:
        """The noise ``[B, z]`` of codes."""
        return self.split(codes)[0]

    def conditions_of(self, codes: Tensor) -> Tensor:
        """The conditions ``[B, y]`` of codes."""
        return self.split(codes)[1]

    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw ``[count, dim]`` codes on the generator's device."""
        z = self.noise.sample(count, rng)
        return torch.cat([z, self._pick(torch.rand(count, generator=rng, device=rng.device))], 1)

    def from_uniform(self, u: Tensor) -> Tensor:
        """Map numbers in (0, 1) to codes; the first of y's numbers picks the row, by cumulative probability."""
        z, y = self.split(u)
        return torch.cat([self.noise.from_uniform(z), self._pick(y[:, 0])], 1)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of the noise plus log probability of the row ``[B]`` in nats; -inf where y is not a row."""
        noise, y = self.split(z)
        nearest = self.nearest(y)
        listed = (self.rows[nearest] == y).all(1)
        return self.noise.log_prob(noise) + torch.where(listed, self.probabilities[nearest].log(), -math.inf)

    def project(self, z: Tensor) -> Tensor:
        """The nearest code in the support: the noise's, and the nearest row of the table."""
        noise, y = self.split(z)
        return torch.cat([self.noise.project(noise), self.rows[self.nearest(y)]], 1)

    def sample_other(self, y: Tensor, rng: Generator) -> Tensor:
        """Rows ``[B, y]`` by their probabilities, none of them the row nearest to its condition in ``y``."""
        own = self.nearest(y)[:, None]
        weights = self.probabilities.repeat(len(y), 1).scatter(1, own, 0.0)
        return self.rows[torch.multinomial(weights, 1, generator=rng).squeeze(1)]

    @torch.no_grad()
    def nearest(self, y: Tensor) -> Tensor:
        """Return indices ``[B]`` of the rows nearest to conditions ``[B, y]`` (Euclidean); the first of equals."""
        self._move(y.device)
        # Distances by matrix products are rounded differently in batches of another size.
        return torch.cdist(y, self.rows, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)

    def _pick(self, u: Tensor) -> Tensor:
        """Return the rows ``[B, y]`` whose shares of (0, 1) contain ``u`` ``[B]``."""
        self._move(u.device)
        cumulative = self.probabilities.double().cumsum(0)
        place = torch.searchsorted(cumulative, u.double(), right=True)
        return self.rows[place.clamp(max=len(self.rows) - 1)]

    def _move(self, device: torch.device) -> None:
        """Move the table to the device of the codes."""
        if self.rows.device != device:
            self.rows, self.probabilities = self.rows.to(device), self.probabilities.to(device)
