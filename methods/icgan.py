"""Encoders for conditional GANs: of the noise z and of the condition y, trained after the GAN."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss, one_hot

from bench.core.errors import NotApplicable
from bench.core.registry import method
from bench.core.types import FitData, Images, Inverter
from bench.gans.condition_prior import ConditionPrior
from bench.gans.connection import make_connection
from bench.gans.encoders import CONVOLUTIONS, ConvolutionalEncoder, shared_convolutions
from bench.gans.features import FeaturePyramid, open_network
from bench.gans.networks import xavier
from bench.gans.optimizers import adam, descend

Snap = Literal["threshold", "row", "none"]
DEEPEST = "train it with the largest discriminator_layer, so that the last map depends on the image alone"


@dataclass
class ConditionalInverter(Inverter):
    """Base class of encoders of (z, y): the check of the GAN, the training loop, and the snapping of conditions.

    Attributes:
        snap: rounding of the inferred y. "threshold" rounds each attribute to 0 or 1, and a class to the one with the
            largest value (icgan, section 5); "row" takes the nearest condition among those of the training images;
            "none" leaves y unchanged.
        batch: images in a step.
        learning_rate: Adam's.
        beta1: Adam's first; the second is .999.
    """

    snap: Snap = "threshold"
    batch: int = 64
    learning_rate: float = 1e-4
    beta1: float = 0.1

    def __post_init__(self) -> None:
        if self.batch < 2 or not 0 <= self.beta1 < 1:
            raise ValueError(f"batch = {self.batch} must be at least 2, and beta1 = {self.beta1} in [0, 1)")

    def build(self) -> None:
        """Create the networks, with weights from the run's seed.

        Raises:
            NotApplicable: a GAN without conditions, or images of an unsupported size.
        """
        if not isinstance(self.gan.prior, ConditionPrior):
            raise NotApplicable("this GAN has no conditions: its codes should end in one, as cgan's do")
        self.prior = self.gan.prior
        if self.trained_on.endswith("train images"):
            facts = "labels" if has_classes(self.prior) else "attributes"
            vars(self)["trained_on"] = f"{self.trained_on} and their {facts}"
        self.run.reseed()
        networks = nn.ModuleDict(self.make_networks())
        self.encoders = xavier(networks).to(self.run.device).to(memory_format=torch.channels_last)

    @abstractmethod
    def make_networks(self) -> dict[str, nn.Module]:
        """Return the networks to train, by name."""

    @abstractmethod
    def infer(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return noise ``[B, z]`` and condition ``[B, y]``, not snapped, of images ``[B, C, H, W]``."""

    @torch.no_grad()
    def invert(self, x: Tensor) -> Tensor:
        """Codes ``[B, z + y]`` in eval mode."""
        self.encoders.eval()
        z, y = self.infer(x)
        return torch.cat([z, self.snapped(y)], 1)

    def snapped(self, y: Tensor) -> Tensor:
        """Return valid conditions ``[B, y]`` for the generator; see ``snap``."""
        if self.snap == "none":
            return y
        if self.snap == "row" or has_classes(self.prior):
            return self.prior.rows[self.prior.nearest(y)]
        return (y > 0.5).float()

    @property
    def noise(self) -> int:
        """Return the number of coordinates of z."""
        return self.prior.noise.dim

    def made(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return a batch of the GAN's images with their noise and conditions."""
        codes = self.prior.sample(self.batch, self.run.rng)
        with torch.no_grad():
            images = self.gan.decode(codes)
        return images, *self.prior.split(codes)

    def learn(self, what: str, networks: list[nn.Module], loss: Callable[[], Tensor]) -> None:
        """Minimise a loss for ``budget.fit_steps`` steps of Adam; other networks are not changed."""
        trained = nn.ModuleList(networks).train()
        optimizer = adam(trained.parameters(), self.learning_rate, (self.beta1, 0.999))
        for _ in self.run.loop(what, self.run.budget.fit_steps, {"networks": trained, "optimizer": optimizer}):
            value = loss()
            descend(optimizer, value)
            self.run.report(loss=value.detach())
        trained.eval()


@method("icgan")
@dataclass
class IcGAN(ConditionalInverter):
    """Encoders E_z and E_y of a conditional GAN (icgan, section 4.1; Table 2).

    E_z is trained on generated images, whose noise is known, and E_y on real ones. Optimizer and batch size are those
    of the authors' code. E_y and E_z have a loop of the budget's steps each, "sng" has one loop for both.

    Attributes:
        encoder: "ind", two networks; "sng", one with two outputs; "ind_cond", two networks, E_z with the output
            of E_y as a further input.
        y_from: training images of E_y, "real" or "generated" ones; "default" means real ones, but generated ones for
            "sng", as in the authors' code.
        shared: number of convolutions shared by the two outputs of "sng": 1 in the authors' code, 4 for all.
        width: filters of the first convolution.
        hidden: units of E_z's hidden layer.
        hidden_y: units of E_y's hidden layer.

    Example:
        >>> from methods.icgan import IcGAN
        >>> IcGAN(encoder="ind").trained_on, IcGAN(encoder="sng").trained_on
        ('generated codes, train images', 'generated codes')
    """

    trained_on: ClassVar[str] = "generated codes, train images"
    optimises: ClassVar[tuple[str, ...]] = ("code_mse", "latent_error")

    encoder: Literal["ind", "sng", "ind_cond"] = "ind"
    y_from: Literal["default", "real", "generated"] = "default"
    shared: int = 1
    width: int = 32
    hidden: int = 4096
    hidden_y: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.shared <= CONVOLUTIONS:
            raise ValueError(f"shared = {self.shared} must be 1 to {CONVOLUTIONS} convolutions")
        if min(self.width, self.hidden, self.hidden_y) < 1:
            raise ValueError(f"width, hidden and hidden_y = {self.width}, {self.hidden}, {self.hidden_y}: 1 or more")
        if not self.sees_real:
            vars(self)["trained_on"] = "generated codes"

    @property
    def sees_real(self) -> bool:
        """Return whether E_y is trained on real images."""
        return self.y_from == "real" or (self.y_from == "default" and self.encoder != "sng")

    def make_networks(self) -> dict[str, nn.Module]:
        """Return E_z and E_y; see ``encoder``."""
        shape, conditions = self.gan.image_shape, self.prior.conditions
        trunk = shared_convolutions(shape[0], self.shared, self.width) if self.encoder == "sng" else None
        joined = conditions if self.encoder == "ind_cond" else 0
        return {
            "z": ConvolutionalEncoder(
                shape, self.noise, hidden=self.hidden, width=self.width, conditions=joined, trunk=trunk
            ),
            "y": ConvolutionalEncoder(
                shape, conditions, hidden=self.hidden_y, width=self.width, conditions=0, trunk=trunk
            ),
        }

    def fit(self, data: FitData) -> None:
        """Minimise mean (z - E_z(G(z, y')))^2 and mean (y - E_y(x))^2 (icgan, equations 3 and 4).

        Raises:
            NotApplicable: the training images lack the labels or attributes of the GAN's conditions.
        """
        images = data.train.to(self.run.device)
        facts = told(self.prior, images) if self.sees_real else None
        e_z, e_y = self.encoders["z"], self.encoders["y"]
        if self.encoder == "sng":
            self.learn("fitting E_z and E_y", [e_z, e_y], lambda: self.joint_loss(images, facts))
            return
        self.learn("fitting E_y", [e_y], lambda: self.y_loss(images, facts))
        self.learn("fitting E_z", [e_z], self.z_loss)

    def infer(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See ``ConditionalInverter.infer``."""
        y: Tensor = self.encoders["y"](x)
        return self.encoders["z"](x, y if self.encoder == "ind_cond" else None), y

    def z_loss(self) -> Tensor:
        """Return the error of the noise on generated images."""
        x, z, _ = self.made()
        y = None
        if self.encoder == "ind_cond":
            with torch.no_grad():
                y = self.encoders["y"](x)
        return mse_loss(self.encoders["z"](x, y), z)

    def y_loss(self, images: Images, facts: Tensor | None) -> Tensor:
        """Return the error of the condition, on real images if ``facts`` are their conditions."""
        if facts is None:
            x, _, y = self.made()
        else:
            rows = images.draw(self.batch, self.run.rng)
            x, y = images.floats(rows), facts[rows]
        return mse_loss(self.encoders["y"](x), y)

    def joint_loss(self, images: Images, facts: Tensor | None) -> Tensor:
        """Return the sum of both errors, on one batch if E_y is trained on generated images."""
        x, z, y = self.made()
        noise = mse_loss(self.encoders["z"](x), z)
        return noise + (mse_loss(self.encoders["y"](x), y) if facts is None else self.y_loss(images, facts))


@method("dfi_attributes")
@dataclass
class DfiAttributes(ConditionalInverter):
    """Connection network for z and classifier for y, on a conditional GAN (recycling, appendix).

    The paper has a diagram only; losses are ours: mean (z - CN(D_f(G(z, y))))^2, and the cross-entropy of the
    classifier on generated images plus that on real ones. In the paper they also train the generator; here it is
    frozen. The classifier has the architecture of icgan's E_y.

    Attributes:
        depth: hidden layers of the connection network.
        width: units in each of them, a multiple of 32 from 128 on.
        filters: filters of the classifier's first convolution.

    Example:
        >>> from methods.icgan import DfiAttributes
        >>> DfiAttributes(width=100)
        Traceback (most recent call last):
            ...
        ValueError: width = 100 must be a multiple of 32 from 128 on, ...
    """

    trained_on: ClassVar[str] = "generated codes, train images"
    optimises: ClassVar[tuple[str, ...]] = ("code_mse", "latent_error")

    batch: int = 128
    learning_rate: float = 2e-4
    beta1: float = 0.5
    depth: int = 2
    width: int = 1024
    filters: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 128 or self.width % 32 or self.depth < 0 or self.filters < 1:
            raise ValueError(
                f"width = {self.width} must be a multiple of 32 from 128 on, depth = {self.depth} at least 0, "
                f"filters = {self.filters} at least 1"
            )

    def make_networks(self) -> dict[str, nn.Module]:
        """Return the connection network and the classifier.

        Raises:
            NotApplicable: the discriminator's last map depends on the condition.
        """
        self.view = FeaturePyramid(open_network("discriminator", self.gan, self.run.device))
        try:
            size = self.view.size(self.gan, self.run.device)
        except NotApplicable as reason:
            raise NotApplicable(f"dfi_attributes: {reason}; {DEEPEST}") from reason
        return {
            "z": make_connection(size, self.noise, depth=self.depth, width=self.width, norm="group", kind="paper"),
            "y": ConvolutionalEncoder(self.gan.image_shape, self.prior.conditions, 512, self.filters),
        }

    def fit(self, data: FitData) -> None:
        """Minimise the three terms together for ``budget.fit_steps`` steps.

        Raises:
            NotApplicable: the training images lack the labels or attributes of the GAN's conditions.
        """
        images = data.train.to(self.run.device)
        facts = told(self.prior, images)
        self.learn("fitting", list(self.encoders.values()), lambda: self.loss(images, facts))

    def loss(self, images: Images, facts: Tensor) -> Tensor:
        """Return the loss of one step, a scalar."""
        x, z, y = self.made()
        rows = images.draw(self.batch, self.run.rng)
        classify = self.encoders["y"]
        return (
            mse_loss(self.encoders["z"](self.view(x)), z)
            + binary_cross_entropy_with_logits(classify(x), y)
            + binary_cross_entropy_with_logits(classify(images.floats(rows)), facts[rows])
        )

    def infer(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See ``ConditionalInverter.infer``; conditions are probabilities."""
        return self.encoders["z"](self.view(x)), self.encoders["y"](x).sigmoid()


def has_classes(prior: ConditionPrior) -> bool:
    """Return whether every condition of the prior is a one-hot class."""
    return bool(((prior.rows == 0) | (prior.rows == 1)).all()) and bool((prior.rows.sum(1) == 1).all())


def told(prior: ConditionPrior, images: Images) -> Tensor:
    """Return conditions ``[N, y]`` float32 of images, coded as a prior's: one-hot labels, or attributes as 0 and 1.

    Raises:
        NotApplicable: the images have neither labels nor attributes of this coding.
    """
    count = prior.conditions
    if images.labels is not None and has_classes(prior) and int(images.labels.max()) < count:
        return one_hot(images.labels, count).float()
    if images.attributes is not None and images.attributes.shape[1] == count:
        return images.attributes.float()
    raise NotApplicable(
        f"the GAN's conditions are {count} {'classes' if has_classes(prior) else 'attributes'}, "
        "and the training images have no labels or attributes that fit"
    )
