"""A GAN with a pixel mask: any search that compares images then compares visible pixels alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.core.types import Gan
from bench.gans.latent_spaces import LatentSpaceView


class MaskedGan(LatentSpaceView):
    """A GAN whose images are masked. Codes, prior, discriminator and encoder are those of the source.

    If a method is bound to it and inverts images with the same mask, hidden pixels do not contribute to its loss:
    they are equal in both images, whatever the code.

    Args:
        source: the GAN, with codes in any space.
        visible: mask of visible pixels, bool ``[1, H, W]`` or ``[C, H, W]``.
        fill: value in [-1, 1] of hidden pixels.
    """

    def __init__(self, source: Gan, visible: Tensor, fill: float = 0.0) -> None:
        super().__init__(source, MaskedGenerator(source.generator, visible, fill), source.prior)
        self.visible, self.fill = visible, fill

    def view(self, space: str) -> Gan:
        """See ``Gan.view``; the view has the same mask."""
        return MaskedGan(self.source.view(space), self.visible, self.fill)

    def translate(self, z: Tensor) -> Tensor:
        """Return the codes of the source."""
        return self.source.translate(z)


class MaskedGenerator(nn.Module):
    """A generator whose hidden pixels have a constant value; see ``MaskedGan``."""

    visible: Tensor

    def __init__(self, generator: nn.Module, visible: Tensor, fill: float) -> None:
        super().__init__()
        self.generator, self.fill = generator, fill
        device = next((t.device for t in (*generator.parameters(), *generator.buffers())), visible.device)
        self.register_buffer("visible", visible.to(device), persistent=False)
        self.training = generator.training

    def forward(self, codes: Tensor) -> Tensor:
        """Return images ``[B, C, H, W]``."""
        return hide(self.generator(codes), self.visible, self.fill)


def hide(images: Tensor, visible: Tensor, fill: float) -> Tensor:
    """Return images ``[B, C, H, W]`` with the value ``fill`` in pixels that are not ``visible`` (bool, broadcast)."""
    return torch.where(visible, images, fill)
