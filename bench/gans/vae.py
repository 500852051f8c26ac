"""The variational autoencoder as a baseline of GAN inversion: a decoder and an encoder trained with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.core.registry import gan
from bench.core.run_context import RunContext, Stateful
from bench.core.types import Gan, Images, Shape
from bench.gans.joint import Joint
from bench.gans.joint_networks import Encoder, draw
from bench.gans.monitor import TrainingMonitor
from bench.gans.optimizers import descend


@gan("vae")
@dataclass
class VAE(Joint):
    """Variational autoencoder (Kingma and Welling 2014) with DCGAN's generator as decoder; 28 to 128 pixels.

    The loss of an image is half its summed squared error plus the divergence of its codes from the prior. There is
    no discriminator, so methods that need one do not apply. The code of an image is the mean of its distribution.

    Example:
        >>> import torch
        >>> from bench.gans.vae import VAE, divergence
        >>> gan, z = VAE(code_dim=8, width=4).build((1, 28, 28), "cpu").freeze(), torch.zeros(2, 8)
        >>> gan.encode(gan.decode(z)).shape, gan.discriminator
        (torch.Size([2, 8]), None)
        >>> divergence(z, z), divergence(z + 1, z)  # of N(0, I) and of N(1, I) from the prior
        (tensor([0., 0.]), tensor([4., 4.]))
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prior != "normal":
            raise ValueError(f"prior = '{self.prior}' must be 'normal': the divergence is from that")
        if (self.discriminator_steps, self.generator_steps) != (1, 1):
            raise ValueError("vae updates both networks at once; leave out discriminator_steps and generator_steps")

    def make_discriminator(self, image_shape: Shape) -> None:
        """Return None: there is no discriminator."""
        return

    def train(self, gan: Gan, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        """See ``GanConfig.train``."""
        VAETrainer(gan, self, images=images, run=run, monitor=monitor).train()


class VAETrainer:
    """Trainer that minimises the negative evidence lower bound with both networks at once.

    Args:
        gan: untrained networks, on ``run.device``.
        recipe: optimizer, batch size and precision.
        images: training images, on ``run.device``.
        run: steps (``budget.train_steps``), randomness and checkpoint.
        monitor: called after every step.
    """

    def __init__(self, gan: Gan, recipe: VAE, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        assert isinstance(gan.encoder, Encoder)
        self.gan, self.recipe, self.images, self.run, self.monitor = gan, recipe, images, run, monitor
        self.generator, self.encoder = gan.generator.train(), gan.encoder.train()
        self.optimizer = recipe.optimizer(nn.ModuleList([self.generator, self.encoder]))
        self.make: Callable[[Tensor], Tensor] = self.generator
        self.infer: Callable[[Tensor], tuple[Tensor, Tensor | None]] = self.encoder.distribution
        if recipe.compiled:
            self.make, self.infer = torch.compile(self.make), torch.compile(self.infer)

    def train(self) -> None:
        """Run every step of the budget."""
        steps = self.run.budget.train_steps
        state: dict[str, Stateful] = {
            "generator": self.generator,
            "encoder": self.encoder,
            "optimizer": self.optimizer,
            "monitor": self.monitor,
        }
        for _ in self.run.loop("training", steps, state, self.after_step):
            self.step()
        self.optimizer.zero_grad(set_to_none=True)
        if steps == 0:
            self.after_step(-1)

    def after_step(self, step: int) -> None:
        """Pass the monitor the networks after this step."""
        self.monitor.after_step(
            self.gan, self.images, seed=self.run.seed, done=step + 1, steps=self.run.budget.train_steps
        )

    def step(self) -> None:
        """Update both networks once."""
        rows = self.images.draw(self.recipe.batch, self.run.rng)
        x = self.images.floats(rows)
        if self.recipe.flips:
            mirrored = torch.rand((len(x), 1, 1, 1), generator=self.run.rng, device=x.device) < 0.5
            x = torch.where(mirrored, x.flip(3), x)
        with torch.autocast(self.run.device, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            mean, log_variance = self.infer(x)
            assert log_variance is not None
            made = self.make(draw(mean, log_variance, self.run.rng)).float()
        error, kl = half_squared_error(x, made).mean(), divergence(mean, log_variance).mean()
        descend(self.optimizer, error + kl)
        self.run.report(error=error.detach(), divergence=kl.detach())


def half_squared_error(x: Tensor, made: Tensor) -> Tensor:
    """½ Σ (x - x̂)² of each image ``[B]``: minus the log density under N(x̂, I), up to a constant."""
    return 0.5 * (x - made).square().flatten(1).sum(1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Divergence ``[B]`` of N(μ, σ²) from N(0, I) in nats: ½ Σ (μ² + σ² - log σ² - 1) (appendix B of the paper)."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)
