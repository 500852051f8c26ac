"""The encoder of a GAN that was trained with one: VAE, ALI, ALICE, InvGAN and SCGAN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from bench.core.errors import NotApplicable
from bench.core.registry import method
from bench.core.types import Capacity, Inverter


@method("encoder")
@dataclass
class JointEncoder(Inverter):
    """The encoder that was trained together with the generator; there is no further fit.

    Attributes:
        space: space of the encoder's codes: "z" (VAE, ALI, ALICE, SCGAN) or "w" (InvGAN).

    Example:
        >>> import torch
        >>> from bench.gans.vae import VAE
        >>> from methods.joint_encoder import JointEncoder
        >>> method, x = JointEncoder(), torch.zeros(2, 1, 28, 28)
        >>> method.gan = VAE(code_dim=3, width=4).build((1, 28, 28), "cpu").freeze()
        >>> torch.equal(method.invert(x), method.gan.encode(x))
        True
    """

    trained_on: ClassVar[str] = "train images, with the generator"

    space: Literal["z", "w"] = "z"

    @property
    def capacity(self) -> Capacity:
        """Return the space of the encoder's codes."""
        return self.space

    def build(self) -> None:
        """Check that the GAN has an encoder with codes of this space.

        Raises:
            NotApplicable: it has no encoder, or one with codes of another space.
        """
        encoder = self.gan.encoder
        if encoder is None and hasattr(self.gan.discriminator, "encode"):
            encoder = self.gan.discriminator
        if encoder is None:
            raise NotApplicable("this GAN has no encoder: it was trained without one")
        given = getattr(encoder, "code_space", "z")
        if given != self.space:
            raise NotApplicable(f"this GAN's encoder gives {given} codes, not {self.space}; set space = '{given}'")

    @torch.no_grad()
    def invert(self, x: Tensor) -> Tensor:
        """Codes ``[B, d]``, unbounded, in eval mode."""
        return self.gan.encode(x)
