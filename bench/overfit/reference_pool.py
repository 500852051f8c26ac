"""Training images of reference generators, and unseen images: both from one pool in random order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench.core.errors import DataError
from bench.core.types import Images


def sizes_of(sizes: Sequence[int], available: int) -> tuple[int, ...]:
    """Return the numbers of training images that are available, rising; 0 stands for all and comes last.

    Raises:
        DataError: none of them is available.
    """
    found = sorted({size for size in sizes if 0 < size < available})
    if any(size == 0 or size >= available for size in sizes):
        found.append(0)
    if not found:
        raise DataError(f"sizes {list(sizes)}: name at least one number of training images, or 0 for all")
    return tuple(found)


@dataclass(frozen=True)
class Pool:
    """All images of a dataset in one random order, cut into those to train on and unseen ones.

    Both come from one pool, so that they are exchangeable for a generator that did not memorise its training set.
    """

    train: Images
    unseen: Images


def split_pool(parts: Sequence[Images], unseen: int, seed: int) -> Pool:
    """Join the splits of a dataset, drop repeated images, shuffle, and split.

    Args:
        parts: splits of the dataset, of one shape.
        unseen: number of images that no generator is trained on.
        seed: seed of the order.

    Raises:
        DataError: the pool does not hold more images than ``unseen``.
    """
    images = distinct(joined(parts))
    if len(images) <= unseen:
        raise DataError(f"{unseen:,} unseen images requested, {len(images):,} different images available in all")
    order = torch.from_numpy(np.random.RandomState(seed).permutation(len(images)))
    cut = len(images) - unseen
    return Pool(images.take(order[:cut]), images.take(order[cut:]))


def joined(parts: Sequence[Images]) -> Images:
    """Join several sets of images, with labels if all have them."""
    labels = [p.labels for p in parts if p.labels is not None]
    return Images(torch.cat([p.data for p in parts]), torch.cat(labels) if len(labels) == len(parts) else None)


def distinct(images: Images) -> Images:
    """Return the images without those that repeat an earlier one pixel for pixel, in the same order."""
    rows = images.data.reshape(len(images), -1).contiguous().numpy()
    _, first = np.unique(rows.view(np.dtype((np.void, rows.strides[0]))), return_index=True)
    return images.take(torch.from_numpy(np.sort(first)))
