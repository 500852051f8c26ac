"""Adversarial training: one resumable loop for every recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bench.core.run_context import RunContext, Stateful
from bench.core.types import Gan, Images, Shape
from bench.gans.monitor import TrainingMonitor
from bench.gans.objectives.base import Critic, Objective, OptimizerOptions
from bench.gans.optimizers import descend
from bench.gans.regularizers.base import Regularizer


class Trainable(Protocol):
    """Interface of recipes for ``train_gan``; ``bench.gans.recipe`` documents each method."""

    def suited(self, images: Images) -> Trainable:
        """Return the recipe with the options that follow from the training images."""

    def build(self, image_shape: Shape, device: str) -> Gan:
        """Untrained networks."""

    def train(self, gan: Gan, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        """Train the networks in place."""


class TrainingOptions(OptimizerOptions, Protocol):
    """Interface of recipes for ``Trainer``; ``bench.gans.recipe`` documents each option."""

    batch: int
    generator_steps: int
    ema: float
    flips: bool
    precision: Literal["float32", "bfloat16"]
    compiled: bool

    def objective(self) -> Objective:
        """Return the losses of the two networks."""

    def regularizer(self) -> Regularizer:
        """Return the regularizer of the discriminator."""

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return the optimizer of one network's trainable weights."""

    def discriminator_updates(self, step: int) -> int:
        """Return the number of updates of the discriminator in this step."""


def train_gan(recipe: Trainable, images: Images, run: RunContext, monitor: TrainingMonitor | None = None) -> Gan:
    """Build and train a GAN from the run's seed; returns it frozen, in eval mode.

    Args:
        recipe: architecture and training of the GAN.
        images: training images ``[N, C, H, W]``.
        run: budget, seed, device and checkpoint.
        monitor: checks and scores the GAN during the training, and keeps the best weights.

    Raises:
        NotApplicable: no architecture for these images, or no labels where the recipe needs them.
        Diverged: a loss is NaN, or all samples of the generator are the same.
        CellTimeout: out of time.
        StoreError: the grid or a checkpoint cannot be written.
    """
    run.reseed()
    recipe = recipe.suited(images)
    gan = recipe.build(images.shape, run.device)
    recipe.train(gan, images.to(run.device), run, monitor or TrainingMonitor())
    return gan.freeze()


