"""The images that an application changes, with the GAN and the fitted method that invert and decode them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench.applications.masked import MaskedGan
from bench.applications.pictures import read_folder
from bench.applications.request import ApplicationRequest
from bench.core.errors import DataError, NotApplicable
from bench.core.registry import entries
from bench.core.types import Cell, Dataset, Gan, Images
from bench.datasets.catalogue import open_here
from bench.gans.tiling import Tiling
from bench.harness.bound_method import BoundMethod, batch_size, check_untouched
from bench.harness.context import HarnessContext, load_data, open_run
from bench.harness.fit_stage import fit
from bench.harness.invert_stage import invert_images
from bench.harness.keys import Keys, keys_of
from bench.harness.store import Store
from bench.harness.suite import parse_choice
from bench.harness.train_stage import train

USUAL = 32
"""Default number of images."""


@dataclass
class InversionSession:
    """Images ``[N, C, H, W]`` with a GAN and a method; images larger than the GAN's are inverted tile by tile.

    Attributes:
        request: the request of the user.
        bench: store and device.
        cell: dataset, GAN, method, seed and budget.
        keys: store keys of the cell.
        data: training data of the GAN and the method.
        gan: the GAN, frozen.
        method: the fitted method.
        images: the images that are changed.
        source: their origin in words.
        tiling: the grid of tiles; 1 x 1 for images of the GAN's size.
    """

    request: ApplicationRequest
    bench: HarnessContext
    cell: Cell
    keys: Keys
    data: Dataset
    gan: Gan
    method: BoundMethod
    images: Images
    source: str
    tiling: Tiling

    @property
    def x(self) -> Tensor:
        """The images as floats in [-1, 1], on the device."""
        return self.images.floats(slice(None)).to(self.bench.device)

    @property
    def from_folder(self) -> bool:
        """True if the images are files of the user, in the order of their names."""
        return bool(self.request.images) and Path(self.request.images).expanduser().is_dir()

    @property
    def view(self) -> Gan:
        """The GAN in the space of the method's codes."""
        return self.method.view

    def invert(self, x: Tensor, what: str = "invert images") -> Tensor:
        """Return codes ``[B, T·d]`` of images ``[B, C, H, W]``, the codes of their T tiles concatenated."""
        return self._codes(self.tiling.cut(x), what).view(len(x), -1)

    def invert_visible(self, x: Tensor, visible: Tensor, fill: float) -> Tensor:
        """Return codes ``[B, T·d]`` of images with hidden pixels.

        A search ignores hidden pixels, see ``MaskedGan``; an encoder is applied to the filled image (invgan, section
        4.2).

        Args:
            x: images ``[B, C, H, W]`` with hidden pixels filled.
            visible: mask of visible pixels, bool ``[1, H, W]``.
            fill: value of hidden pixels.
        """
        tiles = self.tiling.cut(x).unflatten(0, (len(x), self.tiling.count))
        masks = self.tiling.cut(visible[None])
        try:
            codes = []
            for number, mask in enumerate(masks):
                self._bind(MaskedGan(self.gan, mask, fill))
                codes.append(self._codes(tiles[:, number].contiguous(), "invert visible pixels"))
        finally:
            self._bind(self.gan)
        return torch.stack(codes, 1).flatten(1)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes ``[B, T·d]`` to images ``[B, C, H, W]``."""
        tiles = codes.reshape(len(codes) * self.tiling.count, -1)
        parts = [self.view.decode(part).float() for part in tiles.split(batch_size(self.gan))]
        return self.tiling.join(torch.cat(parts))

    def _codes(self, tiles: Tensor, what: str) -> Tensor:
        before = self.gan.checksum()
        self.method.base.run.reseed()
        codes = invert_images(self.bench, self.method, Images(tiles), what)
        check_untouched(self.gan, before, "invert")
        return codes

    def _bind(self, gan: Gan) -> None:
        run = open_run(self.bench, self.cell, self.keys.invert, "invert")
        run.checkpoint = None
        self.method.bind(gan, run)


def open_subject(
    request: ApplicationRequest, check: Callable[[int, int], None], store: Store | None = None
) -> InversionSession:
    """Train or read the GAN, fit or restore the method, and read the images.

    Args:
        request: the request of the user.
        check: ``Application.check``, which refuses a number of images or of tiles before the method is fitted.
        store: store of GANs and methods; the user's if None.

    Raises:
        NotApplicable: the method does not support this GAN, or the application does not support the images.
        DataError: data are missing, images have the wrong size, or there are too few.
        BenchError: names or options are invalid.
    """
    bench = HarnessContext(store or Store(), request.device, request.progress)
    cell = request.cell()
    open_here(cell.dataset, "--dataset")
    keys, data = keys_of(cell), load_data(bench, cell)
    if not data.test.is_picture:
        raise NotApplicable(f"dataset {cell.dataset.title}: these are points; an application takes pictures")
    gan, _ = train(bench, cell, keys)
    images, source = _pictures(request, data, gan)
    tiling = Tiling.fitting(gan.image_shape, images.shape)
    check(len(images), tiling.count)
    method, _ = fit(bench, cell, keys, gan)
    subject = InversionSession(
        request,
        bench,
        cell=cell,
        keys=keys,
        data=data,
        gan=gan,
        method=method,
        images=images,
        source=source,
        tiling=tiling,
    )
    subject._bind(gan)
    return subject


def _pictures(request: ApplicationRequest, data: Dataset, gan: Gan) -> tuple[Images, str]:
    channels, height, width = gan.image_shape
    folder = Path(request.images).expanduser()
    if request.images and folder.is_dir():
        side = (request.side, request.side) if request.side else (height, width)
        Tiling.fitting(gan.image_shape, (channels, *side))
        images, _ = read_folder(folder, (channels, *side), request.count, USUAL)
        return images, f"images of {folder.name}"
    if request.side:
        raise DataError("--side scales images of a folder; add --images FOLDER")
    if request.images:
        data = _other(request.images)
    return data.test.first(_count(request, len(data.test), data.name)), f"test images of {data.name}"


def _count(request: ApplicationRequest, available: int, name: str) -> int:
    if request.count > available:
        raise DataError(f"--count {request.count}: the test split of {name} has {available:,} images")
    return request.count or min(USUAL, available)


def _other(text: str) -> Dataset:
    choice = parse_choice(text, "--images")
    if choice.name.split(":")[0] not in entries("dataset"):
        raise DataError(f"--images {text}: neither a folder nor a dataset")
    return open_here(choice, "--images").load()
