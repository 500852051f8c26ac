"""RFGAN: the discriminator also uses the features of a frozen autoencoder (Bang and Shim 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from bench.core.registry import gan
from bench.core.run_context import RunContext
from bench.core.types import Gan, Images, Shape
from bench.gans.dcgan import DCGAN, filters, last_filters, make_trunk
from bench.gans.monitor import TrainingMonitor
from bench.gans.networks import Crop, Discriminator, Trunk, xavier
from bench.gans.optimizers import adam, descend

BOTTLENECK = 8
"""Filters of the autoencoder's narrowest map, 4 x 4."""
NOISE = 0.25
"""Share of pixels that are replaced by salt and pepper in the autoencoder's input."""


@gan("rfgan")
@dataclass
class RFGAN(DCGAN):
    """DCGAN whose discriminator also uses the features of an autoencoder, trained first and then frozen.

    The autoencoder is trained with an L1 loss to remove salt-and-pepper noise. Its encoder has the architecture of
    the discriminator's trunk, and the last maps of both are concatenated before the logit. Layer sizes and two
    generator updates a step follow the authors' code. The features that methods use ("last") are those of the
    discriminator's own convolutions.

    Attributes:
        autoencoder_steps: steps of its training; 4,690 are ten epochs of 60,000 images in batches of 128.

    Example:
        >>> import torch
        >>> from bench.gans.representative import RFGAN
        >>> gan = RFGAN(code_dim=8, width=4).build((1, 28, 28), "cpu").freeze()
        >>> gan.discriminator.layers
        ('actv14', 'actv7', 'actv4', 'last', 'representation')
        >>> gan.features(torch.zeros(2, 1, 28, 28), ("last", "representation")).shape  # 256 of each network
        torch.Size([2, 512])
    """

    generator_steps: int = 2
    autoencoder_steps: int = 4690

    def make_discriminator(self, image_shape: Shape) -> Discriminator:
        """Return a discriminator with an encoder for the frozen features."""
        trunk, encoder = (make_trunk(image_shape, self.width, self.discriminator_norm) for _ in range(2))
        return RepresentativeDiscriminator(trunk, encoder, last_filters(image_shape, self.width))

    def train(self, gan: Gan, images: Images, run: RunContext, monitor: TrainingMonitor) -> None:
        """Train the autoencoder, freeze it, then train as a DCGAN."""
        assert isinstance(gan.discriminator, RepresentativeDiscriminator)
        encoder = gan.discriminator.encoder
        self.train_encoder(encoder, images, run)
        encoder.eval().requires_grad_(False)
        super().train(gan, images, run, monitor)

    def train_encoder(self, encoder: Trunk, images: Images, run: RunContext) -> None:
        """Train the encoder with a temporary decoder on noisy images."""
        decoder = make_decoder(images.shape, self.width).to(run.device)
        network = nn.Sequential(encoder, decoder).to(memory_format=torch.channels_last).train()
        optimizer = adam(network.parameters(), self.learning_rate, (self.beta1, self.beta2))
        for _ in run.loop("autoencoder", self.autoencoder_steps, {"network": network, "optimizer": optimizer}):
            x = images.sample(self.batch, run.rng)
            loss = l1_loss(network(salt_and_pepper(x, run.rng)), x)
            descend(optimizer, loss)
            run.report(autoencoder=loss.detach())
        optimizer.zero_grad(set_to_none=True)


class RepresentativeDiscriminator(Discriminator):
    """A discriminator whose logit also depends on the last map of a frozen encoder of the same architecture."""

    def __init__(self, trunk: Trunk, encoder: Trunk, filters: int) -> None:
        super().__init__(trunk, nn.Linear(2 * 16 * filters, 1))
        self.encoder = encoder
        self.layers = (*trunk.layers, "representation")

    def train(self, mode: bool = True) -> RepresentativeDiscriminator:
        """Switch the mode of all but the encoder, which stays in eval mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def features(self, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Activation maps of the discriminator's own layers; "representation" is the encoder's last map."""
        own = iter(self.trunk.features(x, [name for name in layers if name != "representation"]))
        return [self.encoder(x) if name == "representation" else next(own) for name in layers]

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[B]`` float32."""
        return self.logits(torch.cat([self.trunk(x), self.encoder(x)], 1))


def make_decoder(image_shape: Shape, width: int) -> nn.Sequential:
    """From the encoder's last map to an image: 1x1 to the bottleneck and back, then transposed convolutions."""
    channels, side, _ = image_shape
    sizes = [*reversed(filters(side, width))]
    layers: list[nn.Module] = [nn.Conv2d(sizes[0], BOTTLENECK, 1), nn.Conv2d(BOTTLENECK, sizes[0] // 2, 1)]
    layers += [nn.BatchNorm2d(sizes[0] // 2), nn.ReLU()]
    before = sizes[0] // 2
    for index, after in enumerate([*(f // 2 for f in sizes[:-1]), channels]):
        layers += [nn.ConvTranspose2d(before, after, kernel_size=5, stride=2, padding=2, output_padding=1)]
        if index < len(sizes) - 1:
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
        if side == 28 and index == 0:
            layers += [Crop(7)]
        before = after
    return xavier(nn.Sequential(*layers, nn.Tanh()))


def salt_and_pepper(x: Tensor, rng: torch.Generator) -> Tensor:
    """Return images ``[B, C, H, W]`` with a quarter of the pixels black or white, all channels of a pixel alike."""
    chance = torch.rand((len(x), 1, *x.shape[2:]), generator=rng, device=x.device)
    noisy = torch.where(chance < NOISE / 2, -1.0, x)
    return torch.where(chance > 1 - NOISE / 2, 1.0, noisy)
