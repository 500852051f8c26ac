"""In-domain inversion: an encoder trained to give realistic images, then a search regularised by the encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import mse_loss, softplus

from bench.core.errors import NotApplicable
from bench.core.registry import method
from bench.core.run_context import Stateful
from bench.core.types import Capacity, FitData, Inverter
from bench.gans.encoders import ResidualEncoder, centre_of, make_critic
from bench.gans.features import Layer, Network, check_layers, open_network
from bench.gans.optimizers import adam, descend
from bench.gans.regularizers.gradients import ZeroCentred
from methods.gradient_descent import descend as search
from methods.gradient_descent import pixel_error

SMALLEST_SIDE = 8
CENTRE_CODES = 4096
"""Number of codes for the estimate of the prior's mean and scale."""
DECAY, DECAYS = 0.8, 4
"""The learning rate decays exponentially, by this factor in each quarter of the fit (the authors' code)."""
LAYERS = {
    "vgg16": "relu4_3",
    "discriminator": "last",
    "resnet34": "layer3",
    "resnet50": "layer3",
    "resnet101": "layer3",
}
"""Layer of the feature term; VGG-16's is the authors', the others are ours."""


@method("in_domain")
@dataclass
class InDomain(Inverter):
    """Encoder guided by the frozen generator and a discriminator of its own, then a regularised search (in-domain).

    The encoder is trained on real images: pixel error + ``feature_weight`` feature error + ``adversarial_weight``
    softplus(-D(G(E(x)))). D separates images from reconstructions, with a gradient penalty on images. Then each
    code is optimised for pixel error + ``feature_weight`` feature error + ``domain_weight`` mean (z - E(G(z)))^2, for
    ``budget.refine_steps`` steps of Adam (100 in the authors' code; Zhu et al. 2020).

    Attributes:
        space: space of the codes: the GAN's own "z", or "w" or "w+" (the paper's) of a generator with styles.
        refine: whether to run the search; without it, this is the paper's encoder alone.
        features: network of the feature error; "none" for no feature error.
        feature_layer: its layer; "" for relu4_3 of vgg16 (the authors'), layer3 of a ResNet, or the last map.
        feature_weight: weight of the mean squared feature error. It is 5e-5 in the authors' code, for a VGG-16 with
            pixels up to 255; the features of the networks here are far smaller (ours).
        adversarial_weight: weight of the adversarial term.
        domain_weight: weight of the encoder's term in the search.
        gamma: weight of the gradient penalty; half of it multiplies the squared norm.
        width: filters of the first block of encoder and discriminator; 64 in the authors' code, at 256 pixels.
        widest: filters of their last blocks; 1024 in the authors' code.
        batch: images in a step.
        learning_rate: Adam's for both networks; its betas are (.9, .99).
        search_rate: Adam's in the search.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget
        >>> from bench.gans.dcgan import DCGAN
        >>> from methods.in_domain import InDomain
        >>> method, x = InDomain(refine=False, width=4, widest=8), torch.zeros(2, 1, 28, 28)
        >>> method.gan = DCGAN(code_dim=3, width=4).build((1, 28, 28), "cpu").freeze()
        >>> method.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 0, 0, timeout=60.0), seed=1)
        >>> method.build()
        >>> torch.equal(method.invert(x), method.encoder(x))  # without the search, the encoder's codes
        True
    """

    trained_on: ClassVar[str] = "train images"
    optimises: ClassVar[tuple[str, ...]] = ("mse", "psnr")

    space: Literal["z", "w", "w+"] = "z"
    refine: bool = True
    features: Literal[Network, "none"] = "discriminator"
    feature_layer: str = ""
    feature_weight: float = 0.1
    adversarial_weight: float = 0.08
    domain_weight: float = 2.0
    gamma: float = 10.0
    width: int = 32
    widest: int = 512
    batch: int = 128
    learning_rate: float = 1e-4
    search_rate: float = 0.01

    def __post_init__(self) -> None:
        if not 1 <= self.width <= self.widest or self.batch < 2:
            raise ValueError(
                f"width = {self.width} must be 1 to widest = {self.widest}, and batch = {self.batch} at least 2"
            )
        for name in ("feature_weight", "adversarial_weight", "domain_weight", "gamma"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name)} must be at least 0")
        if self.feature_layer and self.features == "none":
            raise ValueError(f"feature_layer = '{self.feature_layer}' needs features, which are 'none'")

    @property
    def capacity(self) -> Capacity:
        """Return the space of the codes."""
        return self.space

    def build(self) -> None:
        """Create encoder and discriminator, with weights from the run's seed.

        Raises:
            NotApplicable: images that are not square, images under 8 pixels, or no such features.
            WeightsError: the weights of an ImageNet network are missing.
        """
        _, height, width = self.gan.image_shape
        if height != width or height < SMALLEST_SIDE:
            raise NotApplicable(f"in_domain encodes square images from 8 pixels on, not {height} x {width}")
        self.seen = self.open_layer()
        self.run.reseed()
        draws = torch.Generator(self.run.device).manual_seed(self.run.seed)
        centre, scale = centre_of(self.gan.prior.sample(CENTRE_CODES, draws))
        self.encoder = ResidualEncoder(
            self.gan.image_shape, centre, scale=scale, width=self.width, widest=self.widest
        )
        self.critic = make_critic(self.gan.image_shape, self.width, self.widest)
        for network in (self.encoder, self.critic):
            network.to(self.run.device).to(memory_format=torch.channels_last)

    def open_layer(self) -> Layer | None:
        """Return the network layer of the feature error, or None without one."""
        if self.features == "none":
            return None
        backbone, name = (
            open_network(self.features, self.gan, self.run.device),
            self.feature_layer or LAYERS[self.features],
        )
        check_layers(self.features, backbone, (name,))
        layer = Layer(backbone, name)
        # raises if the layer also depends on a condition
        layer(torch.zeros(1, *self.gan.image_shape, device=self.run.device))
        return layer

    def fit(self, data: FitData) -> None:
        """Train both networks for ``budget.fit_steps`` steps, the discriminator first in each."""
        images, steps = data.train.to(self.run.device), self.run.budget.fit_steps
        encoder, critic = (adam(n.parameters(), self.learning_rate, (0.9, 0.99)) for n in (self.encoder, self.critic))
        state: dict[str, Stateful] = {"encoder": self.encoder, "optimizer": encoder}
        state |= {"critic": self.critic, "critic optimizer": critic}
        self.encoder.train()
        for step in self.run.loop("fitting the encoder", steps, state):
            for group in (*encoder.param_groups, *critic.param_groups):
                group["lr"] = self.learning_rate * DECAY ** (DECAYS * step / steps)
            x = images.sample(self.batch, self.run.rng)
            made = self.gan.decode(self.encoder(x))
            told = self.critic_loss(x, made.detach())
            descend(critic, told)
            loss = self.encoder_loss(x, made)
            descend(encoder, loss)
            self.run.report(loss=loss.detach(), critic=told.detach())

    def encoder_loss(self, x: Tensor, made: Tensor) -> Tensor:
        """Return the encoder's loss of one step, a scalar (Zhu et al. 2020, domain-guided encoder)."""
        loss = mse_loss(made, x) + self.feature_weight * self.feature_error(x, made).mean()
        if self.adversarial_weight:
            self.critic.requires_grad_(False)
            loss = loss + self.adversarial_weight * softplus(-self.critic(made)).mean()
            self.critic.requires_grad_(True)
        return loss

    def critic_loss(self, x: Tensor, made: Tensor) -> Tensor:
        """Return the logistic loss of one step with R1, a scalar (Zhu et al. 2020, domain-guided encoder)."""

        def critic(images: Tensor, *conditions: Tensor) -> Tensor:
            logits: Tensor = self.critic(images).squeeze(1)
            return logits

        loss = softplus(-critic(x)).mean() + softplus(critic(made)).mean()
        return loss + ZeroCentred(self.gamma).penalty(critic, x, made)

    def feature_error(self, x: Tensor, made: Tensor) -> Tensor:
        """Return the mean squared difference ``[B]`` of the maps of images and reconstructions."""
        if self.seen is None:
            return torch.zeros(len(x), device=x.device)
        with torch.no_grad():
            target = self.seen(x)
        return pixel_error(target, self.seen(made))

    def search_loss(self, x: Tensor, codes: Tensor) -> Tensor:
        """Return the loss ``[B]`` of codes for images (Zhu et al. 2020, domain-regularised optimisation)."""
        made = self.gan.decode(codes)
        error = pixel_error(x, made) + self.feature_weight * self.feature_error(x, made)
        apart: Tensor = (codes - self.encoder(made)).square().mean(1)
        return error + self.domain_weight * apart

    def invert(self, x: Tensor) -> Tensor:
        """Codes ``[B, d]``, unbounded: the encoder's, then, with ``refine``, those of the search."""
        self.encoder.eval()
        with torch.no_grad():
            codes: Tensor = self.encoder(x)
        if not self.refine:
            return codes
        return search(
            "in-domain search",
            codes,
            loss=lambda z: self.search_loss(x, z),
            optimizer=lambda moved: torch.optim.Adam(moved, lr=self.search_rate),
            steps=self.run.budget.refine_steps,
            run=self.run,
        )
