"""StyleGAN (Karras et al. 2018) at fixed resolution: a mapping from z to w, and a synthesis controlled by styles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from bench.core.registry import gan
from bench.core.types import Gan, Shape
from bench.gans.latent_spaces import FittedNormal, LatentSpaceView
from bench.gans.networks import Discriminator, Trunk, channels_last, check_shape
from bench.gans.priors import PriorName, make_prior
from bench.gans.recipe import GanConfig
from bench.gans.regularizers.gradients import ZeroCentred
from bench.gans.style_layers import Blur, EqualConv2d, EqualLinear, MinibatchDeviation, PixelNorm, StyleLayer

SIDES = (32, 64, 128)
MAPPING_LAYERS = 8
FITTED_CODES = 10_000
"""Mapped codes to which the prior of w is fitted."""


@dataclass
class StyleTraining(GanConfig):
    """Training options of all recipes on StyleGAN's networks: R1, and Adam without a first moment.

    Attributes:
        width: channels of maps up to 32 pixels; half as many at 64, a quarter at 128.
        gamma: weight of the gradient penalty on real images; half of it multiplies the squared norm.
    """

    code_dim: int = 512
    learning_rate: float = 1.5e-3
    beta1: float = 0.0
    beta2: float = 0.99
    batch: int = 32
    width: int = 512
    gamma: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 4:
            raise ValueError(f"width = {self.width} must be at least 4 (a quarter of it is left at 128 pixels)")

    def regularizer(self) -> ZeroCentred:
        """Return R1, the penalty on real images."""
        return ZeroCentred(self.gamma)


@gan("stylegan")
@dataclass
class StyleGAN(StyleTraining):
    """StyleGAN with logistic loss and R1, not grown progressively; 32, 64 and 128 pixels, grey or colour.

    The networks are the paper's at one fixed resolution, with blur, noise and minibatch deviation, without style
    mixing and truncation. The output is a tanh (ours), because images here are bounded. The spaces of codes are "z",
    "w", one style for all layers, and "w+", one for each (12 at 128 pixels); see ``Gan.view``.

    The discriminator's layers are named by their side; "last" is its 4 x 4 map. The minibatch deviation and the
    last 3x3 convolution come after it, so that the features of an image never depend on other images of the batch.

    Example:
        >>> import torch
        >>> from bench.gans.stylegan import StyleGAN
        >>> gan = StyleGAN(code_dim=8, width=8).build((3, 32, 32), "cpu").freeze()
        >>> gan.decode(torch.zeros(2, 8)).shape
        torch.Size([2, 3, 32, 32])
        >>> [gan.view(space).code_dim for space in ("z", "w", "w+")]  # eight layers at 32 pixels
        [8, 8, 64]
    """

    prior: PriorName = "normal"
    ema: float = 0.999

    def build(self, image_shape: Shape, device: str) -> Gan:
        """Untrained networks; see ``GanConfig.build``."""
        check_shape(self.registered_name, image_shape, SIDES)
        generator = StyleGenerator(image_shape, self.code_dim, self.width)
        discriminator = make_discriminator(image_shape, self.width)
        prior = make_prior(self.prior, self.code_dim)
        return channels_last(
            Gan(generator, discriminator, prior=prior, image_shape=image_shape, provenance=self.provenance()).to(
                device
            )
        )


class StyleGenerator(nn.Module):
    """Codes z ``[B, d]`` to images ``[B, C, H, W]`` in [-1, 1], through styles w ``[B, d]``.

    Args:
        image_shape: channels, height, width.
        code_dim: d, of z and of w.
        width: channels of maps up to 32 pixels.
    """

    spaces = ("w", "w+")

    def __init__(self, image_shape: Shape, code_dim: int, width: int) -> None:
        super().__init__()
        self.mapping = make_mapping(code_dim)
        self.constant = nn.Parameter(torch.ones(1, channels(4, width), 4, 4))
        self.layers = nn.ModuleList([StyleLayer(None, channels(4, width), 4, code_dim)])
        side, before = 4, channels(4, width)
        self.layers.append(StyleLayer(before, before, side, code_dim))
        while side < image_shape[1]:
            side *= 2
            after = channels(side, width)
            self.layers.append(StyleLayer(before, after, side, code_dim, upsample=True))
            self.layers.append(StyleLayer(after, after, side, code_dim))
            before = after
        self.to_image = EqualConv2d(before, image_shape[0], kernel=1, gain=1.0)

    def forward(self, z: Tensor) -> Tensor:
        """Return images of codes z; all layers have the same style."""
        return self.synthesise(self.mapping(z)[:, None])

    def synthesise(self, styles: Tensor) -> Tensor:
        """Images of styles ``[B, L, d]``, one a layer, or ``[B, 1, d]``, one for all."""
        each = styles.expand(-1, len(self.layers), -1).unbind(1)
        x = self.constant.expand(len(styles), -1, -1, -1)
        for layer, w in zip(self.layers, each, strict=True):
            x = layer(x, w)
        return torch.tanh(self.to_image(x))

    @torch.no_grad()
    def view(self, gan: Gan, space: str) -> LatentSpaceView:
        """Return the GAN with flat codes w ``[B, d]`` or w+ ``[B, L * d]``, and a prior fitted to fixed codes.

        The prior is fitted to the current weights; create a new view after they change.
        """
        generator = Styled(self, 1 if space == "w" else len(self.layers)).train(self.training)
        z = gan.prior.sample(FITTED_CODES, torch.Generator().manual_seed(0)).to(self.constant.device)
        w = self.mapping(z)
        prior = FittedNormal(w.mean(0).repeat(generator.styles), w.std(0).repeat(generator.styles))
        return LatentSpaceView(gan, generator, prior)


class Styled(nn.Module):
    """The synthesis of a style generator as a generator of its own.

    Args:
        network: the whole generator.
        styles: number of styles in a code: 1 (w), or the number of layers (w+).
    """

    def __init__(self, network: StyleGenerator, styles: int) -> None:
        super().__init__()
        self.network, self.styles = network, styles

    def forward(self, codes: Tensor) -> Tensor:
        """Images of flat codes ``[B, styles * d]``."""
        return self.network.synthesise(codes.unflatten(1, (self.styles, -1)))

    def translate(self, z: Tensor) -> Tensor:
        """Flat codes of codes z."""
        return cast(Tensor, self.network.mapping(z)).repeat(1, self.styles)


def channels(side: int, width: int) -> int:
    """Channels of a map of this side, in both networks."""
    return min(width, 32 * width // side)


def make_mapping(code_dim: int) -> nn.Sequential:
    """From z to w: pixel norm, then eight FC with LReLU at a hundredth of the learning rate."""
    layers: list[nn.Module] = [PixelNorm()]
    for _ in range(MAPPING_LAYERS):
        layers += [EqualLinear(code_dim, code_dim, multiplier=0.01), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


def make_discriminator(image_shape: Shape, width: int) -> Discriminator:
    """Images to logits: a 3x3 convolution a side, and one that blurs, then halves it; LReLU throughout.

    From the 4 x 4 map: minibatch deviation, a 3x3 convolution, two FC.
    """
    side = image_shape[1]
    before = channels(side, width)
    first = [EqualConv2d(image_shape[0], before, kernel=1), nn.LeakyReLU(0.2)]
    stages: dict[str, nn.Module] = {}
    while side > 4:
        stages[f"actv{side}"] = nn.Sequential(*first, EqualConv2d(before, before), nn.LeakyReLU(0.2))
        side //= 2
        after = channels(side, width)
        first = [Blur(), EqualConv2d(before, after), nn.AvgPool2d(2), nn.LeakyReLU(0.2)]
        before = after
    stages["actv4"] = nn.Sequential(*first)
    head = [nn.Unflatten(1, (before, 4, 4)), MinibatchDeviation(), EqualConv2d(before + 1, before), nn.LeakyReLU(0.2)]
    head += [nn.Flatten(), EqualLinear(16 * before, before), nn.LeakyReLU(0.2), EqualLinear(before, 1, gain=1.0)]
    return Discriminator(Trunk(stages), nn.Sequential(*head))
