"""Acyclic inference on a frozen GAN: an encoder, or a connection network on a frozen network's features.

Two choices give four methods: the trained network (a whole encoder, or only the connection network) and its loss
(the error of the code on generated images, or the error of the image on real ones).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from bench.core.errors import NotApplicable, unknown
from bench.core.registry import method
from bench.core.run_context import Stateful
from bench.core.types import FitData, Images, Inverter
from bench.gans.connection import Kind, Norm, make_connection
from bench.gans.features import (
    FeaturePyramid,
    Last,
    LayeredNetwork,
    Network,
    check_layers,
    open_network,
    with_batch_statistics,
)
from bench.gans.networks import ConnectionNetwork, Discriminator, fresh_copy
from bench.gans.optimizers import adam

PLACES = {"early": (1, 0), "middle": (2, -1), "late": (4, -1)}
"""Names for layers: divisor of the image's side, and index among the layers of that side."""


@dataclass
class Acyclic(Inverter):
    """Base class of the four methods: options, the training loop and inference.

    Attributes:
        depth: hidden layers of the connection network.
        width: units in each of them, a multiple of 32 from 128 on.
        batch: images in a step; this, Adam and the Xavier initial weights are those of the recycling authors' code.
        learning_rate: Adam's; its betas are (.5, .999).
        norm: normalisation of the connection network: "group" (dfi) or "batch" (recycling).
        cn: "paper", or "author": the three hidden layers of the recycling author's code, the first without norm.
    """

    depth: int = 2
    width: int = 1024
    batch: int = 128
    learning_rate: float = 2e-4
    norm: Norm = "group"
    cn: Kind = "paper"

    def __post_init__(self) -> None:
        if self.width < 128 or self.width % 32:  # normalized pairs are +-1: only signs remain
            raise ValueError(f"width = {self.width} must be a multiple of 32 (groups to normalize) from 128 on")
        if self.depth < 0 or self.batch < 2:
            raise ValueError(f"depth = {self.depth} and batch = {self.batch} must be at least 0 and 2")
        if self.cn == "author" and (self.depth, self.norm) != (2, "group"):
            raise ValueError("cn = 'author' has a depth and norms of its own; leave out depth and norm")

    def build(self) -> None:
        """Create the network to train, with weights from the run's seed."""
        self.run.reseed()
        self.network = self.make_network().to(self.run.device).to(memory_format=torch.channels_last)

    def fit(self, data: FitData) -> None:
        """Minimise the method's loss for ``budget.fit_steps`` steps; the GAN is not changed."""
        images = data.train.to(self.run.device)
        optimizer = adam(self.network.parameters(), self.learning_rate, (0.5, 0.999))
        state: dict[str, Stateful] = {"network": self.network, "optimizer": optimizer}
        self.network.train()
        for _ in self.run.loop("fitting", self.run.budget.fit_steps, state):
            loss = self.loss(images)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            self.run.report(loss=loss.detach())

    @torch.no_grad()
    def invert(self, x: Tensor) -> Tensor:
        """Codes ``[B, d]``, unbounded, in eval mode."""
        self.network.eval()
        return self.encode(x)

    def connection(self, features: int) -> ConnectionNetwork:
        """Return a new connection network from ``[B, features]`` to codes."""
        return make_connection(
            features, self.gan.code_dim, depth=self.depth, width=self.width, norm=self.norm, kind=self.cn
        )

    def encode_rows(self, images: Images, rows: Tensor, x: Tensor) -> Tensor:
        """Return codes ``[B, d]`` of training images ``x``, which are these rows; see ``encode``."""
        return self.encode(x)

    @abstractmethod
    def make_network(self) -> nn.Module:
        """Return the network to train."""

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Return codes ``[B, d]`` of images ``[B, C, H, W]``, with gradients for the trained network."""

    @abstractmethod
    def loss(self, images: Images) -> Tensor:
        """Return the loss of one step, a scalar."""


class WholeEncoder(Acyclic):
    """An encoder with the discriminator's architecture and new weights, and a connection network on top."""

    def make_network(self) -> nn.Module:
        """Return the network from images to codes."""
        discriminator = self.gan.discriminator
        if not isinstance(discriminator, Discriminator):
            raise NotApplicable("an encoder copies the discriminator's trunk, and this GAN's discriminator has none")
        size = FeaturePyramid(discriminator).size(self.gan, self.run.device)
        connection = self.connection(size)
        return nn.Sequential(fresh_copy(discriminator.trunk), nn.Flatten(), connection)

    def encode(self, x: Tensor) -> Tensor:
        """See ``Acyclic.encode``."""
        codes: Tensor = self.network(x)
        return codes


