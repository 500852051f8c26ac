"""GANs: a prior, a generator, perhaps a discriminator."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core.types.images import Shape

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class Prior(ABC):
    """Distribution of latent codes, ``[B, dim]`` float32."""

    name: ClassVar[str]
    dim: int

    @abstractmethod
    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw ``[count, dim]`` codes on the generator's device."""

    @abstractmethod
    def from_uniform(self, u: Tensor) -> Tensor:
        """Map numbers in (0, 1) to codes by the inverse distribution function; same shape."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Log density ``[B]`` in nats, summed over coordinates; -inf outside the support."""

    @abstractmethod
    def project(self, z: Tensor) -> Tensor:
        """Return the nearest code in the support; the identity for unbounded priors."""

    def noise_of(self, codes: Tensor) -> Tensor:
        """Return codes ``[B, dim]`` without the condition at their end: by default the codes themselves."""
        return codes

    def conditions_of(self, codes: Tensor) -> Tensor | None:
        """Return the conditions ``[B, y]`` in codes ``[B, dim]``; None for a GAN without conditions."""
        return None

    def state(self) -> dict[str, Tensor]:
        """Return the state learned from training images, as float32 tables with any numbers of rows.

        It is saved with the GAN, and empty for a prior that its options define.
        """
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027 - most priors have no state
        """Restore a state that ``state`` returned.

        Raises:
            ValueError: the state defines no distribution; the message states the reason.
        """


class Gan:
    """A trained generator with its prior, discriminator, encoder and provenance; it decodes codes to images.

    Args:
        generator: module from codes ``[B, d]`` to images ``[B, C, H, W]`` in [-1, 1]. A generator with further latent
            spaces has ``spaces``, their names, and ``view(gan, space) -> Gan``.
        discriminator: module with ``layers`` (names) and ``features(x, layers) -> list of maps``, or None.
        prior: distribution of the codes in training.
        image_shape: channels, height, width.
        provenance: recipe and key, or file and checksum.
        encoder: module from images to codes that was trained together with the generator, or None. A discriminator
            that doubles as the encoder has ``encode(x) -> codes`` instead.

    Attributes:
        identity: hash of the files, options and images of a GAN of the user, "" for one of a recipe; see
            ``bench.gans.identity.generator_identity`` for the identity of any GAN.
        calls: number of codes that were decoded.
    """

    identity: str = ""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module | None,
        prior: Prior,
        image_shape: Shape,
        provenance: Mapping[str, Any] | None = None,
        encoder: nn.Module | None = None,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.prior = prior
        self.image_shape = image_shape
        self.provenance = dict(provenance or {})
        self.encoder = encoder
        self.calls = 0

    @property
    def code_dim(self) -> int:
        """Number of latent dimensions."""
        return self.prior.dim

    def decode(self, codes: Tensor) -> Tensor:
        """Return images ``[B, C, H, W]`` of codes ``[B, d]``; counts ``B`` generator calls."""
        self.calls += int(codes.shape[0])
        images: Tensor = self.generator(codes)
        return images

    def encode(self, x: Tensor) -> Tensor:
        """Return codes ``[B, d]`` of images ``[B, C, H, W]`` by the encoder that was trained with the generator.

        Raises:
            NotApplicable: there is no encoder; the generator was trained alone.
        """
        from bench.core.errors import NotApplicable

        encode = self.encoder or getattr(self.discriminator, "encode", None)
        if encode is None:
            raise NotApplicable("this GAN has no encoder: it was trained without one")
        codes: Tensor = encode(x)
        return codes

    def view(self, space: str) -> Gan:
        """Return this GAN in another latent space: itself for "z", else a space of its generator ("w", "w+").

        A view has the same networks and a prior of its own. Its generator calls count for both.

        Raises:
            NotApplicable: the generator has no such space; the message states those that it has.
        """
        from bench.core.errors import NotApplicable

        if space == "z":
            return self
        offered: tuple[str, ...] = getattr(self.generator, "spaces", ())
        if space not in offered:
            raise NotApplicable(f"this GAN has no {space} codes; it has {', '.join(('z', *offered))}")
        view: Gan = self.generator.view(self, space)  # type: ignore[operator]
        return view

    def translate(self, z: Tensor) -> Tensor:
        """Map codes ``z`` of the prior of training to this GAN's latent space: here the same codes."""
        return z

    def features(self, x: Tensor, layers: Sequence[str] = ("last",)) -> Tensor:
        """Return discriminator activations of images ``[B, C, H, W]``, flattened and concatenated to ``[B, F]``.

        Args:
            x: images in [-1, 1].
            layers: names from ``discriminator.layers``; "last" is the last convolution before the logit.

        Raises:
            NotApplicable: the GAN has no discriminator.
            UnknownName: the discriminator has no such layer.
        """
        from bench.core.errors import NotApplicable, unknown

        if self.discriminator is None:
            raise NotApplicable("this GAN has no discriminator, so it has no features")
        known: tuple[str, ...] = self.discriminator.layers  # type: ignore[assignment]
        for layer in layers:
            if layer not in known:
                raise unknown("discriminator layer", layer, known)
        import torch

        maps: list[Tensor] = self.discriminator.features(x, layers)  # type: ignore[operator]
        return torch.cat([m.flatten(1) for m in maps], 1)

    def modules(self) -> list[nn.Module]:
        """Return the generator and, if present, discriminator and encoder."""
        return [m for m in (self.generator, self.discriminator, self.encoder) if m is not None]

    def freeze(self) -> Gan:
        """Put all networks in eval mode without gradients for their weights; return the GAN itself."""
        for module in self.modules():
            module.eval()
            module.requires_grad_(False)
        return self

    def to(self, device: str) -> Gan:
        """Move all networks to a device; return the GAN itself."""
        for module in self.modules():
            module.to(device)
        return self

    def checksum(self) -> str:
        """Return the SHA-256 of all tensors of networks and prior (hex); it changes if a method modifies the GAN."""
        digest = hashlib.sha256()
        for state in (*(module.state_dict() for module in self.modules()), self.prior.state()):
            for name, tensor in sorted(state.items()):
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()
