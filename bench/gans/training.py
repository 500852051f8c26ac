"""Adversarial training: one resumable loop for every recipe, a watch for collapse, and the grid of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bench.contracts import Gan, Images
from bench.errors import Diverged
from bench.files import writing
from bench.loop import Run, Stateful

if TYPE_CHECKING:
    from bench.gans.recipe import Recipe

COLLAPSE_RATIO = 0.02
"""Below this share of the data's variety, a generator counts as collapsed."""
SETTLED_STEPS = 100
"""Before this many steps the running statistics of batch norm lag behind, and variety says nothing."""
VARIETY_IMAGES = 256
LOOK_STEPS = 500
"""Steps between two looks at the samples: their variety, and their grid."""


def train_gan(recipe: Recipe, images: Images, run: Run, grid: Path | None = None) -> Gan:
    """Build and train a GAN from the run's seed; returns it frozen, in eval mode.

    Args:
        recipe: what to build and how to train it.
        images: training images ``[N, C, H, W]``.
        run: budget, seed, device and checkpoint.
        grid: where to draw samples of fixed codes, every 500 steps and at the end; None to draw none.

    Raises:
        NotApplicable: no architecture for these images.
        Diverged: a loss is NaN, or the generator's samples are all the same.
        CellTimeout: out of time.
        StoreError: the grid or a checkpoint cannot be written.
    """
    run.reseed()
    gan = recipe.build(images.shape, run.device)
    images = images.to(run.device)

    def look(steps: int) -> None:
        if steps >= SETTLED_STEPS:
            check_variety(gan, images, run.seed)
        if grid:
            save_grid(gan, grid, run.seed)

    recipe.train(gan, images, run, lambda step: look(step + 1) if (step + 1) % LOOK_STEPS == 0 else None)
    look(run.budget.train_steps)
    return gan.freeze()


class Trainer:
    """Updates the discriminator and the generator in turn, once each a step.

    Args:
        gan: untrained networks, on ``run.device``.
        recipe: objective, learning rate, batch size and averaging.
        images: training images, on ``run.device``.
        run: steps (``budget.train_steps``), randomness and checkpoint.
    """

    def __init__(self, gan: Gan, recipe: Recipe, images: Images, run: Run) -> None:
        assert gan.discriminator is not None
        self.generator = gan.generator.train()
        self.discriminator = gan.discriminator.train()
        self.prior = gan.prior
        self.recipe, self.images, self.run = recipe, images, run
        self.objective = recipe.objective()
        betas = (recipe.beta1, 0.999)
        self.generator_optimiser = adam(self.generator.parameters(), recipe.learning_rate, betas)
        self.discriminator_optimiser = adam(self.discriminator.parameters(), recipe.learning_rate, betas)
        self.average = _average(self.generator, recipe.ema) if recipe.ema else None

    def train(self, after_step: Callable[[int], None] | None = None) -> None:
        """Run every step of the budget; leaves averaged weights in the generator if the recipe asks for them."""
        for _ in self.run.loop("training", self.run.budget.train_steps, self.state(), after_step):
            self.step()
        for optimiser in (self.generator_optimiser, self.discriminator_optimiser):
            optimiser.zero_grad(set_to_none=True)
        if self.average is not None:
            self.generator.load_state_dict(self.average.module.state_dict())

    def state(self) -> dict[str, Stateful]:
        """Everything that changes from step to step."""
        state: dict[str, Stateful] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimiser": self.generator_optimiser,
            "discriminator_optimiser": self.discriminator_optimiser,
        }
        return state if self.average is None else {**state, "average": self.average}

    def step(self) -> None:
        """One update of each network.

        Both learn from the same generated images, so the generator runs forward once; its own loss is taken
        after the discriminator's update, as in the textbook order with fresh codes.
        """
        real = self.images.sample(self.recipe.batch, self.run.rng)
        fake = self.generator(self.prior.sample(self.recipe.batch, self.run.rng))
        discriminator_loss = self.objective.discriminator_loss(self.discriminator, real, fake.detach())
        _descend(self.discriminator_optimiser, discriminator_loss)
        self.discriminator.requires_grad_(False)  # the generator's step needs no gradient for these weights
        generator_loss = self.objective.generator_loss(self.discriminator, fake)
        _descend(self.generator_optimiser, generator_loss)
        self.discriminator.requires_grad_(True)
        if self.average is not None:
            self.average.update_parameters(self.generator)
        self.run.report(discriminator=discriminator_loss.detach(), generator=generator_loss.detach())


def adam(parameters: Iterable[nn.Parameter], learning_rate: float, betas: tuple[float, float]) -> torch.optim.Adam:
    """Adam with fused updates: one pass over the weights, the same bits on every run."""
    return torch.optim.Adam(parameters, lr=learning_rate, betas=betas, fused=True)


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def _average(generator: nn.Module, decay: float) -> AveragedModel:
    return AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


# ---------------------------------------------------------------------------------------- looking at samples


def samples(gan: Gan, count: int, seed: int) -> Tensor:
    """Images ``[count, C, H, W]`` of fixed codes, in eval mode; leaves mode and randomness as they were."""
    rng = torch.Generator(next(gan.generator.parameters()).device).manual_seed(seed)
    training = gan.generator.training
    gan.generator.eval()
    with torch.no_grad():
        made: Tensor = gan.generator(gan.prior.sample(count, rng))
    gan.generator.train(training)
    return made


def check_variety(gan: Gan, images: Images, seed: int) -> None:
    """Raise if the generator draws the same image whatever the code.

    Variety is the standard deviation over images, averaged over pixels.

    Raises:
        Diverged: the samples' variety is under ``COLLAPSE_RATIO`` of the data's, or not a number.
    """
    real = images.take(slice(0, VARIETY_IMAGES)).floats(slice(None))
    ratio = float(samples(gan, VARIETY_IMAGES, seed).std(0).mean() / real.std(0).mean().clamp_min(1e-12))
    if not ratio >= COLLAPSE_RATIO:
        raise Diverged(f"the generator collapsed: its samples vary {ratio:.4f} times as much as the training images")


def save_grid(gan: Gan, path: Path, seed: int) -> None:
    """Write an 8 x 8 grid of samples of fixed codes as PNG.

    Raises:
        StoreError: the file cannot be written.
    """
    from torchvision.utils import save_image

    with writing(path) as temporary:
        save_image(samples(gan, 64, seed), temporary, "png", nrow=8, padding=1, normalize=True, value_range=(-1, 1))
