"""Metrics of single images by libraries that nobody here wrote: scikit-image, lpips, scikit-learn, SciPy, NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.core.options import create
from bench.core.types import FeatureExtractor, Prior

Levels = NDArray[np.uint8]
Values = NDArray[np.float64]


@dataclass
class SampledPairs:
    """Sampled images of one record and track.

    Attributes:
        target: ``[k, C, H, W]`` in [-1, 1], as the method was given them.
        output: decoded codes, the same shape, not rounded.
        codes: ``[k, d]``.
        true_codes: ``[k, d]``, or None.
        labels: ``[k]``, or None.
        prior: prior of the codes.
    """

    target: NDArray[np.float32]
    output: NDArray[np.float32]
    codes: NDArray[np.float64]
    true_codes: NDArray[np.float64] | None
    labels: NDArray[np.int64] | None
    prior: Prior

    @property
    def levels(self) -> tuple[Levels, Levels]:
        """Targets and outputs as 8-bit pixels: clipped to [-1, 1], rounded to the nearest of 256 levels."""
        return _levels(self.target), _levels(self.output)


def _levels(images: NDArray[np.float32]) -> Levels:
    levels: Levels = np.rint((np.clip(images, -1, 1) + np.float32(1)) * np.float32(127.5)).astype(np.uint8)
    return levels


@dataclass(frozen=True)
class OutsideMetric:
    """A metric by an outside library.

    Attributes:
        package: name of the outside library.
        compute: function of sampled pairs and the name of the network that gives one value per image.
        absolute: largest difference that rounding explains; other sizes of batches give other last bits, and a pixel
            may round to the next level.
        relative: the same, as a share of the value.
        half: how many times larger the differences may be for codes in 16 bits.
    """

    package: str
    compute: Callable[[SampledPairs, str], Values]
    absolute: float
    relative: float
    half: float = 20.0


def psnr(pairs: SampledPairs, network: str) -> Values:
    """PSNR by scikit-image, infinite for identical images; the caller applies a ceiling."""
    from skimage.metrics import peak_signal_noise_ratio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _each(pairs, partial(peak_signal_noise_ratio, data_range=255))


def ssim(pairs: SampledPairs, network: str) -> Values:
    """SSIM by scikit-image with the window of Wang et al. 2004."""
    from skimage.metrics import structural_similarity

    how: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    of_channel: Callable[[Any, Any], Any] = partial(structural_similarity, **how)
    return _each(pairs, lambda x, y: np.mean([of_channel(a, b) for a, b in zip(x, y, strict=True)]))


def mse(pairs: SampledPairs, network: str) -> Values:
    """Mean squared error by scikit-image, in squared units of [-1, 1]."""
    from skimage.metrics import mean_squared_error

    return _each(pairs, lambda x, y: mean_squared_error(x / 127.5, y / 127.5))


def mae(pairs: SampledPairs, network: str) -> Values:
    """Mean absolute error by scikit-learn, in units of [-1, 1]."""
    from sklearn.metrics import mean_absolute_error

    return _each(pairs, lambda x, y: mean_absolute_error(x.ravel() / 127.5, y.ravel() / 127.5))


def _each(pairs: SampledPairs, function: Callable[[Any, Any], Any]) -> Values:
    target, output = pairs.levels
    return np.array([float(function(x, y)) for x, y in zip(target, output, strict=True)])


def lpips(pairs: SampledPairs, network: str) -> Values:
    """LPIPS with the functions of the lpips package on the maps of a network."""
    from lpips import normalize_tensor, spatial_average

    from bench.metrics.perceptual import read_heads
    from bench.metrics.weights import LPIPS_HEADS

    extractor = network_of_name(network)
    heads = read_heads(network, "cpu") if network in LPIPS_HEADS else None
    first, second = (extractor.embed(torch.from_numpy(side)).maps for side in pairs.levels)
    total = np.zeros(len(pairs.target))
    for layer, (x, y) in enumerate(zip(first, second, strict=True)):
        gap = (normalize_tensor(x) - normalize_tensor(y)) ** 2
        weighted = gap if heads is None else gap * heads[layer].view(1, -1, 1, 1)
        total += spatial_average(weighted.sum(1, keepdim=True), keepdim=True).flatten().double().numpy()
    return total


def ms_ssim(pairs: SampledPairs, network: str) -> Values:
    """MS-SSIM of five scales by pytorch-msssim.

    Raises:
        ImportError: the package is not installed.
    """
    from pytorch_msssim import ms_ssim as computed

    first, second = (torch.from_numpy(side).double() for side in pairs.levels)
    found: Values = computed(first, second, data_range=255, size_average=False).numpy()
    return found


def label_accuracy(pairs: SampledPairs, network: str) -> Values:
    """Share of right classes by scikit-learn, of a network's predictions."""
    from sklearn.metrics import accuracy_score

    logits = network_of_name(network).embed(torch.from_numpy(pairs.levels[1])).logits
    assert logits is not None
    assert pairs.labels is not None
    predicted = logits.argmax(1).numpy()
    return np.array([accuracy_score([a], [b]) for a, b in zip(pairs.labels, predicted, strict=True)], np.float64)


