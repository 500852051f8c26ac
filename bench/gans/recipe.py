"""What a registered GAN is: a recipe that builds untrained networks and trains them."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from bench.contracts import Gan, Images, Shape
from bench.gans.objectives import NonSaturating, Objective
from bench.gans.priors import PriorName
from bench.gans.training import Trainer
from bench.loop import Run


@dataclass
class Recipe(ABC):
    """An architecture, an objective and the options of their training.

    Attributes:
        code_dim: numbers in a latent code.
        prior: "uniform" on [-1, 1], or standard "normal".
        learning_rate: Adam's, for both networks.
        beta1: Adam's first moment decay (the second is .999).
        batch: images of each kind in a step.
        ema: decay of the generator's moving average, 0 for none.
    """

    registered_name: ClassVar[str] = ""

    code_dim: int = 128
    prior: PriorName = "uniform"
    learning_rate: float = 2e-4
    beta1: float = 0.5
    batch: int = 128
    ema: float = 0.0

    def __post_init__(self) -> None:
        if self.code_dim < 1 or self.batch < 2:
            raise ValueError(f"code_dim = {self.code_dim} and batch = {self.batch} must be at least 1 and 2")
        if not 0.0 <= self.ema < 1.0:
            raise ValueError(f"ema = {self.ema} must be 0 (none) or a decay below 1")

    @abstractmethod
    def build(self, image_shape: Shape, device: str) -> Gan:
        """Untrained networks with weights from torch's global generator.

        Raises:
            NotApplicable: no architecture for this image size or number of channels; says which there are.
        """

    def objective(self) -> Objective:
        """What the two networks minimise."""
        return NonSaturating()

    def train(self, gan: Gan, images: Images, run: Run, after_step: Callable[[int], None] | None = None) -> None:
        """Train the networks in place for ``run.budget.train_steps``; ``after_step`` is told each step's number."""
        Trainer(gan, self, images, run).train(after_step)

    def provenance(self) -> dict[str, Any]:
        """Name and options: what ``build`` writes into the GAN and what a checkpoint is rebuilt from."""
        return {"recipe": self.registered_name, "options": dataclasses.asdict(self)}
