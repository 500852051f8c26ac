"""Networks of joint models: encoder, discriminator of pairs, discriminator that encodes, generator with codes w."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from bench.core.errors import NotApplicable
from bench.core.types import Gan
from bench.gans.latent_spaces import FittedNormal, LatentSpaceView
from bench.gans.networks import Discriminator, Trunk
from bench.gans.stylegan import FITTED_CODES, StyleGenerator

DROPOUT = 0.2


class Encoder(nn.Module):
    """Images ``[B, C, H, W]`` to a normal distribution of codes with independent coordinates, or to one code.

    Args:
        trunk: computes the last map of an image.
        features: F, the number of values in that map.
        code_dim: numbers in a code.
        gaussian: whether the encoder has a variance.
    """

    code_space: ClassVar[str] = "z"

    def __init__(self, trunk: Trunk, features: int, code_dim: int, gaussian: bool = True) -> None:
        super().__init__()
        self.trunk = trunk
        self.mean = nn.Linear(features, code_dim)
        self.log_variance = nn.Linear(features, code_dim) if gaussian else None

    def distribution(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Means ``[B, code_dim]`` and log variances of the same shape, float32; None without a variance."""
        last = self.trunk(x).flatten(1)
        log_variance = None if self.log_variance is None else self.log_variance(last).float()
        return self.mean(last).float(), log_variance

    def forward(self, x: Tensor) -> Tensor:
        """Return the means, the codes of images without randomness."""
        return self.distribution(x)[0]


def draw(mean: Tensor, log_variance: Tensor | None, rng: torch.Generator) -> Tensor:
    """Sample codes ``[B, d]``, differentiable in both arguments; without a variance, return the means."""
    if log_variance is None:
        return mean
    noise = torch.randn(mean.shape, generator=rng, device=mean.device)
    return mean + (0.5 * log_variance).exp() * noise


class PairDiscriminator(Discriminator):
    """Images with codes to logits ``[B]``, positive for an image with the code inferred from it.

    FC-FC on the code, concatenated with the image's last map, then FC-FC-FC; LReLU and dropout after all but the last
    (Dumoulin et al. 2017, appendix A).

    Args:
        trunk: from images to the last map.
        features: F, the number of values in that map.
        code_dim: numbers in a code.
        width: units of the code's two layers; the two joint ones have twice as many.
    """

    def __init__(self, trunk: Trunk, features: int, code_dim: int, width: int) -> None:
        joint = [*_hidden(features + width, 2 * width), *_hidden(2 * width, 2 * width), nn.Linear(2 * width, 1)]
        super().__init__(trunk, nn.Sequential(*joint))
        self.code_branch = nn.Sequential(*_hidden(code_dim, width), *_hidden(width, width))

    def logits(self, last: Tensor, codes: Tensor | None = None) -> Tensor:
        """Logits ``[B]`` float32 from the last map and codes ``[B, d]``.

        Raises:
            NotApplicable: no codes; the logit of an image alone is undefined.
        """
        if codes is None:
            raise NotApplicable("this GAN's discriminator classifies pairs of an image and a code, not images alone")
        logits: Tensor = self.head(torch.cat([last.flatten(1), self.code_branch(codes)], 1))
        return logits.squeeze(1).float()

    def forward(self, x: Tensor, codes: Tensor | None = None) -> Tensor:
        """Logits ``[B]`` float32 of images with codes; see ``logits``."""
        return self.logits(self.trunk(x), codes)


def _hidden(before: int, after: int) -> list[nn.Module]:
    return [nn.Linear(before, after), nn.LeakyReLU(0.2), nn.Dropout(DROPOUT)]


class InvertibleDiscriminator(Discriminator):
    """A discriminator with a second head that infers the w of an image (invgan, Figure 1).

    Args:
        trunk: shared by both heads.
        head: from the flattened last map to a logit.
        code_head: from the flattened last map to w.
    """

    code_space: ClassVar[str] = "w"

    def __init__(self, trunk: Trunk, head: nn.Module, code_head: nn.Module) -> None:
        super().__init__(trunk, head)
        self.code_head = code_head

    def both(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits ``[B]``, codes w ``[B, d]`` and the flattened last map ``[B, F]``, all float32."""
        last = self.trunk(x).flatten(1)
        return self.logits(last), self.code_head(last).float(), last.float()

    def encode(self, x: Tensor) -> Tensor:
        """Codes w ``[B, d]`` float32 of images."""
        return self.both(x)[1]


class MappedGenerator(nn.Module):
    """Codes z ``[B, d]`` to images through w ``[B, d]``; either can be the input.

    Args:
        mapping: from z to w.
        synthesis: from w to images in [-1, 1].
    """

    spaces: ClassVar[tuple[str, ...]] = ("w",)

    def __init__(self, mapping: nn.Module, synthesis: nn.Module) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis

    def from_w(self, w: Tensor) -> Tensor:
        """Images of codes w."""
        images: Tensor = self.synthesis(w)
        return images

    def forward(self, z: Tensor) -> Tensor:
        """Images of codes z."""
        return self.from_w(self.mapping(z))

    @torch.no_grad()
    def view(self, gan: Gan, space: str) -> LatentSpaceView:
        """The GAN with codes w, whose prior is fitted to codes of a fixed seed; see ``StyleGenerator.view``."""
        device = next(self.parameters()).device
        w = self.mapping(gan.prior.sample(FITTED_CODES, torch.Generator().manual_seed(0)).to(device))
        return LatentSpaceView(gan, MappedCodes(self).train(self.training), FittedNormal(w.mean(0), w.std(0)))


class MappedCodes(nn.Module):
    """The synthesis part of a mapped generator: codes w to images."""

    def __init__(self, network: MappedGenerator) -> None:
        super().__init__()
        self.network = network

    def forward(self, w: Tensor) -> Tensor:
        """Images of codes w."""
        return self.network.from_w(w)

    def translate(self, z: Tensor) -> Tensor:
        """Codes w of codes z."""
        w: Tensor = self.network.mapping(z)
        return w


class MappedStyleGenerator(StyleGenerator):
    """StyleGAN's generator with one w for all layers as an input."""

    def from_w(self, w: Tensor) -> Tensor:
        """Images of codes w ``[B, d]``."""
        return self.synthesise(w[:, None])


def make_mapping(code_dim: int) -> nn.Sequential:
    """From z to w: FC, LReLU, FC, so that w is unbounded (ours; the paper does not describe the small models')."""
    return nn.Sequential(nn.Linear(code_dim, code_dim), nn.LeakyReLU(0.2), nn.Linear(code_dim, code_dim))
