"""Networks of SCGAN: a window in a larger image, a generator of both, a discriminator of both that also infers codes.

A code is z_center, a code of the window's own GAN, followed by as many numbers z_edge for the surroundings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from bench.core.errors import NotApplicable
from bench.core.types import Gan, Shape
from bench.gans.networks import ConnectionNetwork, Discriminator, Trunk
from bench.gans.priors import make_prior

Position = Literal[
    "top-left", "top-centre", "top-right",
    "middle-left", "centre", "middle-right",
    "bottom-left", "bottom-centre", "bottom-right",
]  # fmt: skip
"""Position of the window: the paper has "middle-left" for CelebA and "top-left" for cat heads (section 4.8)."""

QUARTERS = {"top": 0, "middle": 1, "bottom": 2, "left": 0, "centre": 1, "right": 2}
"""First row or column of the window, in quarters of the image's side."""


@dataclass(frozen=True)
class Window:
    """A square of half the side of a square image.

    Attributes:
        top: first row.
        left: first column.
        side: in pixels.
    """

    top: int
    left: int
    side: int

    @classmethod
    def at(cls, position: Position, side: int) -> Window:
        """Return the window of an image of this side, a multiple of 4."""
        down, across = ("middle", "centre") if position == "centre" else position.split("-")
        return cls(QUARTERS[down] * side // 4, QUARTERS[across] * side // 4, side // 2)

    def crop(self, x: Tensor) -> Tensor:
        """Return the window ``[..., side, side]`` of images ``[..., H, W]``; a view."""
        return x[..., self.top : self.top + self.side, self.left : self.left + self.side]

    def paste(self, x: Tensor, patch: Tensor) -> Tensor:
        """Return images ``[B, C, H, W]`` with the window replaced by ``[B, C, side, side]``; gradients reach both."""
        pasted = x.clone()
        self.crop(pasted).copy_(patch)
        return pasted

    def place(self, patch: Tensor, side: int) -> Tensor:
        """Return zeros ``[..., side, side]`` with a map of the window at the window's position."""
        scale = 2 * self.side // side
        top, left, inner = self.top // scale, self.left // scale, self.side // scale
        return pad(patch, (left, side - left - inner, top, side - top - inner))


class Parts(NamedTuple):
    """Images of codes: y_full, and y_center of the frozen GAN of windows."""

    full: Tensor
    centre: Tensor


class SpatialGenerator(nn.Module):
    """Codes z_center ⊕ z_edge ``[B, 2k]`` to images ``[B, C, H, W]`` in [-1, 1].

    Args:
        centre: G_center, from z_center ``[B, k]`` to windows; frozen and in eval mode once it is trained.
        full: G_full, from whole codes to images.
        window: position of the window.
        glue: return y_glue, whose window is y_center, in place of y_full.
    """

    def __init__(self, centre: nn.Module, full: nn.Module, window: Window, glue: bool) -> None:
        super().__init__()
        self.centre, self.full = centre, full
        self.window, self.glue = window, glue

    def train(self, mode: bool = True) -> SpatialGenerator:
        """Switch the mode of G_full; G_center stays in eval mode."""
        super().train(mode)
        self.centre.eval()
        return self

    def parts(self, codes: Tensor) -> Parts:
        """Return both images of codes ``[B, 2k]``."""
        return Parts(self.full(codes), self.centre(codes[:, : codes.shape[1] // 2]))

    def glued(self, parts: Parts) -> Tensor:
        """Return y_glue ``[B, C, H, W]``: y_full with y_center as its window (dfi, section 3.3)."""
        return self.window.paste(parts.full, parts.centre)

    def forward(self, codes: Tensor) -> Tensor:
        """Return y_full, or y_glue with ``glue``."""
        images: Tensor = self.glued(self.parts(codes)) if self.glue else self.full(codes)
        return images


class JoinedTrunk(Trunk):
    """D_full's stages, and the last map of D_center on the window: global and local context (Iizuka et al. 2017).

    "last" is both, concatenated by channels: the local map is at the window's position, with zeros around it (ours;
    the paper does not state the position). Other layers are those of D_full.

    Args:
        whole: D_full's stages.
        local: D_center's stages, with the same strides.
        window: position of the window.
    """

    def __init__(self, whole: Trunk, local: Trunk, window: Window) -> None:
        super().__init__(dict(whole.stages.items()))
        self.local, self.window = local, window

    def train(self, mode: bool = True) -> JoinedTrunk:
        """Switch the mode of D_full; D_center stays in eval mode, so that its spectral norms do not change."""
        super().train(mode)
        self.local.eval()
        return self

    def features(self, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Activation maps of the named layers, in the order given."""
        maps = super().features(x, layers)
        if "last" not in layers:
            return maps
        local = self.local(self.window.crop(x))
        return [
            torch.cat([found, self.window.place(local, found.shape[-1])], 1) if name == "last" else found
            for name, found in zip(layers, maps, strict=True)
        ]


class SpatialDiscriminator(Discriminator):
    """A logit for each place of the joined last map (PatchGAN); it also infers z_center from the window.

    Args:
        trunk: D_full's and D_center's stages.
        head: from the joined map to ``[B, 1, h, w]``.
        centre_head: D_center's own, from its flattened last map to a logit.
        connection: the connection network of windows, from D_center's flattened last map to z_center.
    """

    code_space: ClassVar[str] = "z"

    trunk: JoinedTrunk

    def __init__(
        self, trunk: JoinedTrunk, head: nn.Module, centre_head: nn.Module, connection: ConnectionNetwork
    ) -> None:
        super().__init__(trunk, head)
        self.centre_head, self.connection = centre_head, connection

    def patches(self, x: Tensor) -> Tensor:
        """Logits ``[B, P]`` float32 of the places of images ``[B, C, H, W]``."""
        logits: Tensor = self.head(self.trunk(x))
        return logits.flatten(1).float()

    def logits(self, last: Tensor) -> Tensor:
        """Logits ``[B]`` float32 from the joined map: the mean over its places."""
        logits: Tensor = self.head(last)
        return logits.flatten(1).float().mean(1)

    def infer(self, windows: Tensor) -> Tensor:
        """ẑ_center ``[B, k]`` float32 of windows ``[B, C, side, side]``: CN(D_center(x)), by DFI."""
        codes: Tensor = self.connection(self.trunk.local(windows).flatten(1))
        return codes.float()

    def encode(self, x: Tensor) -> Tensor:
        """Codes ``[B, 2k]`` of images ``[B, C, H, W]``: ẑ_center of the window alone, and the mean of z_edge, 0."""
        inferred = self.infer(self.trunk.window.crop(x))
        return torch.cat([inferred, torch.zeros_like(inferred)], 1)


class WindowEncoder(nn.Module):
    """Windows to z_center: a discriminator's ``infer``, for the GAN of windows.

    Args:
        trunk: D_center's stages.
        connection: from the flattened last map to z_center.
    """

    def __init__(self, trunk: Trunk, connection: ConnectionNetwork) -> None:
        super().__init__()
        self.trunk, self.connection = trunk, connection

    def forward(self, x: Tensor) -> Tensor:
        """ẑ_center ``[B, k]`` float32 of windows."""
        codes: Tensor = self.connection(self.trunk(x).flatten(1))
        return codes.float()


def networks_of(gan: Gan) -> tuple[SpatialGenerator, SpatialDiscriminator]:
    """Return both networks of a spatially conditioned GAN.

    Raises:
        NotApplicable: the GAN is of another kind.
    """
    generator, discriminator = gan.generator, gan.discriminator
    if not isinstance(generator, SpatialGenerator) or not isinstance(discriminator, SpatialDiscriminator):
        name = gan.provenance.get("recipe", "of unknown recipe")
        raise NotApplicable(f"this GAN ({name}) has no window that its images are conditioned on; scgan has one")
    return generator, discriminator


def centre_of(gan: Gan) -> Gan:
    """Return the GAN of windows of a spatially conditioned GAN: the same networks, with their connection network.

    Its codes are z_center, and its ``encode`` is the paper's DFI baseline of section 4.8.

    Raises:
        NotApplicable: the GAN is of another kind.
    """
    generator, discriminator = networks_of(gan)
    trunk, side = discriminator.trunk.local, generator.window.side
    local = Discriminator(trunk, discriminator.centre_head)
    encoder = WindowEncoder(trunk, discriminator.connection)
    shape: Shape = (gan.image_shape[0], side, side)
    prior = make_prior("normal", gan.code_dim // 2)
    return Gan(generator.centre, local, prior=prior, image_shape=shape, provenance=gan.provenance, encoder=encoder)
