"""Images, datasets and their sources."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor

Shape = tuple[int, int, int]
"""Channels, height, width."""


@dataclass(frozen=True, eq=False)
class Images:
    """A set of images with their labels or attributes.

    Attributes:
        data: ``[N, C, H, W]``. uint8 for pictures; float32 for 2-D points as ``[N, 2, 1, 1]``, and for generated
            images, whose exact values matter.
        labels: ``[N]`` int64 class of each image, or None.
        attributes: ``[N, A]`` bool, or None; column names in ``attribute_names``.
    """

    data: Tensor
    labels: Tensor | None = None
    attributes: Tensor | None = None
    attribute_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.data.shape[0])

    @property
    def shape(self) -> Shape:
        """Channels, height and width of one image."""
        _, channels, height, width = self.data.shape
        return int(channels), int(height), int(width)

    @property
    def is_picture(self) -> bool:
        """True if values are 8-bit pixels (False for points and for exact generator outputs)."""
        return not self.data.is_floating_point()

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over shape, type, values, labels and attributes (hex)."""
        digest = hashlib.sha256()
        for name in ("data", "labels", "attributes"):
            tensor = getattr(self, name)
            if tensor is not None:
                digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
                for part in tensor.split(4096):
                    digest.update(part.cpu().contiguous().numpy().data)
        digest.update(repr(self.attribute_names).encode())
        return digest.hexdigest()

    def floats(self, index: slice | Tensor) -> Tensor:
        """Return the selected images as float32 in [-1, 1] (points and float images unchanged).

        Args:
            index: a slice, or row numbers ``[B]``.
        """
        chosen = self.data[index] if isinstance(index, slice) else self.data.index_select(0, index)
        return chosen.float().div_(127.5).sub_(1.0) if self.is_picture else chosen

    def batches(self, size: int) -> Iterator[tuple[slice, Tensor]]:
        """Yield rows and floats of all images in order; the last batch may be smaller."""
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part, self.floats(part)

    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw ``count`` images with replacement as float32 in [-1, 1]."""
        return self.floats(self.draw(count, rng))

    def draw(self, count: int, rng: Generator) -> Tensor:
        """Draw ``count`` row numbers with replacement, on the images' device."""
        import torch

        return torch.randint(len(self), (count,), generator=rng, device=self.data.device)

    def first(self, count: int) -> Images:
        """Return the first ``count`` images; 0 means all.

        Raises:
            ValueError: there are fewer images.
        """
        if count == 0 or count == len(self):
            return self
        if count > len(self):
            raise ValueError(f"{count} images asked for, {len(self)} are there")
        return self.take(slice(0, count))

    def take(self, index: slice | Tensor) -> Images:
        """Return the selected images with their labels and attributes."""
        labels = None if self.labels is None else self.labels[index]
        attributes = None if self.attributes is None else self.attributes[index]
        return Images(self.data[index], labels, attributes, self.attribute_names)

    def to(self, device: str) -> Images:
        """Return the images on another device; itself if they are on it."""
        if self.data.device.type == device:
            return self
        labels = None if self.labels is None else self.labels.to(device)
        attributes = None if self.attributes is None else self.attributes.to(device)
        return Images(self.data.to(device), labels, attributes, self.attribute_names)


@dataclass(frozen=True, eq=False)
class FitData:
    """Data for fitting a method: ``train``, and ``val`` for tuning, without the test split."""

    name: str
    train: Images
    val: Images
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Dataset(FitData):
    """All three splits; ``test`` is read by the invert and measure stages alone."""

    test: Images = field(kw_only=True)

    def without_test(self) -> FitData:
        """Return the part of the dataset for training and fitting."""
        return FitData(self.name, self.train, self.val, self.classes)

    @property
    def shape(self) -> Shape:
        """Channels, height and width of one image."""
        return self.train.shape


class DatasetSource(ABC):
    """Source of a dataset. Subclasses are dataclasses whose fields are the options of a suite file.

    Derive from ``bench.datasets.source.GuardedSource``, whose ``load`` raises an error while a method is fitted, so
    that fitting cannot use test images.
    """

    @abstractmethod
    def identity(self) -> str:
        """Return a text that identifies the loaded content (checksums of the files, seed, options).

        It is cheap and works without torch, because it is part of every key.

        Raises:
            DataError: the data are missing or damaged; the message states how to get them.
        """

    @abstractmethod
    def availability(self) -> tuple[bool, str]:
        """Return True and the location of the data, or False and the reason why they are missing."""

    @abstractmethod
    def get(self) -> str:
        """Fetch the data if they are missing; return their location.

        Raises:
            DataError: the data cannot be fetched; the message states what to do by hand.
        """

    @abstractmethod
    def load(self) -> Dataset:
        """Read the data.

        Raises:
            DataError: files are missing or damaged.
        """
