"""Acyclic inference on a frozen GAN: an encoder, or a connection network on the discriminator's features.

Two choices make four methods: what is trained (a whole encoder, or the connection network alone) and what it
minimises (the error of the code on generated images, or the error of the image on real ones).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from bench.contracts import FitData, Images, Inverter
from bench.errors import NotApplicable
from bench.gans.networks import ConnectionNetwork, Discriminator, fresh_copy
from bench.gans.optimisers import adam
from bench.loop import Stateful
from bench.registry import method


@dataclass
class Acyclic(Inverter):
    """What the four methods share: options, the training loop and inference.

    The optimiser, the batch size and the Xavier initial weights are those of the recycling authors' code.

    Attributes:
        depth: hidden layers of the connection network.
        width: units in each of them, a multiple of 32 from 128 on.
        batch: images in a step.
        learning_rate: Adam's; its betas are (.5, .999).
    """

    depth: int = 2
    width: int = 1024
    batch: int = 128
    learning_rate: float = 2e-4

    def __post_init__(self) -> None:
        if self.width < 128 or self.width % 32:  # pairs normalised to +-1 would keep nothing but signs
            raise ValueError(f"width = {self.width} must be a multiple of 32 (groups to normalise) from 128 on")
        if self.depth < 0 or self.batch < 2:
            raise ValueError(f"depth = {self.depth} and batch = {self.batch} must be at least 0 and 2")

    def build(self) -> None:
        """Create the network that will be trained, with weights from the run's seed."""
        self.run.reseed()
        self.network = self.make_network().to(self.run.device).to(memory_format=torch.channels_last)

    def fit(self, data: FitData) -> None:
        """Minimise the method's loss for ``budget.fit_steps`` steps; the GAN stays as it is."""
        images = data.train.to(self.run.device)
        optimiser = adam(self.network.parameters(), self.learning_rate, (0.5, 0.999))
        state: dict[str, Stateful] = {"network": self.network, "optimiser": optimiser}
        self.network.train()
        for _ in self.run.loop("fitting", self.run.budget.fit_steps, state):
            loss = self.loss(images)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            self.run.report(loss=loss.detach())

    @torch.no_grad()
    def invert(self, x: Tensor) -> Tensor:
        """Codes ``[B, d]``, unbounded, in eval mode."""
        self.network.eval()
        return self.encode(x)

    @abstractmethod
    def make_network(self) -> nn.Module:
        """The network that is trained."""

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Codes ``[B, d]`` of images ``[B, C, H, W]``, with gradients for the trained network."""

    @abstractmethod
    def loss(self, images: Images) -> Tensor:
        """Loss of one step, a scalar."""


class WholeEncoder(Acyclic):
    """Trains the discriminator's architecture, from new weights, and a connection network on top."""

    def make_network(self) -> nn.Module:
        """Images to codes."""
        discriminator = self.gan.discriminator
        if not isinstance(discriminator, Discriminator):
            raise NotApplicable("an encoder copies the discriminator's trunk, and this GAN's discriminator has none")
        size = _features(self, ("last",))
        connection = ConnectionNetwork(size, self.gan.code_dim, self.depth, self.width)
        return nn.Sequential(fresh_copy(discriminator.trunk), nn.Flatten(), connection)

    def encode(self, x: Tensor) -> Tensor:
        """See ``Acyclic.encode``."""
        codes: Tensor = self.network(x)
        return codes


class RecycledDiscriminator(Acyclic):
    """Trains a connection network on the features of the GAN's own, frozen discriminator."""

    def make_network(self) -> nn.Module:
        """Features to codes."""
        return ConnectionNetwork(_features(self, ("last",)), self.gan.code_dim, self.depth, self.width)

    def encode(self, x: Tensor) -> Tensor:
        """See ``Acyclic.encode``."""
        with torch.no_grad():
            features = self.gan.features(x)
        codes: Tensor = self.network(features)
        return codes


class LatentLoss(Acyclic):
    """Learns from generated images, whose codes are known: mean (z - E(G(z)))^2."""

    trained_on: ClassVar[str] = "generated codes"
    optimises: ClassVar[tuple[str, ...]] = ("code_mse",)

    def loss(self, images: Images) -> Tensor:
        """See ``Acyclic.loss``; real images are not looked at."""
        codes = self.gan.prior.sample(self.batch, self.run.rng)
        with torch.no_grad():
            made = self.gan.decode(codes)
        return mse_loss(self.encode(made), codes)


class ImageLoss(Acyclic):
    """Learns from training images: mean (x - G(E(x)))^2."""

    trained_on: ClassVar[str] = "train images"
    optimises: ClassVar[tuple[str, ...]] = ("mse", "psnr")

    def loss(self, images: Images) -> Tensor:
        """See ``Acyclic.loss``."""
        x = images.sample(self.batch, self.run.rng)
        return mse_loss(self.gan.decode(self.encode(x)), x)


def _features(method: Acyclic, layers: tuple[str, ...]) -> int:
    """Length of the discriminator's flattened features."""
    with torch.no_grad():
        return method.gan.features(torch.zeros(1, *method.gan.image_shape, device=method.run.device), layers).shape[1]


@method("enc_image")
@dataclass
class EncImage(WholeEncoder, ImageLoss):
    """Encoder trained on real images with the image loss (dfi, ENC_image; with +opt, iGAN)."""


@method("enc_latent")
@dataclass
class EncLatent(WholeEncoder, LatentLoss):
    """Encoder trained on generated images with the latent loss (dfi, ENC_latent)."""


@method("dfi")
@dataclass
class Dfi(RecycledDiscriminator, LatentLoss):
    """Connection network on discriminator features with the latent loss (dfi, DFI; recycling, CN)."""


@method("dfi_image")
@dataclass
class DfiImage(RecycledDiscriminator, ImageLoss):
    """Connection network on discriminator features with the image loss (dfi, DFI_image)."""
