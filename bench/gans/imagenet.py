"""ImageNet classifiers as frozen feature extractors with named layers, in place of a GAN's discriminator."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from bench.core.errors import NotApplicable, WeightsError
from bench.core.types import Shape
from bench.gans.imagenet_files import FILES
from bench.gans.networks import Trunk

SMALLEST_SIDE = 64
"""Images with a shorter side are enlarged: VGG-16 halves the side five times, so that 32 pixels become one."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's channels in [0, 1], as torchvision's networks expect them."""
VGG_STAGES = {"relu1_2": 4, "relu2_2": 9, "relu3_3": 16, "relu4_3": 23, "pool5": 31}
"""Number of torchvision's modules up to the end of each stage."""


class ImageNetFeatures(nn.Module):
    """The convolutions of a torchvision classifier: images in [-1, 1] to named maps, with gradients for images.

    Layers of VGG-16 are relu1_2, relu2_2, relu3_3, relu4_3 and pool5; of a ResNet, stem and layer1 to layer4, whose
    last is the map before global average pooling; "last" is the last of either. Grey is repeated in three channels.
    Sides under 64 pixels are enlarged to 64 (bilinear, no antialias, half-pixel centres).

    Args:
        trunk: stages of the network, frozen.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk.eval().requires_grad_(False)
        self.layers = trunk.layers
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def features(self, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Activation maps of the named layers of images ``[B, 1 or 3, H, W]``, in the order given."""
        height, width = x.shape[2:]
        size = (max(height, SMALLEST_SIDE), max(width, SMALLEST_SIDE))
        if size != (height, width):
            x = interpolate(x, size=size, mode="bilinear", align_corners=False)
        return self.trunk.features(((x + 1) / 2 - self.mean) / self.std, layers)


def open_imagenet(name: str, image_shape: Shape, device: str) -> ImageNetFeatures:
    """Read a network from its verified file.

    Args:
        name: "vgg16", "resnet34", "resnet50" or "resnet101".
        image_shape: shape of its input images.
        device: device of the network.

    Raises:
        NotApplicable: images that are neither grey nor RGB, or data that are not images.
        WeightsError: the file is missing (the message has its name, the folders and its URL), altered, or of another
            architecture.
    """
    channels, height, width = image_shape
    if channels not in {1, 3} or height * width == 1:
        raise NotApplicable(f"{name} requires grey or RGB images, got {channels} x {height} x {width} values")
    path = FILES[name].find()
    network = _loaded(name, path)
    stages = _vgg_stages(network) if name == "vgg16" else _resnet_stages(network)
    return ImageNetFeatures(Trunk(stages)).to(device)


def _loaded(name: str, path: Path) -> nn.Module:
    """Return the whole classifier with every tensor of the file; built without drawing random numbers."""
    from torchvision import models

    with torch.device("meta"):
        network: nn.Module = getattr(models, name)(weights=None)
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise WeightsError(f"weights {path}: cannot be read ({str(error).splitlines()[0]})") from error
    try:
        network.load_state_dict(state, strict=True, assign=True)
    except (RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"weights {path}: another architecture than {name} ({reason})") from error
    return network


def _vgg_stages(network: nn.Module) -> Mapping[str, nn.Module]:
    layers: nn.Sequential = network.features  # type: ignore[assignment]
    ends = [0, *VGG_STAGES.values()]
    return {name: layers[start:end] for name, (start, end) in zip(VGG_STAGES, pairwise(ends), strict=True)}


def _resnet_stages(network: nn.Module) -> Mapping[str, nn.Module]:
    parts = dict(network.named_children())
    stem = nn.Sequential(*(parts[name] for name in ("conv1", "bn1", "relu", "maxpool")))
    return {"stem": stem, **{f"layer{number}": parts[f"layer{number}"] for number in range(1, 5)}}
