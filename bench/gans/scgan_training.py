"""Training of SCGAN: a GAN of windows, its connection network, then a GAN of whole images around windows."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

from bench.core.run_context import RunContext
from bench.core.types import Gan, Images
from bench.gans.monitor import VARIETY_IMAGES, TrainingMonitor
from bench.gans.networks import ConnectionNetwork
from bench.gans.optimizers import descend
from bench.gans.scgan_networks import Parts, centre_of, networks_of
from bench.gans.training import Trainer, TrainingOptions


class Steps(NamedTuple):
    """Training steps of each stage."""

    centre: int
    connection: int
    full: int


class SCGANOptions(TrainingOptions, Protocol):
    """Options that the trainers read from the recipe; ``bench.gans.scgan`` describes them."""

    recon_weight: float

    def steps(self, total: int) -> Steps:
        """Divide the training steps of a budget among the stages."""

    def centre_recipe(self) -> TrainingOptions:
        """Return the recipe of the GAN of windows."""


def train_stages(gan: Gan, recipe: SCGANOptions, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
    """Train all networks in place, stage by stage; the networks of a stage are frozen in the next.

    Args:
        gan: untrained networks, on ``run.device``.
        recipe: shares of the steps, weights and optimizers.
        images: training images, on ``run.device``.
        run: steps (``budget.train_steps``, of all stages together), randomness and checkpoint.
        monitor: called after every step of the last stage.
    """
    generator, discriminator = networks_of(gan)
    steps = recipe.steps(run.budget.train_steps)
    CentreTrainer(gan, recipe, images=images, run=run, steps=steps.centre).train()
    centre = centre_of(gan)
    for network in (generator.centre, discriminator.trunk.local, discriminator.centre_head):
        network.eval().requires_grad_(False)
    train_connection(centre, discriminator.connection, recipe=recipe, run=run, steps=steps.connection)
    discriminator.connection.eval().requires_grad_(False)
    FullTrainer(gan, recipe, images=images, run=run, steps=steps.full, monitor=monitor).train()


class StageTrainer(Trainer):
    """A trainer whose loop has a name and a number of steps of its own.

    Args:
        gan: see ``Trainer``.
        recipe: see ``Trainer``; without a moving average.
        images: see ``Trainer``.
        run: see ``Trainer``.
        name: name of the loop, different in each stage.
        steps: number of steps of the loop.
        monitor: called after every step.
    """

    def __init__(
        self,
        gan: Gan,
        recipe: TrainingOptions,
        images: Images,
        run: RunContext,
        name: str,
        steps: int,
        monitor: TrainingMonitor,
    ) -> None:
        super().__init__(gan, recipe, images=images, run=run, monitor=monitor)
        self.name, self.steps = name, steps

    def train(self) -> None:
        """Run every step of the stage."""
        for step in self.run.loop(self.name, self.steps, self.state(), self.after_step):
            self.regularizer.begin(step / self.steps, self.run.rng)
            self.step(step)
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            optimizer.zero_grad(set_to_none=True)
        if self.steps == 0:
            self.after_step(-1)

    def after_step(self, step: int) -> None:
        """Pass the monitor the GAN after this step."""
        self.monitor.after_step(self.gan, self.images, seed=self.run.seed, done=step + 1, steps=self.steps)


class CentreTrainer(StageTrainer):
    """Trainer of the GAN of windows on the windows of training images, as any SNGAN.

    Its quality is not scored, because a monitor scores whole images; its variety is checked.
    """

    def __init__(self, gan: Gan, recipe: SCGANOptions, images: Images, run: RunContext, steps: int) -> None:
        self.window = networks_of(gan)[0].window
        super().__init__(
            centre_of(gan),
            recipe.centre_recipe(),
            images=images,
            run=run,
            name="windows",
            steps=steps,
            monitor=TrainingMonitor(),
        )
        self.shown = Images(self.window.crop(images.data[:VARIETY_IMAGES]))

    def draw_real(self) -> Tensor:
        """Draw windows ``[B, C, side, side]`` of training images."""
        return self.window.crop(super().draw_real()).contiguous(memory_format=torch.channels_last)

    def after_step(self, step: int) -> None:
        """See ``StageTrainer.after_step``; only the first windows are shown."""
        self.monitor.after_step(self.gan, self.shown, seed=self.run.seed, done=step + 1, steps=self.steps)


def train_connection(
    centre: Gan, network: ConnectionNetwork, recipe: TrainingOptions, run: RunContext, steps: int
) -> None:
    """Train the connection network of a frozen GAN of windows by DFI: mean (z - CN(D(G(z))))² (dfi, section 3.1).

    Args:
        centre: GAN of windows, frozen, in eval mode; its encoder contains the network.
        network: from features to z_center, untrained.
        recipe: optimizer, batch size and precision.
        run: randomness and checkpoint.
        steps: number of steps of the loop.
    """
    network.train()
    optimizer = recipe.optimizer(network)
    for _ in run.loop("connection", steps, {"network": network, "optimizer": optimizer}):
        codes = centre.prior.sample(recipe.batch, run.rng)
        with torch.autocast(run.device, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            with torch.no_grad():
                features = centre.features(centre.decode(codes))
            inferred = network(features).float()
        loss = mse_loss(inferred, codes)
        descend(optimizer, loss)
        run.report(connection=loss.detach())
    optimizer.zero_grad(set_to_none=True)


class SpatialSamples(NamedTuple):
    """Codes ẑ_center ⊕ z_edge ``[B, 2k]`` with y_full and y_glue ``[B, C, H, W]``."""

    codes: Tensor
    full: Tensor
    glued: Tensor

    @property
    def images(self) -> Tensor:
        """Return both kinds of images, ``[2B, C, H, W]``; a mean over them weighs each kind by one half."""
        return torch.cat([self.full, self.glued])


class FullTrainer(StageTrainer):
    """Trainer of G_full and D_full around frozen windows (dfi, equations 7 and 8).

    D_full: -log D(x) - ½ [log(1 - D(y_full)) + log(1 - D(y_glue))] + (γ/2) ‖∇D(x)‖². G_full: ½ of the adversarial
    losses of y_full and y_glue, in the form whose gradient does not vanish, + α |ẑ_center - CN(D_center(y_crop))|.
    All are means over images and over the places of D_full's logits.
    """

    recipe: SCGANOptions

    def __init__(
        self, gan: Gan, recipe: SCGANOptions, images: Images, run: RunContext, steps: int, monitor: TrainingMonitor
    ) -> None:
        super().__init__(gan, recipe, images=images, run=run, name="training", steps=steps, monitor=monitor)
        self.spatial, self.spatial_discriminator = networks_of(gan)
        self.window = self.spatial.window
        self.make, self.discriminate_places = self.spatial.full, self.spatial_discriminator.patches
        if recipe.compiled:
            self.make, self.discriminate_places = torch.compile(self.make), torch.compile(self.discriminate_places)

    def step(self, step: int) -> None:
        """Run the updates of one step, the discriminator's first."""
        updates = self.recipe.discriminator_updates(step)
        for update in range(1, updates + 1):
            made = self.draw_made(for_generator=update == updates)
            discriminator_loss = self.update_discriminator(made.images.detach())
        self.require_gradients(False)
        for update in range(self.recipe.generator_steps):
            generator_loss, error = self.update_full(self.draw_made() if update else made)
        self.require_gradients(True)
        self.run.report(discriminator=discriminator_loss, generator=generator_loss, code=error)

    def critic(self, images: Tensor, *conditions: Tensor) -> Tensor:
        """Return logits ``[B, P]`` of every place of images; see ``Trainer.critic``."""
        return self.discriminate_places(self.regularizer.view(images))

    def draw_codes(self) -> Tensor:
        """Codes ``[B, 2k]``: ẑ_center of windows of training images, and z_edge from its prior."""
        with torch.no_grad(), self.precision():
            inferred = self.spatial_discriminator.infer(self.window.crop(self.draw_real()))
        edge = torch.randn(inferred.shape, generator=self.run.rng, device=inferred.device)
        return torch.cat([inferred, edge], 1)

    def draw_made(self, for_generator: bool = True) -> SpatialSamples:
        """Generate images of new codes, with a graph to G_full if it will be updated on them."""
        codes = self.draw_codes()
        with torch.set_grad_enabled(for_generator), self.precision():
            full = self.make(codes).float()
        with torch.no_grad(), self.precision():
            centre = self.spatial.centre(codes[:, : codes.shape[1] // 2]).float()
        return SpatialSamples(codes, full, self.spatial.glued(Parts(full, centre)))

    def update_full(self, made: SpatialSamples) -> tuple[Tensor, Tensor]:
        """Update G_full once; returns its adversarial loss and the error of the code of its window."""
        with self.precision():
            loss = self.objective.generator_loss(self.critic, made.images)
        error = self.code_error(made)
        descend(self.generator_optimizer, loss + self.recipe.recon_weight * error)
        return loss.detach(), error.detach()

    def code_error(self, made: SpatialSamples) -> Tensor:
        """Return mean |ẑ_center - CN(D_center(y_crop))| (dfi, L_recon of equation 7; a mean over numbers, ours)."""
        with self.precision():
            inferred = self.spatial_discriminator.infer(self.window.crop(made.full))
        return l1_loss(inferred, made.codes[:, : inferred.shape[1]])
