"""Feature networks of metrics. Their weights are found by ``bench.metrics.weights`` and never downloaded."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.core.errors import WeightsError
from bench.core.pretrained_files import WeightsFile
from bench.core.registry import features
from bench.core.types import Embedding, FeatureExtractor, Shape
from bench.metrics.weights import NETWORKS

SMALLEST_SIDE = 64
"""Images with a shorter side are enlarged for the ImageNet trunks: AlexNet needs 31 pixels."""


def as_rgb(images: Tensor) -> Tensor:
    """Return three channels ``[B, 3, H, W]``; a grey channel is repeated."""
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def grey_or_rgb(shape: Shape) -> str | None:
    """Return the reason why a network for colour images does not accept this shape, or None."""
    return None if shape[0] in {1, 3} else f"{shape[0]} channels: the network requires 1 (grey) or 3 (RGB)"


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute convolutions in float32, not TF32, by deterministic algorithms; restore the settings afterwards."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a ``.pth`` file, without running any code in it.

    Raises:
        WeightsError: the file holds no tensors, or cannot be read.
    """
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise WeightsError(f"weights {path}: cannot be read ({str(error).splitlines()[0]})") from error
    return state


class PinnedNetwork(FeatureExtractor):
    """A network whose weights file is listed with its checksum in ``bench.metrics.weights``."""

    @property
    def file(self) -> WeightsFile:
        """The file, with its checksum."""
        return NETWORKS[self.name]

    def accepts(self, shape: Shape) -> str | None:
        """Accept grey and RGB images of any size."""
        return grey_or_rgb(shape)

    def _protocol(self, **how: Any) -> dict[str, Any]:
        return {"name": self.name, "weights_sha256": self.file.sha256, "dtype": "float32", "tf32": False, **how}


class _ImageNetTrunk(PinnedNetwork):
    """The convolutions of a torchvision classifier, tapped as LPIPS does (Zhang et al. 2018, section 3)."""

    taps: ClassVar[tuple[int, ...]]
    shift: ClassVar[tuple[float, ...]] = (-0.030, -0.088, -0.188)
    scale: ClassVar[tuple[float, ...]] = (0.458, 0.448, 0.450)

    def protocol(self) -> dict[str, Any]:
        """Return layers, checksum, resizing and normalisation."""
        return self._protocol(
            layers=list(self.layers),
            resize=f"sides under {SMALLEST_SIDE} to {SMALLEST_SIDE}, bilinear, no antialias, half-pixel centres",
            normalize=f"[-1, 1], minus {list(self.shift)}, over {list(self.scale)}",
            grey="repeated in three channels",
        )

    def architecture(self) -> nn.Module:
        """Build the torchvision network, without weights."""
        raise NotImplementedError

    def load(self, device: str) -> None:
        """Read the trunk strictly; see ``FeatureExtractor.load``."""
        path = self.file.find()
        with torch.device("meta"):
            network = self.architecture()
        try:
            network.load_state_dict(read_state(path), strict=True, assign=True)
        except (RuntimeError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"weights {path}: another architecture than {self.name} ({reason})") from error
        self.trunk: nn.Sequential = network.features[: self.taps[-1] + 1].to(device).eval().requires_grad_(False)  # type: ignore[index, union-attr]
        self._shift = torch.tensor(self.shift, device=device).view(1, 3, 1, 1)
        self._scale = torch.tensor(self.scale, device=device).view(1, 3, 1, 1)

    @torch.no_grad()
    def embed(self, images_u8: Tensor) -> Embedding:
        """Compute the maps after the tapped ReLUs; features are the spatial mean of the last."""
        x = as_rgb(images_u8).float().div(127.5).sub(1.0)
        size = [max(side, SMALLEST_SIDE) for side in x.shape[2:]]
        if size != list(x.shape[2:]):
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
        x = (x - self._shift) / self._scale
        maps = []
        with full_precision():
            for position, layer in enumerate(self.trunk):
                x = layer(x)
                if position in self.taps:
                    maps.append(x)
        return Embedding(x.mean((2, 3)), tuple(maps))


@features("alex")
@dataclass
class Alex(_ImageNetTrunk):
    """AlexNet trained on ImageNet (torchvision), five ReLU maps; the trunk of LPIPS."""

    name = "alex"
    layers = ("relu1", "relu2", "relu3", "relu4", "relu5")
    taps = (1, 4, 7, 9, 11)

    def architecture(self) -> nn.Module:
        """Build AlexNet with its classifier, so that the whole file is checked."""
        from torchvision.models import alexnet

        network: nn.Module = alexnet(weights=None)
        return network


@features("vgg")
@dataclass
class Vgg(_ImageNetTrunk):
    """VGG-16 trained on ImageNet (torchvision), five ReLU maps."""

    name = "vgg"
    layers = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
    taps = (3, 8, 15, 22, 29)

    def architecture(self) -> nn.Module:
        """Build VGG-16 with its classifier, so that the whole file is checked."""
        from torchvision.models import vgg16

        network: nn.Module = vgg16(weights=None)
        return network


OUTPUTS = ["2048", "logits_unbiased"]
"""Names in torch-fidelity of the features of FID and of the logits of the Inception score."""


@features("inception")
@dataclass
class Inception(PinnedNetwork):
    """Inception of the original FID code (torch-fidelity's port): 2048 features after its pooling, 1008 logits."""

    name = "inception"
    categories = 1008

    def protocol(self) -> dict[str, Any]:
        """Return layer, checksum and the resizing inside the network."""
        return self._protocol(
            layer="2048",
            logits="1008, without their bias",
            resize="299x299, bilinear as in TensorFlow 1 (no half-pixel centres), inside the network",
            normalize="(x - 128) / 128 of 8-bit pixels",
            grey="repeated in three channels",
        )

    def load(self, device: str) -> None:
        """Read the weights; see ``FeatureExtractor.load``."""
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        path = self.file.find()
        try:
            # The constructor draws random weights first, then unpickles the whole file, whose checksum was verified.
            with torch.random.fork_rng(devices=[]):
                network = FeatureExtractorInceptionV3("inception", OUTPUTS, feature_extractor_weights_path=str(path))
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise WeightsError(f"weights {path}: not torch-fidelity's Inception ({error!r:.120})") from error
        self.network: nn.Module = network.to(device)

    @torch.no_grad()
    def embed(self, images_u8: Tensor) -> Embedding:
        """Compute features ``[B, 2048]`` and logits ``[B, 1008]``; there are no maps."""
        with full_precision():
            pooled, logits = self.network(as_rgb(images_u8).contiguous())
        return Embedding(pooled, (), logits)