def code_mse(pairs: SampledPairs, network: str) -> Values:
    """Mean squared error of codes by NumPy."""
    assert pairs.true_codes is not None
    found: Values = np.square(pairs.codes - pairs.true_codes).mean(1)
    return found


def recovery_error(pairs: SampledPairs, network: str) -> Values:
    """Mean squared error of images that are not rounded, by NumPy."""
    gap = pairs.target.astype(np.float64) - pairs.output.astype(np.float64)
    found: Values = np.square(gap).reshape(len(gap), -1).mean(1)
    return found


def log_prob(pairs: SampledPairs, network: str) -> Values:
    """Log density by SciPy, for the normal and the uniform prior.

    Raises:
        ImportError: the prior is another one, which SciPy does not have.
    """
    from scipy import stats

    from bench.gans.priors import Normal, Uniform

    prior = pairs.prior
    if isinstance(prior, Normal):
        found: Values = stats.norm.logpdf(pairs.codes).sum(1)
    elif isinstance(prior, Uniform):
        found = stats.uniform.logpdf(pairs.codes, prior.low, prior.high - prior.low).sum(1)
    else:
        raise ImportError(f"SciPy has no prior '{prior.name}'")
    return found


def network_of_name(name: str) -> FeatureExtractor:
    """Return a loaded feature network; the last one is kept in memory."""
    if name not in _NETWORKS:
        _NETWORKS.clear()
        _NETWORKS[name] = create("features", name)
        _NETWORKS[name].load("cpu")
    return _NETWORKS[name]


_NETWORKS: dict[str, FeatureExtractor] = {}
OUTSIDE: Mapping[str, OutsideMetric] = {
    "psnr": OutsideMetric("scikit-image", psnr, absolute=2e-2, relative=0.0),
    "ssim": OutsideMetric("scikit-image", ssim, absolute=2e-3, relative=0.0),
    "mse": OutsideMetric("scikit-image", mse, absolute=2e-6, relative=5e-3),
    "mae": OutsideMetric("scikit-learn", mae, absolute=2e-5, relative=5e-3),
    "lpips": OutsideMetric("lpips", lpips, absolute=1e-4, relative=1e-2),
    "ms_ssim": OutsideMetric("pytorch-msssim", ms_ssim, absolute=2e-3, relative=0.0),
    "label_accuracy": OutsideMetric("scikit-learn", label_accuracy, absolute=0.0, relative=0.0, half=1.0),
    "code_mse": OutsideMetric("NumPy", code_mse, absolute=1e-9, relative=1e-5, half=1e4),
    "recovery_error": OutsideMetric("NumPy", recovery_error, absolute=1e-8, relative=1e-3, half=1e3),
    "log_prob": OutsideMetric("SciPy", log_prob, absolute=1e-3, relative=1e-5, half=1e3),
}
"""Metrics that an outside library has, by the name before @ and its options."""


def tensor_of(images: Tensor) -> NDArray[np.float32]:
    """Return images as an array on the CPU."""
    found: NDArray[np.float32] = images.detach().float().cpu().numpy()
    return found
