"""Base class of registered GANs: a recipe that builds untrained networks and trains them.

A recipe is an architecture (a base class with ``build``), an objective and a regularizer (``bench.gans.objectives``,
``bench.gans.regularizers``), and options. A further backbone is a subclass that overrides what differs.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from bench.core.run_context import RunContext
from bench.core.types import Gan, Images, Shape
from bench.gans.monitor import TrainingMonitor
from bench.gans.objectives.base import Objective
from bench.gans.objectives.non_saturating import NonSaturating
from bench.gans.optimizers import adam
from bench.gans.priors import PriorName
from bench.gans.regularizers.base import Regularizer
from bench.gans.training import Trainer


@dataclass
class GanConfig(ABC):
    """An architecture, an objective, a regularizer and the options of their training.

    Attributes:
        code_dim: numbers in a latent code.
        prior: "uniform" on [-1, 1], or standard "normal".
        learning_rate: Adam's, for both networks.
        beta1: Adam's first moment decay.
        beta2: Adam's second moment decay.
        batch: images of each kind in an update.
        discriminator_steps: updates of the discriminator in a step.
        generator_steps: updates of the generator in a step.
        ema: decay of the generator's moving average, 0 for none.
        flips: mirror training images left to right at random.
        precision: of forward passes; "bfloat16" is autocast, weights stay float32.
        compiled: run both networks through ``torch.compile``.
    """

    registered_name: ClassVar[str] = ""

    code_dim: int = 128
    prior: PriorName = "uniform"
    learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    batch: int = 128
    discriminator_steps: int = 1
    generator_steps: int = 1
    ema: float = 0.0
    flips: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.code_dim < 1 or self.batch < 2:
            raise ValueError(f"code_dim = {self.code_dim} and batch = {self.batch} must be at least 1 and 2")
        if self.discriminator_steps < 1 or self.generator_steps < 1:
            raise ValueError(
                f"discriminator_steps = {self.discriminator_steps} and "
                f"generator_steps = {self.generator_steps} must be at least 1"
            )
        if not 0.0 <= self.ema < 1.0:
            raise ValueError(f"ema = {self.ema} must be 0 (none) or a decay below 1")

    @abstractmethod
    def build(self, image_shape: Shape, device: str) -> Gan:
        """Return untrained networks with weights from torch's global generator.

        Raises:
            NotApplicable: no architecture for this image size or number of channels; the message lists the supported
                ones.
        """

    def suited(self, images: Images) -> GanConfig:
        """Return this recipe with the options that follow from the training images, such as the number of classes.

        Raises:
            NotApplicable: the images lack labels or attributes that the recipe needs.
        """
        return self

    def objective(self) -> Objective:
        """Return the losses of the two networks."""
        return NonSaturating()

    def regularizer(self) -> Regularizer:
        """Return the regularizer of the discriminator; none by default."""
        return Regularizer()

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return the optimizer of one network's trainable weights."""
        trained = [p for p in network.parameters() if p.requires_grad]
        return adam(trained, self.learning_rate, (self.beta1, self.beta2))

    def discriminator_updates(self, step: int) -> int:
        """Return the number of updates of the discriminator in this step."""
        return self.discriminator_steps

    def train(self, gan: Gan, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        """Train the networks in place for ``run.budget.train_steps``."""
        Trainer(gan, self, images=images, run=run, monitor=monitor).train()

    def provenance(self) -> dict[str, Any]:
        """Return name and options, which ``build`` writes into the GAN and from which a checkpoint is rebuilt."""
        return {"recipe": self.registered_name, "options": dataclasses.asdict(self)}