@dataclass
class FrozenFeatures(Acyclic):
    """A connection network on the features of a frozen network, by default the GAN's own discriminator.

    Attributes:
        features: the discriminator, or one of torchvision's ImageNet classifiers (dfi, section 4.6): VGG-16 up to its
            last pooled map, or a ResNet up to the map before its global average pooling.
        last: the last map "flatten"ed, or its mean over pixels ("gap"; ours).
        gap: layers whose means over pixels are appended (dfi, Table 4); by name, or "early", "middle", "late"
            for the first with the image's side, the last with half and the last with a quarter of it.
        pool: R of the R x R means of ``pool_layer`` that are appended (dfi, Table 5); 0 for none.
        pool_layer: layer of these means, named as in ``gap``.
        df_bn: statistics of the discriminator's batch norms while fitting: "running", those of its training, or
            "batch", those of each batch, as in the recycling author's code. Inversion always uses "running".
    """

    features: Network = "discriminator"
    last: Last = "flatten"
    gap: tuple[str, ...] = ()
    pool: int = 0
    pool_layer: str = ""
    df_bn: Literal["running", "batch"] = "running"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pool < 0 or bool(self.pool) != bool(self.pool_layer):
            raise ValueError(
                f"pool = {self.pool} and pool_layer = '{self.pool_layer}' must be set together: a side of 1 or more, "
                "and a layer"
            )
        if self.df_bn == "batch" and self.features != "discriminator":
            raise ValueError("df_bn = 'batch' requires features = 'discriminator'")

    def make_network(self) -> nn.Module:
        """Return the network from features to codes."""
        backbone = open_network(self.features, self.gan, self.run.device)
        side = self.gan.image_shape[1]
        gap, pooled = (
            tuple(placed(backbone, name, side) for name in self.gap),
            placed(backbone, self.pool_layer, side),
        )
        check_layers(self.features, backbone, (*gap, *filter(None, [pooled])))
        self.view = self.fitting_view = FeaturePyramid(
            backbone, self.last, gap=gap, pool=self.pool, pool_layer=pooled
        )
        if self.df_bn == "batch":
            self.fitting_view = replace(self.view, network=with_batch_statistics(backbone))
        return self.connection(self.view.size(self.gan, self.run.device))

    def encode(self, x: Tensor) -> Tensor:
        """See ``Acyclic.encode``."""
        features = self.fitting_view(x) if self.network.training else self.view(x)
        codes: Tensor = self.network(features)
        return codes


def placed(backbone: LayeredNetwork, name: str, side: int) -> str:
    """Return the layer meant by "early", "middle" or "late" for images of a side; other names are returned unchanged.

    Raises:
        UnknownName: there is no layer of that side; the message lists the layers.
    """
    if name not in PLACES:
        return name
    share, which = PLACES[name]
    wanted = f"actv{side // share}"
    found = [layer for layer in backbone.layers if layer.partition("-")[0] == wanted]
    if not found:
        raise unknown("layer", f"{wanted} ({name})", backbone.layers)
    return found[which]


class LatentLoss(Acyclic):
    """The loss on generated images, whose codes are known: mean (z - E(G(z)))^2."""

    trained_on: ClassVar[str] = "generated codes"
    optimises: ClassVar[tuple[str, ...]] = ("code_mse",)

    def loss(self, images: Images) -> Tensor:
        """See ``Acyclic.loss``; real images are not used."""
        codes = self.gan.prior.sample(self.batch, self.run.rng)
        with torch.no_grad():
            made = self.gan.decode(codes)
        return mse_loss(self.encode(made), codes)


