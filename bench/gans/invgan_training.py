"""Training of InvGAN: the discriminator encodes real images, and their codes are replayed to the generator."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from bench.core.run_context import RunContext, Stateful
from bench.core.types import Gan, Images
from bench.gans.joint_networks import InvertibleDiscriminator, MappedGenerator, MappedStyleGenerator
from bench.gans.monitor import TrainingMonitor
from bench.gans.objectives.discrepancy import discrepancy
from bench.gans.training import Trainer, TrainingOptions


class InvGANOptions(TrainingOptions, Protocol):
    """Options that the trainer reads from the recipe; ``bench.gans.invgan`` describes them."""

    variant: Literal["naive", "augmented", "full"]
    latent_weight: float
    feature_weight: float
    mmd_weight: float


class Replay:
    """Codes w of the real images of the previous batch; None before the first. Part of the checkpoint."""

    def __init__(self) -> None:
        self.codes: Tensor | None = None

    def state_dict(self) -> dict[str, Any]:
        """The codes."""
        return {"codes": self.codes}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.codes = state["codes"]


class InvGANTrainer(Trainer):
    """Trainer that updates both heads of the discriminator, then the generator and, in the full variant, the encoder.

    The adversarial losses are those of the recipe's objective. They are computed from logits, so that one pass
    through the discriminator suffices for both heads.
    """

    recipe: InvGANOptions

    def __init__(
        self, gan: Gan, recipe: InvGANOptions, images: Images, run: RunContext, monitor: TrainingMonitor | None = None
    ) -> None:
        super().__init__(gan, recipe, images=images, run=run, monitor=monitor)
        assert isinstance(gan.generator, MappedGenerator | MappedStyleGenerator)
        assert isinstance(gan.discriminator, InvertibleDiscriminator)
        self.mapping, self.enter, self.both = gan.generator.mapping, gan.generator.from_w, gan.discriminator.both
        if recipe.compiled:
            self.enter, self.both = torch.compile(self.enter), torch.compile(self.both)
        self.half = recipe.batch // 2
        self.replay = Replay()

    def state(self) -> dict[str, Stateful]:
        """See ``Trainer.state``."""
        return {**super().state(), "replay": self.replay}

    def step(self, step: int) -> None:
        """Run the updates of one step, the discriminator's first."""
        for _ in range(self.recipe.discriminator_updates(step)):
            real = self.draw_real()
            discriminator_loss = self.update_heads(real)
        for update in range(self.recipe.generator_steps):
            terms = self.update_maker(self.draw_real() if update else real)
        self.run.report(discriminator=discriminator_loss, **{name: term.detach() for name, term in terms.items()})

    # ----------------------------------------------------------------------------------- updates of the discriminator

    def update_heads(self, real: Tensor) -> Tensor:
        """Update both heads once, on images of prior codes and of replayed codes; returns the loss.

        The second head is trained to infer the code of a generated image; codes and images carry no gradient.
        """
        with torch.no_grad(), self.precision():
            codes = self.mixed_codes()
            fake = self.enter(codes).float()
        with self.precision():
            fake_logits, inferred, _ = self.both(fake)
            loss = self.objective.discriminator_loss(as_given, self.both(real)[0], fake_logits)
            penalty = self.regularizer.penalty(self.plain_critic, real, fake)
        loss = loss + self.recipe.latent_weight * mse_loss(inferred, codes)
        self.descend(loss if penalty is None else loss + penalty, self.discriminator_optimizer)
        self.regularizer.after_update(self.discriminator)
        return loss.detach()

    def mixed_codes(self) -> Tensor:
        """Return codes w ``[B, d]``: mapped codes of the prior, the second half replayed codes if there are any."""
        replayed = self.replay.codes
        count = self.recipe.batch - (0 if replayed is None else len(replayed))
        mapped: Tensor = self.mapping(self.gan.prior.sample(count, self.run.rng)).float()
        return mapped if replayed is None else torch.cat([mapped, replayed])

    # --------------------------------------------------------------------------------------- updates of the generator

    def update_maker(self, real: Tensor) -> dict[str, Tensor]:
        """Update generator and mapping once, in the full variant also the encoder; returns the loss's terms."""
        with self.precision():
            terms = self.full_terms(real) if self.recipe.variant == "full" else self.naive_terms(real)
        weights = {"latent": self.recipe.latent_weight, "features": self.recipe.feature_weight}
        weights |= {"cycle": self.recipe.latent_weight, "mmd": self.recipe.mmd_weight}
        loss = torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()
        movers = [self.generator_optimizer]
        if self.recipe.variant == "full":
            movers.append(self.discriminator_optimizer)
        self.descend(loss, *movers)
        return terms

    def naive_terms(self, real: Tensor) -> dict[str, Tensor]:
        """Return the adversarial loss and ‖w - w̃‖² (section 4.4), w̃ inferred from G(w) by the fixed discriminator.

        In the augmented variant the second half of w are codes of real images, which are stored for the replay.
        """
        self.require_gradients(False)
        count = self.recipe.batch
        if self.recipe.variant == "augmented":
            count -= self.half
            with torch.no_grad():
                self.replay.codes = self.both(real[: self.half])[1]
        codes = self.mapping(self.gan.prior.sample(count, self.run.rng)).float()
        if self.replay.codes is not None:
            codes = torch.cat([codes, self.replay.codes])
        fake_logits, inferred, _ = self.both(self.enter(codes).float())
        self.require_gradients(True)
        return {
            "generator": self.objective.generator_loss(as_given, fake_logits),
            "latent": mse_loss(inferred, codes),
        }

    def full_terms(self, real: Tensor) -> dict[str, Tensor]:
        """Return all terms of equation 3; only codes w_R of real images carry gradients to the encoder.

        ``latent`` is ‖M(z) - w̃‖², ``cycle`` ‖(w̃ ⊕ w_R) - w̃̃‖², ``features`` L_fm, ``mmd`` the discrepancy of w and
        w_R; squared norms are means over elements (ours). The discriminator is held fixed on generated
        images, and the features of real ones are targets.
        """
        half = self.half
        _, w_real, features_real = self.both(real[:half])
        self.replay.codes = w_real.detach()
        self.require_gradients(False)
        w = self.mapping(self.gan.prior.sample(self.recipe.batch - half, self.run.rng)).float()
        fake_logits, inferred, features = self.both(self.enter(torch.cat([w, w_real])).float())
        again = self.both(self.enter(inferred[: len(w)]).float())[1]
        self.require_gradients(True)
        return {
            "generator": self.objective.generator_loss(as_given, fake_logits),
            "latent": mse_loss(inferred[: len(w)], w),
            "cycle": mse_loss(torch.cat([again, inferred[len(w) :]]), torch.cat([inferred[: len(w)], w_real])),
            "features": mse_loss(features[len(w) :], features_real.detach()),
            "mmd": discrepancy(w, w_real),
        }

    def descend(self, loss: Tensor, *optimizers: torch.optim.Optimizer) -> None:
        """Take one step of each optimizer from cleared gradients; weights that the loss does not depend on stay."""
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()


def as_given(logits: Tensor, /, *conditions: Tensor) -> Tensor:
    """Return the logits unchanged: the critic of objectives whose inputs are logits in place of images."""
    return logits
