"""ALI (also known as BiGAN) and ALICE: a discriminator of pairs teaches a generator and an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, softplus

from bench.core.registry import gan
from bench.core.run_context import RunContext, Stateful
from bench.core.types import Gan, Images, Shape
from bench.gans.dcgan import make_trunk
from bench.gans.joint import Joint
from bench.gans.joint_networks import Encoder, PairDiscriminator, draw
from bench.gans.monitor import TrainingMonitor
from bench.gans.optimizers import descend
from bench.gans.training import Trainer


@gan("ali")
@dataclass
class ALI(Joint):
    """ALI (Dumoulin et al. 2017), the same as BiGAN (Donahue et al. 2017), on DCGAN's networks; 28 to 128 pixels.

    The discriminator separates pairs (x, E(x)) from pairs (G(z), z). Optimizer and batch size are the ALI authors'.

    Attributes:
        encoder: "gaussian" draws E(x) from a normal distribution (ALI), "deterministic" returns one code (BiGAN).
            At inference the code of an image is the mean.
        pair_width: units of the discriminator's two layers on codes; its joint layers have twice as many.

    Example:
        >>> import torch
        >>> from bench.gans.ali import ALI
        >>> gan = ALI(code_dim=8, width=4, pair_width=16).build((1, 28, 28), "cpu").freeze()
        >>> x = gan.decode(torch.zeros(2, 8))
        >>> x.shape, gan.encode(x).shape
        (torch.Size([2, 1, 28, 28]), torch.Size([2, 8]))
    """

    learning_rate: float = 1e-4
    batch: int = 100
    encoder: Literal["gaussian", "deterministic"] = "gaussian"
    pair_width: int = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pair_width < 1:
            raise ValueError(f"pair_width = {self.pair_width} must be at least 1")

    def make_encoder(self, image_shape: Shape, gaussian: bool = True) -> Encoder:
        """See ``Joint.make_encoder``."""
        return super().make_encoder(image_shape, gaussian and self.encoder == "gaussian")

    def make_discriminator(self, image_shape: Shape) -> PairDiscriminator:
        """Return DCGAN's trunk with layers that join a code to its last map."""
        trunk = make_trunk(image_shape, self.width)
        return PairDiscriminator(trunk, self.features(image_shape), self.code_dim, self.pair_width)

    def cycle_weight(self) -> float:
        """Return the weight of the reconstruction errors of images and codes: 0 for ALI."""
        return 0.0

    def train(self, gan: Gan, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        """See ``GanConfig.train``."""
        PairTrainer(gan, self, images=images, run=run, monitor=monitor).train()


@gan("alice")
@dataclass
class ALICE(ALI):
    """ALI with a cycle loss between generator and encoder (Li et al. 2017), on DCGAN's networks; 28 to 128 pixels.

    The loss has the further term ``cycle`` (mean |x - G(E(x))| + mean |z - E(G(z))|). The authors use the prior
    "uniform" with code_dim = 64, and discriminator_steps = 2 on CelebA.

    Attributes:
        cycle: weight of the cycle loss.

    Example:
        >>> import torch
        >>> from bench.gans.ali import ALI, ALICE
        >>> ALICE().cycle_weight(), ALI().cycle_weight()
        (1.0, 0.0)
        >>> gan = ALICE(code_dim=8, width=4, pair_width=16).build((1, 28, 28), "cpu").freeze()
        >>> gan.decode(gan.encode(torch.zeros(2, 1, 28, 28))).shape
        torch.Size([2, 1, 28, 28])
    """

    batch: int = 64
    cycle: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cycle < 0:
            raise ValueError(f"cycle = {self.cycle} must be 0 or more")

    def cycle_weight(self) -> float:
        """See ``ALI.cycle_weight``."""
        return self.cycle


class JointSamples(NamedTuple):
    """Training images with codes inferred from them, and codes of the prior with images generated from them."""

    real: Tensor
    inferred: Tensor
    made: Tensor
    codes: Tensor

    def detached(self) -> JointSamples:
        """Return the same tensors without gradients."""
        return JointSamples(*(tensor.detach() for tensor in self))


class PairTrainer(Trainer):
    """Trainer that updates the discriminator, then generator and encoder together, on the same pairs."""

    recipe: ALI

    def __init__(
        self, gan: Gan, recipe: ALI, images: Images, run: RunContext, monitor: TrainingMonitor | None = None
    ) -> None:
        super().__init__(gan, recipe, images=images, run=run, monitor=monitor)
        assert isinstance(gan.encoder, Encoder)
        self.encoder = gan.encoder.train()
        self.generator_optimizer = recipe.optimizer(nn.ModuleList([self.generator, self.encoder]))
        self.infer: Callable[[Tensor], tuple[Tensor, Tensor | None]] = self.encoder.distribution
        if recipe.compiled:
            self.infer = torch.compile(self.infer)

    def state(self) -> dict[str, Stateful]:
        """See ``Trainer.state``."""
        return {**super().state(), "encoder": self.encoder}

    def step(self, step: int) -> None:
        """Run the updates of one step, the discriminator's first."""
        updates = self.recipe.discriminator_updates(step)
        for update in range(1, updates + 1):
            pairs = self.draw_pairs(for_generator=update == updates)
            discriminator_loss = self.update_joint_discriminator(pairs.detached())
        self.require_gradients(False)
        for update in range(self.recipe.generator_steps):
            generator_loss, cycle = self.update_generator_and_encoder(self.draw_pairs() if update else pairs)
        self.require_gradients(True)
        self.run.report(discriminator=discriminator_loss, generator=generator_loss, cycle=cycle)

    def draw_pairs(self, for_generator: bool = True) -> JointSamples:
        """Draw pairs of both kinds, with a graph if generator and encoder will be updated on them."""
        codes, real = self.draw_codes(), self.draw_real()
        with torch.set_grad_enabled(for_generator), self.precision():
            made = self.make(codes).float()
            inferred = draw(*self.infer(real), self.run.rng)
        return JointSamples(real, inferred, made, codes)

    def update_joint_discriminator(self, pairs: JointSamples) -> Tensor:
        """Update the discriminator once; returns its loss."""
        with self.precision():
            inferred, made = self.critic(pairs.real, pairs.inferred), self.critic(pairs.made, pairs.codes)
        loss = joint_discriminator_loss(inferred, made)
        descend(self.discriminator_optimizer, loss)
        return loss.detach()

    def update_generator_and_encoder(self, pairs: JointSamples) -> tuple[Tensor, Tensor]:
        """Update generator and encoder once; returns their adversarial loss and their cycle loss."""
        with self.precision():
            inferred, made = self.critic(pairs.real, pairs.inferred), self.critic(pairs.made, pairs.codes)
        loss = generator_encoder_loss(inferred, made)
        weight = self.recipe.cycle_weight()
        cycle = self.cycle_error(pairs) if weight else torch.zeros_like(loss)
        descend(self.generator_optimizer, loss + weight * cycle)
        return loss.detach(), cycle.detach()

    def cycle_error(self, pairs: JointSamples) -> Tensor:
        """Return mean |x - G(E(x))| + mean |z - E(G(z))|, both with sampled codes."""
        with self.precision():
            image = self.make(pairs.inferred).float()
            code = draw(*self.infer(pairs.made), self.run.rng)
        return l1_loss(image, pairs.real) + l1_loss(code, pairs.codes)


def joint_discriminator_loss(inferred: Tensor, made: Tensor) -> Tensor:
    """Return -log D(x, E(x)) - log(1 - D(G(z), z)), averaged, from the logits of both kinds of pairs."""
    return softplus(-inferred).mean() + softplus(made).mean()


def generator_encoder_loss(inferred: Tensor, made: Tensor) -> Tensor:
    """Return ``joint_discriminator_loss`` with the two kinds exchanged, whose gradient does not vanish."""
    return joint_discriminator_loss(made, inferred)
