"""Validation of GANs that the suite did not build against the contract of ``bench.core.types.Gan``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bench.core.errors import ContractError
from bench.core.types import Gan, Prior, Shape

SAMPLES = 4
"""Number of codes that are decoded for the checks."""
RANGE_TOLERANCE = 1e-3
REPEAT_TOLERANCE = 1e-5
"""Largest difference of two images of one code, of pixels in [-1, 1]."""
BATCH_TOLERANCE = 1e-3
"""Largest difference from rounding between an image in a batch and alone."""


def shape_of(generator: nn.Module, prior: Prior, device: str, where: str) -> Shape:
    """Return channels, height and width of a generator's images, found by decoding samples of the prior.

    Raises:
        ContractError: the generator fails, or returns something other than a tensor ``[B, C, H, W]``.
    """
    _, channels, height, width = _decoded(generator, _samples(prior, device), where).shape
    return channels, height, width


def examine(gan: Gan, device: str, where: str) -> None:
    """Decode a few codes and check the images, then the discriminator if there is one.

    Args:
        gan: on the device, frozen.
        device: device of the GAN.
        where: the GAN's name, with which errors begin.

    Raises:
        ContractError: images that are not ``[B, C, H, W]`` float32 in [-1, 1] of the stated shape, that are random,
            that depend on other codes of the batch or through which no gradient flows; a discriminator without
            usable features.
    """
    codes = _samples(gan.prior, device)
    images = _decoded(gan.generator, codes, where)
    _check_values(images, gan.image_shape, where)
    if _apart(images, _decoded(gan.generator, codes, where)) > REPEAT_TOLERANCE:
        raise ContractError(
            f"{where}: the generator is stochastic: two images of one code differ; fix or remove its noise"
        )
    alone = torch.cat([_decoded(gan.generator, code, where) for code in codes.split(1)])
    if _apart(images, alone) > BATCH_TOLERANCE:
        raise ContractError(
            f"{where}: an image changes by {_apart(images, alone):.2g} with the other codes of its batch; batch norm "
            "in train mode does this (call eval() before you trace, script or export)"
        )
    _check_gradient(gan.generator, codes, where)
    if gan.discriminator is not None:
        _check_discriminator(gan.discriminator, images, where)


def said(error: Exception) -> str:
    """Return an exception of the user's code as one line; for TorchScript this is the last line of its message."""
    lines = str(error).strip().splitlines() or [""]
    return lines[-1] if "TorchScript" in lines[0] else f"{type(error).__name__}: {lines[0]}"


def _samples(prior: Prior, device: str) -> Tensor:
    return prior.sample(SAMPLES, torch.Generator(device).manual_seed(0))


def _decoded(generator: nn.Module, codes: Tensor, where: str) -> Tensor:
    with torch.no_grad():
        images = _called(generator, codes, where)
    if not isinstance(images, Tensor) or images.dim() != 4 or len(images) != len(codes):
        found = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ContractError(
            f"{where}: codes {list(codes.shape)} gave {found}, expected a tensor of images [{len(codes)}, C, H, W]"
        )
    return images.detach()


def _called(generator: nn.Module, codes: Tensor, where: str) -> Any:
    try:
        return generator(codes)
    except Exception as error:
        raise ContractError(f"{where}: the generator fails on codes {list(codes.shape)}: {said(error)}") from error


def _check_values(images: Tensor, stated: Shape, where: str) -> None:
    if not torch.isfinite(images).all():
        raise ContractError(f"{where}: images hold NaN or infinite values")
    low, high = float(images.min()), float(images.max())
    if low < -1 - RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE:
        raise ContractError(f"{where}: images in [{low:.4g}, {high:.4g}]; expected [-1, 1]")
    if images.dtype != torch.float32:
        raise ContractError(f"{where}: images are {images.dtype}; expected torch.float32")
    if tuple(images.shape[1:]) != stated:
        raise ContractError(f"{where}: images are {list(images.shape[1:])}, but image_shape is {list(stated)}")


def _check_gradient(generator: nn.Module, codes: Tensor, where: str) -> None:
    moved = codes.clone().requires_grad_()
    images = _called(generator, moved, where)
    if not images.requires_grad:
        raise ContractError(f"{where}: no gradient flows from images to codes; remove torch.no_grad and detach")
    try:
        torch.autograd.grad(images.sum(), moved)
    except RuntimeError as error:
        raise ContractError(f"{where}: no gradient flows from images to codes: {said(error)}") from error


def _check_discriminator(discriminator: nn.Module, images: Tensor, where: str) -> None:
    layers, features = getattr(discriminator, "layers", None), getattr(discriminator, "features", None)
    lacks = [
        text
        for text, there in {
            "layers (names of its activation maps, 'last' among them)": _names_last(layers),
            "features(x, layers) -> list of maps": callable(features) and not isinstance(features, nn.Module),
        }.items()
        if not there
    ]
    if lacks:
        raise ContractError(
            f"{where}: the discriminator lacks {' and '.join(lacks)}; add them, or leave the discriminator out"
        )
    try:
        with torch.no_grad():
            maps: Any = discriminator.features(images, ("last",))  # type: ignore[operator]
    except Exception as error:
        raise ContractError(f"{where}: the discriminator's features fail: {said(error)}") from error
    one = isinstance(maps, list | tuple) and len(maps) == 1 and isinstance(maps[0], Tensor)
    if not one or maps[0].shape[:1] != images.shape[:1]:
        found = list(maps[0].shape) if one else type(maps).__name__
        raise ContractError(
            f"{where}: features of one layer of {len(images)} images gave {found}, expected a list of one tensor "
            f"[{len(images)}, ...]"
        )


def _names_last(layers: object) -> bool:
    return isinstance(layers, list | tuple) and all(isinstance(name, str) for name in layers) and "last" in layers


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())