class Trainer:
    """Trainer that updates the discriminator and the generator in turn.

    A step is ``recipe.generator_steps`` updates of the generator after those of the discriminator. The images of
    the last discriminator update are used in the generator's first update too, so that one forward pass suffices
    for both; the generator's loss is taken after the discriminator's update, as in the textbook order.

    Args:
        gan: untrained networks, on ``run.device``.
        recipe: objective, regularizer, optimizers, batch size, precision and averaging.
        images: training images, on ``run.device``.
        run: steps (``budget.train_steps``), randomness and checkpoint.
        monitor: called after every step.
    """

    def __init__(
        self,
        gan: Gan,
        recipe: TrainingOptions,
        images: Images,
        run: RunContext,
        monitor: TrainingMonitor | None = None,
    ) -> None:
        assert gan.discriminator is not None
        self.gan, self.recipe, self.images, self.run = gan, recipe, images, run
        self.monitor = monitor or TrainingMonitor()
        self.generator = gan.generator.train()
        self.discriminator = gan.discriminator.train()
        self.objective, self.regularizer = recipe.objective(), recipe.regularizer()
        self.objective.prepare(gan, recipe)
        self.generator_optimizer = recipe.optimizer(self.generator)
        self.discriminator_optimizer = recipe.optimizer(self.discriminator)
        self.trained = [p for p in self.discriminator.parameters() if p.requires_grad]
        self.average = _average(gan, recipe.ema) if recipe.ema else None
        self.make: Callable[[Tensor], Tensor] = self.generator
        self.discriminate: Critic = self.discriminator
        if recipe.compiled:
            self.make, self.discriminate = torch.compile(self.generator), torch.compile(self.discriminator)

    def train(self) -> None:
        """Run every step of the budget; with ``ema``, the generator then has the averaged weights."""
        steps = self.run.budget.train_steps
        for step in self.run.loop("training", steps, self.state(), self.after_step):
            self.regularizer.begin(step / steps, self.run.rng)
            self.step(step)
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.generator.load_state_dict(self.average.module.state_dict())
        if steps == 0:
            self.after_step(-1)

    def after_step(self, step: int) -> None:
        """Pass the monitor the GAN as it would be if the training ended after this step."""
        generator = self.generator if self.average is None else self.average.module
        gan = self.gan
        shown = Gan(
            generator,
            self.discriminator,
            prior=gan.prior,
            image_shape=gan.image_shape,
            provenance=gan.provenance,
            encoder=gan.encoder,
        )
        self.monitor.after_step(
            shown, self.images, seed=self.run.seed, done=step + 1, steps=self.run.budget.train_steps
        )

    def state(self) -> dict[str, Stateful]:
        """Return everything that changes from step to step."""
        state: dict[str, Stateful] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "monitor": self.monitor,
            **self.objective.state(),
        }
        return state if self.average is None else {**state, "average": self.average}

    def step(self, step: int) -> None:
        """Run the updates of one step, the discriminator's first."""
        updates = self.recipe.discriminator_updates(step)
        for update in range(1, updates + 1):
            fake = self.draw_fake(for_generator=update == updates)
            discriminator_loss = self.update_discriminator(fake.detach())
        self.require_gradients(False)  # the generator's updates need no gradients of the discriminator's weights
        for update in range(self.recipe.generator_steps):
            generator_loss = self.update_generator(self.draw_fake() if update else fake)
        self.require_gradients(True)
        self.run.report(discriminator=discriminator_loss, generator=generator_loss)

    def draw_fake(self, for_generator: bool = True) -> Tensor:
        """Generate images ``[B, C, H, W]`` of new codes, with a graph if the generator will be updated on them."""
        codes = self.draw_codes()
        with torch.set_grad_enabled(for_generator), self.precision():
            images = self.make(codes)
        return images.float()

    def draw_real(self) -> Tensor:
        """Training images ``[B, C, H, W]``, mirrored at random with the recipe's ``flips``."""
        real = self.images.floats(self.draw_rows())
        if self.recipe.flips:
            mirrored = torch.rand((len(real), 1, 1, 1), generator=self.run.rng, device=real.device) < 0.5
            real = torch.where(mirrored, real.flip(3), real)
        return real

    def draw_codes(self) -> Tensor:
        """Codes ``[B, d]`` of a batch of generated images."""
        return self.gan.prior.sample(self.recipe.batch, self.run.rng)

    def draw_rows(self) -> Tensor:
        """Row numbers ``[B]`` of a batch of training images."""
        return self.images.draw(self.recipe.batch, self.run.rng)

    def critic(self, images: Tensor, *conditions: Tensor) -> Tensor:
        """Return logits ``[B]`` of images, changed by the regularizer's ``view``."""
        return self.discriminate(self.regularizer.view(images), *conditions).float()

    def plain_critic(self, images: Tensor, *conditions: Tensor) -> Tensor:
        """Return ``critic`` without compilation: penalties differentiate twice, which compiled code cannot."""
        logits: Tensor = self.discriminator(self.regularizer.view(images), *conditions)
        return logits.float()

    def update_discriminator(self, fake: Tensor) -> Tensor:
        """Update the discriminator once on new real images; returns its loss."""
        real = self.draw_real()
        with self.precision():
            loss = self.objective.discriminator_loss(self.critic, real, fake)
            penalty = self.regularizer.penalty(self.plain_critic, real, fake)
        descend(self.discriminator_optimizer, loss if penalty is None else loss + penalty)
        self.regularizer.after_update(self.discriminator)
        with self.precision():
            self.objective.learn()
        return loss.detach()

    def update_generator(self, fake: Tensor) -> Tensor:
        """Update the generator once on its images; returns its loss."""
        with self.precision():
            loss = self.objective.generator_loss(self.critic, fake)
        descend(self.generator_optimizer, loss)
        if self.average is not None:
            self.average.update_parameters(self.generator)
        return loss.detach()

    def require_gradients(self, required: bool) -> None:
        """Switch gradients for the weights of the discriminator that are trained; frozen parts stay frozen."""
        for parameter in self.trained:
            parameter.requires_grad_(required)

    def precision(self) -> torch.autocast:
        """Return the recipe's precision for forward passes; weights, losses and updates stay float32."""
        return torch.autocast(self.run.device, torch.bfloat16, enabled=self.recipe.precision == "bfloat16")


def _average(gan: Gan, decay: float) -> AveragedModel:
    return AveragedModel(gan.generator, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