class ImageLoss(Acyclic):
    """The loss on training images: mean (x - G(E(x)))^2."""

    trained_on: ClassVar[str] = "train images"
    optimises: ClassVar[tuple[str, ...]] = ("mse", "psnr")

    def loss(self, images: Images) -> Tensor:
        """See ``Acyclic.loss``."""
        rows = images.draw(self.batch, self.run.rng)
        x = images.floats(rows)
        return mse_loss(self.gan.decode(self.encode_rows(images, rows, x)), x)


@method("enc_image")
@dataclass
class EncImage(WholeEncoder, ImageLoss):
    """Encoder trained on real images with the image loss (dfi, ENC_image; with +opt, iGAN).

    Example:
        >>> from methods.acyclic import EncImage, EncLatent
        >>> EncImage().trained_on, EncLatent().trained_on
        ('train images', 'generated codes')
    """


@method("enc_latent")
@dataclass
class EncLatent(WholeEncoder, LatentLoss):
    """Encoder trained on generated images with the latent loss (dfi, ENC_latent).

    Example:
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget
        >>> from bench.gans.dcgan import DCGAN
        >>> from methods.acyclic import EncLatent
        >>> method = EncLatent(width=128)
        >>> method.gan = DCGAN(code_dim=3, width=4).build((1, 28, 28), "cpu").freeze()
        >>> method.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 0, 0, timeout=60.0), seed=1)
        >>> method.build()
        >>> [type(part).__name__ for part in method.network]  # new weights throughout
        ['Trunk', 'Flatten', 'ConnectionNetwork']
    """


@method("dfi")
@dataclass
class Dfi(FrozenFeatures, LatentLoss):
    """Connection network on discriminator features with the latent loss (dfi, DFI; recycling, CN).

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget
        >>> from bench.gans.dcgan import DCGAN
        >>> from methods.acyclic import Dfi
        >>> method, x = Dfi(width=128, gap=("actv14",)), torch.zeros(2, 1, 28, 28)
        >>> method.gan = DCGAN(code_dim=3, width=4).build((1, 28, 28), "cpu").freeze()
        >>> method.run = RunContext(Budget("tiny", 0, 0, 0, 0, 0, 0, 0, timeout=60.0), seed=1)
        >>> method.build()
        >>> method.view(x).shape, method.invert(x).shape  # 16 maps of 4 x 4 pixels, and the means of 4 maps
        (torch.Size([2, 260]), torch.Size([2, 3]))
    """


@method("dfi_image")
@dataclass
class DfiImage(FrozenFeatures, ImageLoss):
    """Connection network on discriminator features with the image loss (dfi, DFI_image).

    The features of training images are computed once if those of all images fit in memory.

    Example:
        >>> import torch
        >>> from bench.core.run_context import RunContext
        >>> from bench.core.types import Budget, FitData, Images
        >>> from bench.gans.dcgan import DCGAN
        >>> from methods.acyclic import DfiImage
        >>> method, black = DfiImage(width=128, batch=4), Images(torch.zeros(8, 1, 28, 28, dtype=torch.uint8))
        >>> method.gan = DCGAN(code_dim=3, width=4).build((1, 28, 28), "cpu").freeze()
        >>> method.run = RunContext(Budget("tiny", 0, 0, 0, 0, 1, 0, 0, timeout=60.0), seed=1)
        >>> method.build()
        >>> method.fit(FitData("black", black, black))
        >>> method.invert(black.floats(slice(0, 2))).shape
        torch.Size([2, 3])
    """

    _known: Tensor | None = field(default=None, init=False, repr=False)

    def fit(self, data: FitData) -> None:
        """See ``Acyclic.fit``; the features of training images are kept until the end."""
        if self.df_bn == "running":  # otherwise they depend on the batch
            draws = self.run.budget.fit_steps * self.batch
            self._known = self.view.table(data.train.to(self.run.device), self.batch, draws)
        try:
            super().fit(data)
        finally:
            self._known = None

    def encode_rows(self, images: Images, rows: Tensor, x: Tensor) -> Tensor:
        """See ``Acyclic.encode_rows``."""
        if self._known is None:
            return self.encode(x)
        codes: Tensor = self.network(self._known[rows])
        return codes
