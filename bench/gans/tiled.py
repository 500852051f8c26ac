"""A GAN of patches that generates larger images tile by tile (invgan, section 4.3); a code is its tiles' codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Generator, Tensor, nn

from bench.core.errors import NotApplicable
from bench.core.options import build as build_options
from bench.core.registry import gan
from bench.core.run_context import RunContext
from bench.core.types import Gan, Images, Prior, Shape
from bench.gans.biggan import SmallBigGAN
from bench.gans.dcgan import DCGAN
from bench.gans.invgan import InvGAN, InvGANBigGAN, InvGANStyleGAN
from bench.gans.latent_spaces import LatentSpaceView
from bench.gans.monitor import TrainingMonitor
from bench.gans.recipe import GanConfig
from bench.gans.tiling import Tiling
from bench.gans.vae import VAE

PATCH_RECIPES: dict[str, type[GanConfig]] = {
    "dcgan": DCGAN,
    "biggan-small": SmallBigGAN,
    "vae": VAE,
    "invgan": InvGAN,
    "invgan-biggan": InvGANBigGAN,
    "invgan-stylegan": InvGANStyleGAN,
}
"""Recipes that can be tiled; imported here, so that their code is part of the keys of a tiled GAN."""


class TiledGan(Gan):
    """A GAN whose images are grids of another GAN's images.

    Args:
        patches: GAN of one tile; its networks are shared, not copied.
        tiling: the grid.
    """

    def __init__(self, patches: Gan, tiling: Tiling) -> None:
        discriminator = None if patches.discriminator is None else TiledDiscriminator(patches.discriminator, tiling)
        encoder = None if patches.encoder is None else TiledEncoder(patches.encoder, tiling)
        generator, prior = TiledGenerator(patches.generator, tiling), TiledPrior(patches.prior, tiling.count)
        super().__init__(
            generator,
            discriminator,
            prior=prior,
            image_shape=tiling.image,
            provenance=patches.provenance,
            encoder=encoder,
        )
        self.patches, self.tiling = patches, tiling

    def view(self, space: str) -> Gan:
        """Return the tiled GAN with its tiles' codes of the space; see ``Gan.view``."""
        return self if space == "z" else TiledView(self, self.patches.view(space))

    def checksum(self) -> str:
        """Return the checksum of the GAN of patches."""
        return self.patches.checksum()


class TiledView(LatentSpaceView):
    """A tiled GAN in another space of its tiles' codes.

    Args:
        source: the tiled GAN with codes z.
        patches: its GAN of patches with codes of the other space.
    """

    def __init__(self, source: TiledGan, patches: Gan) -> None:
        self.patches, self.tiling = patches, source.tiling
        prior = TiledPrior(patches.prior, self.tiling.count)
        super().__init__(source, TiledGenerator(patches.generator, self.tiling), prior)

    def translate(self, z: Tensor) -> Tensor:
        """Return codes ``[B, T·d]`` of the images that the source generates from codes ``z``."""
        return self.patches.translate(z.view(len(z) * self.tiling.count, -1)).reshape(len(z), -1)


class TiledGenerator(nn.Module):
    """Codes ``[B, T·d]`` to images, d numbers a tile."""

    def __init__(self, generator: nn.Module, tiling: Tiling) -> None:
        super().__init__()
        self.generator, self.tiling = generator, tiling

    def forward(self, codes: Tensor) -> Tensor:
        """Images ``[B, C, H, W]``."""
        return self.tiling.join(self.generator(codes.reshape(len(codes) * self.tiling.count, -1)))


class TiledEncoder(nn.Module):
    """Images to codes ``[B, T·d]``, each tile encoded alone."""

    def __init__(self, encoder: nn.Module, tiling: Tiling) -> None:
        super().__init__()
        self.encoder, self.tiling = encoder, tiling
        self.code_space = getattr(encoder, "code_space", "z")

    def forward(self, x: Tensor) -> Tensor:
        """Codes of images ``[B, C, H, W]``."""
        codes: Tensor = self.encoder(self.tiling.cut(x))
        return codes.reshape(len(x), -1)


