"""Layers of style-based generators and of their discriminators (Karras et al. 2018, "stylegan"; 2017, "progan")."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu, linear

SQRT2 = math.sqrt(2)
"""He's gain, for layers before a LReLU."""


class EqualLinear(nn.Module):
    """Fully connected layer with equalised learning rate (progan, section 4.1).

    Weights are drawn from N(0, 1 / ``multiplier``²) and scaled by ``gain`` · ``multiplier`` / √fan-in at each use,
    so that Adam moves every layer at the same relative speed, and ``multiplier`` times as fast.

    Args:
        features: inputs.
        outputs: outputs.
        gain: √2 before a LReLU, 1 elsewhere.
        multiplier: of the layer's learning rate.
    """

    def __init__(self, features: int, outputs: int, gain: float = SQRT2, multiplier: float = 1.0) -> None:
        super().__init__()
        self.scale, self.multiplier = gain * multiplier / math.sqrt(features), multiplier
        self.weight = nn.Parameter(torch.empty(outputs, features))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights; the bias is zero."""
        nn.init.normal_(self.weight, std=1 / self.multiplier)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, outputs]``."""
        return linear(x, self.weight * self.scale, self.bias * self.multiplier)


class EqualConv2d(nn.Module):
    """Convolution with equalised learning rate that keeps the side; see ``EqualLinear``.

    Args:
        before: channels of the input.
        after: channels of the output.
        kernel: odd side of the kernel.
        gain: √2 before a LReLU, 1 elsewhere.
        bias: whether to add a bias.
    """

    def __init__(self, before: int, after: int, kernel: int = 3, gain: float = SQRT2, bias: bool = True) -> None:
        super().__init__()
        self.scale, self.padding = gain / (kernel * math.sqrt(before)), kernel // 2
        self.weight = nn.Parameter(torch.empty(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(after)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights from N(0, 1); the bias is zero."""
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, after, H, W]``."""
        return conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class PixelNorm(nn.Module):
    """Scale each code to a mean square of one (progan, section 4.2)."""

    def forward(self, z: Tensor) -> Tensor:
        """``[B, d]``."""
        return z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)


class Blur(nn.Module):
    """Separable binomial filter [1, 2, 1] / 4 with zero padding (stylegan, section 2): two box filters of two."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return avg_pool2d(avg_pool2d(x, 2, 1, padding=1), 2, 1)


class StyleLayer(nn.Module):
    """[Upsampling,] 3x3 convolution, noise, LReLU, and AdaIN by a style (stylegan, section 2).

    The noise is one map for all channels, times a learned weight for each: drawn from torch's global generator in
    training, a fixed map saved with the weights in eval mode.

    Args:
        before: channels of the input; None for the first layer, which has no convolution.
        after: channels of the output.
        side: of the output.
        style: numbers in a style.
        upsample: double the side before the convolution, and blur after it.
    """

    noise: Tensor

    def __init__(self, before: int | None, after: int, side: int, style: int, upsample: bool = False) -> None:
        super().__init__()
        self.convolution = nn.Identity() if before is None else EqualConv2d(before, after, bias=False)
        self.upsample, self.blur = upsample, Blur()
        self.bias = nn.Parameter(torch.zeros(after))
        self.noise_weight = nn.Parameter(torch.zeros(after))
        self.register_buffer("noise", torch.randn(1, 1, side, side))
        self.affine = EqualLinear(style, 2 * after, gain=1.0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``[B, after, side, side]`` of a map and styles ``[B, style]``."""
        x = self.blur(self.convolution(interpolate(x, scale_factor=2))) if self.upsample else self.convolution(x)
        noise = torch.randn_like(x[:, :1]) if self.training else self.noise
        x = leaky_relu(x + _per_channel(self.noise_weight) * noise + _per_channel(self.bias), 0.2)
        scale, shift = self.affine(w).chunk(2, 1)
        return adain(x, 1 + scale, shift)


def adain(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Give each map ``[B, C, H, W]`` the mean ``shift`` and the standard deviation ``scale``, both ``[B, C]``.

    Torch's own ``instance_norm`` is not used: on the CPU (2.15), the gradient of a batch of one is wrong where the
    gradient that comes in is laid out channels-last.
    """
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return (x - mean) * (torch.rsqrt(variance + 1e-8) * scale[:, :, None, None]) + shift[:, :, None, None]


class MinibatchDeviation(nn.Module):
    """Append a map with the mean standard deviation over groups of images (progan, section 3).

    Args:
        group: images of a group; if it does not divide the batch, the largest smaller number that does.
    """

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C + 1, H, W]``; members of a group are a stride of B / group apart."""
        size = next(n for n in range(self.group, 0, -1) if len(x) % n == 0)
        groups = x.unflatten(0, (size, -1))
        deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
        return torch.cat([x, deviation.repeat(size)[:, None, None, None].expand(-1, 1, *x.shape[2:])], 1)


def _per_channel(values: Tensor) -> Tensor:
    return values[:, None, None]
