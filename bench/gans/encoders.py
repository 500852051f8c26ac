"""Encoders that are trained after the GAN: icgan's convolutions, and the residual encoder of in-domain inversion."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from bench.core.types import Shape
from bench.gans.conditional_networks import join
from bench.gans.networks import check_shape, xavier

ICGAN_SIDES = (28, 32, 64)
CONVOLUTIONS = 4


class ConvolutionalEncoder(nn.Module):
    """Images to codes: four 5x5 convolutions of stride 2, FC - BN - ReLU, FC (icgan, Table 2).

    Batch norm and ReLU follow each convolution, nothing follows the last layer. The last map is 4 x 4 at 64 pixels,
    2 x 2 at 28 and 32.

    Args:
        image_shape: channels, height, width; 28, 32 or 64 pixels.
        outputs: numbers in a code.
        hidden: units of the hidden layer: 4096 for z, 512 for y.
        width: filters of the first convolution; each later one has twice as many.
        conditions: numbers in a condition that is appended to the image as further channels; 0 for none.
        trunk: first convolutions shared with another encoder, or None.

    Raises:
        NotApplicable: images of another size.
    """

    def __init__(
        self,
        image_shape: Shape,
        outputs: int,
        hidden: int,
        width: int = 32,
        conditions: int = 0,
        trunk: nn.Sequential | None = None,
    ) -> None:
        super().__init__()
        check_shape("icgan", image_shape, ICGAN_SIDES)
        sizes = [image_shape[0] + conditions, *(width * 2**stage for stage in range(CONVOLUTIONS))]
        blocks = [_halving(before, after) for before, after in pairwise(sizes)]
        self.shared = nn.Sequential() if trunk is None else trunk
        self.own = nn.Sequential(*blocks[len(self.shared) :])
        side = -(-image_shape[1] // 2**CONVOLUTIONS)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(sizes[-1] * side * side, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, outputs),
        )

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Codes ``[B, outputs]`` of images ``[B, C, H, W]``, unbounded; ``y`` are conditions, if it takes them."""
        codes: Tensor = self.head(self.own(self.shared(x if y is None else join(x, y))))
        return codes


def shared_convolutions(channels: int, count: int, width: int = 32) -> nn.Sequential:
    """The first convolutions of a ``ConvolutionalEncoder``, for several to share."""
    sizes = [channels, *(width * 2**stage for stage in range(count))]
    return nn.Sequential(*(_halving(before, after) for before, after in pairwise(sizes)))


def _halving(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel_size=5, stride=2, padding=2, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


class ResidualEncoder(nn.Module):
    """Images to codes: a convolution, residual blocks that halve the side down to 4 or less, FC (idinvert's shape).

    Codes are ``centre + scale * output``, so that an output of zero is the centre of the prior.

    Args:
        image_shape: channels, height, width; a side of at least 8.
        centre: of the codes, ``[d]``.
        scale: of the codes, ``[d]``.
        width: filters of the first block; each later one has twice as many, at most ``widest``.
        widest: filters of the last blocks (64 to 1024 in the authors' code).
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, image_shape: Shape, centre: Tensor, scale: Tensor, width: int, widest: int) -> None:
        super().__init__()
        channels, side, _ = image_shape
        blocks: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        before = width
        while side > 4:
            after = min(2 * before, widest)
            blocks.append(HalvingBlock(before, after))
            before, side = after, side // 2
        self.blocks = nn.Sequential(*blocks, nn.LeakyReLU(0.2), nn.Flatten())
        self.head = nn.Linear(before * side * side, len(centre))
        self.register_buffer("centre", centre)
        self.register_buffer("scale", scale)
        xavier(self)

    def forward(self, x: Tensor) -> Tensor:
        """Codes ``[B, d]`` of images ``[B, C, H, W]``."""
        codes: Tensor = self.centre + self.scale * self.head(self.blocks(x))
        return codes


class HalvingBlock(nn.Module):
    """LReLU - 3x3 - BN - mean over 2 x 2 - LReLU - 3x3 - BN, plus a 1x1 convolution of the mean of the input."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Conv2d(before, before, 3, padding=1, bias=False),
            nn.BatchNorm2d(before),
            nn.AvgPool2d(2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, after, H // 2, W // 2]``."""
        halved: Tensor = self.residual(x) + self.shortcut(avg_pool2d(x, 2))
        return halved


def make_critic(image_shape: Shape, width: int, widest: int) -> nn.Sequential:
    """Images ``[B, C, H, W]`` to logits ``[B, 1]``: 4x4 convolutions that halve the side to 4 or less, LReLU, FC.

    There is no normalisation, so that a gradient penalty concerns single images.
    """
    before, side, _ = image_shape
    layers: list[nn.Module] = []
    after = width
    while side > 4:
        layers += [nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        before, after, side = after, min(2 * after, widest), side // 2
    return xavier(nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * side * side, 1)))


def centre_of(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation ``[d]`` of codes ``[N, d]``; a coordinate that does not vary has scale 1e-6."""
    return codes.mean(0), codes.std(0).clamp_min(1e-6)