class TiledDiscriminator(nn.Module):
    """A discriminator applied to each tile: activation maps are joined as the tiles are.

    It has ``encode`` if the discriminator has.
    """

    def __init__(self, discriminator: nn.Module, tiling: Tiling) -> None:
        super().__init__()
        self.discriminator, self.tiling = discriminator, tiling
        self.layers: tuple[str, ...] = discriminator.layers  # type: ignore[assignment]
        if hasattr(discriminator, "encode"):
            self.encode = self._encode
            self.code_space = getattr(discriminator, "code_space", "z")

    def features(self, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Maps ``[B, c, h, w]`` of the named layers."""
        maps: list[Tensor] = self.discriminator.features(self.tiling.cut(x), layers)  # type: ignore[operator]
        return [self.tiling.join(each if each.dim() == 4 else each[:, :, None, None]) for each in maps]

    def forward(self, x: Tensor) -> Tensor:
        """Mean logit ``[B]`` of the tiles."""
        logits: Tensor = self.discriminator(self.tiling.cut(x))
        return logits.view(len(x), -1).mean(1)

    def _encode(self, x: Tensor) -> Tensor:
        codes: Tensor = self.discriminator.encode(self.tiling.cut(x))  # type: ignore[operator]
        return codes.reshape(len(x), -1)


class TiledPrior(Prior):
    """Independent codes of T tiles, one after the other.

    Args:
        patches: prior of the code of a tile.
        count: T.
    """

    def __init__(self, patches: Prior, count: int) -> None:
        self.name = patches.name  # type: ignore[misc]
        self.patches, self.count, self.dim = patches, count, patches.dim * count

    def _each(self, codes: Tensor) -> Tensor:
        return codes.reshape(len(codes) * self.count, -1)

    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw ``[count, T·d]`` codes."""
        return self.patches.sample(count * self.count, rng).view(count, -1)

    def from_uniform(self, u: Tensor) -> Tensor:
        """Map numbers in (0, 1) to codes, tile by tile."""
        return self.patches.from_uniform(self._each(u)).view(len(u), -1)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density ``[B]`` in nats: the sum over tiles."""
        return self.patches.log_prob(self._each(z)).view(len(z), -1).sum(1)

    def project(self, z: Tensor) -> Tensor:
        """Return the nearest code of every tile."""
        return self.patches.project(self._each(z)).view(len(z), -1)

    def state(self) -> dict[str, Tensor]:
        """Return the state of the prior of a tile."""
        return self.patches.state()

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """See ``Prior.load_state``."""
        self.patches.load_state(state)


@gan("tiled")
@dataclass
class Tiled(GanConfig):
    """A GAN of patches, trained on random patches of the images, that generates whole images tile by tile (invgan).

    Sides are those of a tile times ``rows`` and ``columns``: 2 x 2 tiles of 32 pixels for images of 64. Networks and
    training are configured in ``options``, which are those of the recipe of the patches.

    Attributes:
        of: recipe of the GAN of patches.
        options: its options, a table.
        rows: tiles from top to bottom.
        columns: tiles from left to right.
        patches: number of random patches for its training, drawn once.

    Example:
        >>> import torch
        >>> from bench.gans.tiled import Tiled
        >>> gan = Tiled(of="dcgan", options={"code_dim": 3, "width": 4}).build((1, 64, 64), "cpu").freeze()
        >>> z = torch.zeros(2, gan.code_dim)  # four tiles of three numbers
        >>> z[1, 9:] = 1.0  # another code for the last tile
        >>> first, second = gan.decode(z)
        >>> torch.allclose(first[:, :32], second[:, :32], atol=1e-5), torch.allclose(first, second, atol=1e-5)
        (True, False)
    """

    of: str = "invgan-biggan"
    options: Any = field(default_factory=dict, metadata={"options of": ("gan", "of")})
    rows: int = 2
    columns: int = 2
    patches: int = 50_000

    def __post_init__(self) -> None:
        for each in fields(GanConfig):
            if getattr(self, each.name) != each.default:
                raise ValueError(f"{each.name} belongs to the GAN of patches; write options = {{{each.name} = ...}}")
        if self.of not in PATCH_RECIPES:
            raise ValueError(f"of = {self.of!r}: expected one of {', '.join(PATCH_RECIPES)}")
        if min(self.rows, self.columns, self.patches) < 1:
            raise ValueError(f"rows, columns, patches = {self.rows}, {self.columns}, {self.patches}: 1 or more")
        if not isinstance(self.options, dict):
            raise ValueError(f"options = {self.options!r}: expected a table of options of {self.of}")
        self._inner: GanConfig = build_options(PATCH_RECIPES[self.of], f"gan '{self.of}'", self.options)

    def tile(self, image_shape: Shape) -> Shape:
        """Return channels, height and width of a tile.

        Raises:
            NotApplicable: the image cannot be divided into such tiles.
        """
        channels, height, width = image_shape
        if height % self.rows or width % self.columns:
            raise NotApplicable(f"{height}x{width} images cannot be cut into {self.rows} x {self.columns} tiles")
        return channels, height // self.rows, width // self.columns

    def build(self, image_shape: Shape, device: str) -> Gan:
        """Untrained networks; see ``GanConfig.build``."""
        inner = self._inner.build(self.tile(image_shape), device)
        tiled = TiledGan(inner, Tiling(inner.image_shape, self.rows, self.columns))
        tiled.provenance = self.provenance()
        return tiled

    def train(self, gan: Gan, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        """Train the GAN of patches; the sample grid shows patches, and quality is not scored."""
        assert isinstance(gan, TiledGan)
        patches = random_patches(images, gan.tiling.tile, self.patches, run.rng)
        self._inner.train(gan.patches, patches, run, TrainingMonitor(monitor.grid))


def random_patches(images: Images, tile: Shape, count: int, rng: Generator) -> Images:
    """Draw patches at random places of random images, uint8 ``[count, C, h, w]``; determined by the generator."""
    _, height, width = tile
    device, (_, tall, wide) = images.data.device, images.shape
    rows = images.draw(count, rng)
    tops = torch.randint(tall - height + 1, (count,), generator=rng, device=device)
    lefts = torch.randint(wide - width + 1, (count,), generator=rng, device=device)
    down = (tops[:, None] + torch.arange(height, device=device))[:, :, None]
    across = (lefts[:, None] + torch.arange(width, device=device))[:, None, :]
    picked = images.data[rows[:, None, None], :, down, across]
    return Images(picked.permute(0, 3, 1, 2).contiguous())
