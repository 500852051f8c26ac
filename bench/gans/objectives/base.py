"""Interface of objectives for the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from torch import Tensor

from bench.core.run_context import Stateful
from bench.core.types import Gan


class Critic(Protocol):
    """Interface of discriminators for objectives."""

    def __call__(self, images: Tensor, /, *conditions: Tensor) -> Tensor:
        """Return logits ``[B]`` float32 of images ``[B, C, H, W]``, high for real.

        A conditional discriminator also takes the conditions ``[B, y]`` of the images.
        """


class OptimizerOptions(Protocol):
    """Adam's options in the recipe of the GAN, for networks that an objective trains itself.

    Attributes:
        learning_rate: step size.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
    """

    learning_rate: float
    beta1: float
    beta2: float


class Objective(ABC):
    """The two losses of a GAN, as scalars.

    An objective with a network of its own, such as a denoiser, creates it in ``prepare``, updates it in ``learn``,
    and lists it in ``state`` so that a training can resume.
    """

    def prepare(self, gan: Gan, recipe: OptimizerOptions) -> None:  # noqa: B027 - most objectives have nothing to prepare
        """Create the objective's own networks for a GAN on its device; weights come from torch's global generator."""

    def state(self) -> dict[str, Stateful]:
        """Return the objective's own networks and optimizers, by name."""
        return {}

    def learn(self) -> None:  # noqa: B027 - most objectives have nothing to learn
        """Update the objective's own networks; called once after each update of the discriminator."""

    @abstractmethod
    def discriminator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """Return the loss of the discriminator; ``fake`` carries no gradient to the generator."""

    @abstractmethod
    def generator_loss(self, critic: Critic, fake: Tensor) -> Tensor:
        """Return the loss of the generator on its images."""
