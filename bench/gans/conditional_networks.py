"""Networks with a condition as an input of a chosen layer: icgan's generator and discriminator."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from bench.core.errors import NotApplicable
from bench.core.types import Shape
from bench.gans.dcgan import filters
from bench.gans.networks import Crop


class ConditionalGenerator(nn.Module):
    """Codes ``[B, z + y]``, z first, to images in [-1, 1].

    Args:
        stages: from z as a map ``[B, z, 1, 1]`` on; stage number ``layer``, from 0, has y among its input channels.
        noise: numbers in z.
        layer: number of stages before y is concatenated.
    """

    def __init__(self, stages: Sequence[nn.Module], noise: int, layer: int) -> None:
        super().__init__()
        self.noise = noise
        self.before = nn.Sequential(*stages[:layer])
        self.after = nn.Sequential(*stages[layer:])

    def forward(self, codes: Tensor) -> Tensor:
        """Images ``[B, C, H, W]``."""
        z, y = codes[:, : self.noise], codes[:, self.noise :]
        images: Tensor = self.after(join(self.before(z[:, :, None, None]), y))
        return images


class ConditionalDiscriminator(nn.Module):
    """Images ``[B, C, H, W]`` and conditions ``[B, y]`` to logits ``[B]``, positive for real pairs.

    This is not a ``Discriminator``: features of an image alone exist only up to the layer where y is concatenated.

    Args:
        stages: named; ``layers`` are their names and "last", another name of the last one.
        head: from the last map to ``[B, 1, 1, 1]``.
        layer: number of stages before y is concatenated; with all of them, y is an input of the head.
    """

    def __init__(self, stages: Mapping[str, nn.Module], head: nn.Module, layer: int) -> None:
        super().__init__()
        named = list(stages.items())
        self.layers: tuple[str, ...] = (*stages, "last")
        self.before = nn.Sequential(OrderedDict(named[:layer]))
        self.after = nn.Sequential(OrderedDict([*named[layer:], ("head", head)]))

    def features(self, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Return activation maps of the named layers, all of them before the condition is concatenated.

        Raises:
            NotApplicable: a layer depends on the condition; the message lists those that do not.
        """
        maps: dict[str, Tensor] = {}
        for name, stage in self.before.named_children():
            x = maps[name] = stage(x)
        if self.layers[-2] in maps:
            maps["last"] = x
        for name in layers:
            if name not in maps:
                free = ", ".join(maps) or "none"
                raise NotApplicable(
                    f"the maps of layer {name} depend on the condition, not on the image alone; "
                    f"layers that depend on it alone: {free}"
                )
        return [maps[name] for name in layers]

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits ``[B]`` float32."""
        logits: Tensor = self.after(join(self.before(x), y))
        return logits.flatten().float()


def join(maps: Tensor, y: Tensor) -> Tensor:
    """Append conditions ``[B, y]`` to maps ``[B, F, H, W]`` as further channels, the same at each pixel."""
    return torch.cat([maps, y[:, :, None, None].expand(-1, -1, *maps.shape[2:])], 1)


def make_generator(image_shape: Shape, noise: int, conditions: int, width: int, layer: int) -> ConditionalGenerator:
    """4x4 transposed convolutions, to a 4 x 4 map and then doubling the side; batch norm, ReLU; tanh at the end."""
    channels, side, _ = image_shape
    sizes = [noise, *reversed(filters(side, width)), channels]
    stages: list[nn.Module] = []
    for index, (before, after) in enumerate(pairwise(sizes)):
        given = before + conditions if index == layer else before
        stride, padding = (2, 1) if index else (1, 0)
        last = index == len(sizes) - 2
        convolution = nn.ConvTranspose2d(given, after, kernel_size=4, stride=stride, padding=padding, bias=last)
        activation = [nn.Tanh()] if last else [nn.BatchNorm2d(after), nn.ReLU()]
        crop = [Crop(7)] if side == 28 and index == 1 else []
        stages.append(nn.Sequential(convolution, *activation, *crop))
    return ConditionalGenerator(stages, noise, layer)


def make_discriminator(image_shape: Shape, conditions: int, width: int, layer: int) -> ConditionalDiscriminator:
    """4x4 convolutions that halve the side, batch norm except in the first, LReLU; then one as large as the map.

    Layers are named by the side of their map, "actv32" ... "actv4" for 64 pixels, and "last".
    """
    before, side, _ = image_shape
    stages: dict[str, nn.Module] = {}
    for index, after in enumerate(filters(side, width)):
        side //= 2
        given = before + conditions if index == layer else before
        norm = [nn.BatchNorm2d(after)] if index else []
        convolution = nn.Conv2d(given, after, kernel_size=4, stride=2, padding=1, bias=not norm)
        stages[f"actv{side}"] = nn.Sequential(convolution, *norm, nn.LeakyReLU(0.2))
        before = after
    given = before + conditions if layer == len(stages) else before
    return ConditionalDiscriminator(stages, nn.Conv2d(given, 1, side), layer)


def draw_weights(module: nn.Module) -> None:
    """Weights from N(0, .02), those of batch norm from N(1, .02), biases of zero (Radford et al. 2016)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, float(isinstance(module, nn.BatchNorm2d)), 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
