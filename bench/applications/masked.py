"""A GAN of whose images only some pixels are seen: any search that compares images then compares these alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.core.types import Gan
from bench.gans.latent_spaces import LatentSpaceView


class MaskedGan(LatentSpaceView):
    """A GAN behind a mask. Codes, prior, discriminator and encoder are the source's.

    A method that is bound to it and is given images with the same pixels hidden counts no hidden pixel in its loss:
    there the two agree, whatever the code.

    Args:
        source: the GAN, in whatever space its codes are.
        visible: bool ``[1, H, W]`` or ``[C, H, W]``.
        fill: value in [-1, 1] of hidden pixels.
    """

    def __init__(self, source: Gan, visible: Tensor, fill: float = 0.0) -> None:
        super().__init__(source, MaskedGenerator(source.generator, visible, fill), source.prior)
        self.visible, self.fill = visible, fill

    def view(self, space: str) -> Gan:
        """See ``Gan.view``; the same mask lies over it."""
        return MaskedGan(self.source.view(space), self.visible, self.fill)

    def decode(self, codes: Tensor) -> Tensor:
        """See ``Gan.decode``; the calls count for every GAN that this one is a view of."""
        if isinstance(self.source, LatentSpaceView):
            self.source.source.calls += len(codes)
        return super().decode(codes)

    def translate(self, z: Tensor) -> Tensor:
        """The source's codes."""
        return self.source.translate(z)


class MaskedGenerator(nn.Module):
    """A generator whose hidden pixels have one value; see ``MaskedGan``."""

    visible: Tensor

    def __init__(self, generator: nn.Module, visible: Tensor, fill: float) -> None:
        super().__init__()
        self.generator, self.fill = generator, fill
        device = next((t.device for t in (*generator.parameters(), *generator.buffers())), visible.device)
        self.register_buffer("visible", visible.to(device), persistent=False)
        self.training = generator.training

    def forward(self, codes: Tensor) -> Tensor:
        """Images ``[B, C, H, W]``."""
        return hide(self.generator(codes), self.visible, self.fill)


def hide(images: Tensor, visible: Tensor, fill: float) -> Tensor:
    """Images ``[B, C, H, W]`` whose pixels that are not ``visible`` (bool, broadcast) have one value."""
    return torch.where(visible, images, fill)
