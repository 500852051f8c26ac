"""UT Zappos50K: catalogue photographs of shoes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from bench.core.registry import dataset
from bench.datasets.decoding import Box, Decoder
from bench.datasets.layouts import Layout, hold_out, list_files
from bench.datasets.manual import ManualImages

IMAGES = "ut-zap50k-images-square"


@dataclass(frozen=True)
class Square:
    """Window of the whole image, which must be square."""

    def __call__(self, path: Path, width: int, height: int) -> Box:
        """Return the box. Raises ValueError for an image that is not square."""
        if width != height:
            raise ValueError(f"{width} x {height} pixels, but the images of {IMAGES} are square")
        return 0, 0, width, height


@dataset("shoes")
@dataclass
class Shoes(ManualImages):
    """UT Zappos50K: 50,025 photographs of shoes on white, square; four categories.

    1,000 images of a seeded shuffle are held out for testing (Creswell and Bharath, section V-B); ``val`` is taken
    from the others. Nearly all originals have 136 x 136 pixels; every square size is accepted. The class is the
    category, the first level of folders.

    Attributes:
        side: 64 or 128 pixels, to which images are resized bilinearly.
        test_images: number of images that are held out. A reduced copy of the dataset needs a smaller number.

    Example:
        >>> from bench.datasets.catalogue import open_dataset
        >>> source = open_dataset("shoes", {"side": 128, "test_images": 10})
        >>> decoder = source.decoder()
        >>> decoder.shape, decoder.window("shoe.jpg", 136, 136)  # the whole image, resized
        ((3, 128, 128), (0, 0, 136, 136))
    """

    side: Literal[64, 128] = 64
    test_images: int = 1_000

    needed = (f"{IMAGES}/",)
    homepage = "https://vision.cs.utexas.edu/projects/finegrained/utzap50k/"
    archives = f"{IMAGES}.zip"
    complete: ClassVar[Mapping[str, int]] = {"images": 50_025}

    def __post_init__(self) -> None:
        if self.test_images < 1:
            raise ValueError(f"test_images = {self.test_images}: expected 1 or more")

    def list_inputs(self) -> list[str]:
        """Return all photographs."""
        names = list_files(self.root / IMAGES, f"{self.who}: {IMAGES}", {".jpg"})
        return [f"{IMAGES}/{name}" for name in names]

    def decoder(self) -> Decoder:
        """Return a decoder to RGB of the whole image."""
        return Decoder(self.side, self.side, 3, Square())

    def layout(self) -> Layout:
        """Return splits by a seeded shuffle, and classes by category.

        Raises:
            DataError: there are too few images.
        """
        names = self.list_inputs()
        splits = hold_out(names, self.test_images, self.who)
        return Layout(splits, tuple(sorted({_category(n) for n in names})), _category, found={"images": len(names)})


def _category(name: str) -> str:
    return name.split("/")[1]
