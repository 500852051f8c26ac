"""GLO: a generator trained jointly with a code for each training image; it memorises up to its capacity."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.core.run_context import RunContext, Stateful
from bench.core.types import Gan, Images, Shape
from bench.gans.dcgan import DCGAN
from bench.gans.monitor import TrainingMonitor
from bench.gans.networks import channels_last, check_shape, xavier
from bench.gans.priors import PriorName, make_prior

LOOP = "training"


@dataclass
class GLO(DCGAN):
    """Generative latent optimisation (Bojanowski et al. 2018) with DCGAN's generator; no discriminator.

    Every training image has a code of its own. Codes and generator jointly minimise the mean squared error (the
    paper: that of a Laplacian pyramid). Codes lie on the sphere of radius sqrt(d), near which a standard normal prior
    has nearly all of its mass (the paper: in the unit ball, and a normal distribution is fitted to them).

    It is not registered as a GAN: it serves as a generator that is known to memorise.

    Attributes:
        code_rate: learning rate of the codes.
    """

    prior: PriorName = "normal"
    learning_rate: float = 1e-3
    code_rate: float = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prior != "normal":
            raise ValueError(f"prior = '{self.prior}' must be 'normal': codes lie on a sphere")

    def build(self, image_shape: Shape, device: str) -> Gan:
        """Return an untrained generator; see ``GanConfig.build``."""
        check_shape("GLO", image_shape, self.sides)
        generator = xavier(self.make_generator(image_shape))
        prior = make_prior(self.prior, self.code_dim)
        return channels_last(
            Gan(generator, None, prior=prior, image_shape=image_shape, provenance=self.provenance()).to(device)
        )

    def train(self, gan: Gan, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        """See ``GanConfig.train``."""
        Codes(gan, self, images=images, run=run, monitor=monitor).train()


class Codes:
    """Joint gradient descent on the squared error over the generator and the codes ``[N, d]`` of training images.

    Args:
        gan: untrained generator, on ``run.device``.
        recipe: learning rates and batch size.
        images: training images ``[N, C, H, W]``, on ``run.device``.
        run: steps (``budget.train_steps``), random numbers and checkpoint.
        monitor: called after every step.
    """

    def __init__(self, gan: Gan, recipe: GLO, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        self.gan, self.recipe, self.images, self.run, self.monitor = gan, recipe, images, run, monitor
        self.generator = gan.generator.train()
        self.table = nn.Embedding(len(images), recipe.code_dim, sparse=True, device=run.device)
        with torch.no_grad():
            self.table.weight.copy_(gan.prior.sample(len(images), run.rng))
        self.optimizer = recipe.optimizer(self.generator)
        self.mover = torch.optim.SparseAdam(self.table.parameters(), lr=recipe.code_rate)

    def train(self) -> None:
        """Run every step of the budget."""
        steps = self.run.budget.train_steps
        state: dict[str, Stateful] = {
            "generator": self.generator,
            "codes": self.table,
            "optimizer": self.optimizer,
            "mover": self.mover,
            "monitor": self.monitor,
        }
        for _ in self.run.loop(LOOP, steps, state, self.after_step):
            self.step()
        self.optimizer.zero_grad(set_to_none=True)

    def after_step(self, step: int) -> None:
        """Pass the generator after this step to the monitor."""
        self.monitor.after_step(
            self.gan, self.images, seed=self.run.seed, done=step + 1, steps=self.run.budget.train_steps
        )

    def step(self) -> None:
        """Update the generator and the codes of a batch once."""
        rows = self.images.draw(min(self.recipe.batch, len(self.images)), self.run.rng)
        error = (self.generator(self.codes(rows)) - self.images.floats(rows)).square().mean()
        for optimizer in (self.optimizer, self.mover):
            optimizer.zero_grad(set_to_none=True)
        error.backward()
        for optimizer in (self.optimizer, self.mover):
            optimizer.step()
        self.run.report(error=error.detach())

    def codes(self, rows: Tensor) -> Tensor:
        """Return codes ``[B, d]`` of training images, on the sphere of radius sqrt(d)."""
        codes: Tensor = nn.functional.normalize(self.table(rows)) * self.recipe.code_dim**0.5
        return codes
