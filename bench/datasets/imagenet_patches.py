"""Small patches of ImageNet photographs, for models that invert images patch by patch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from bench.core.errors import DataError
from bench.core.paths import data_folder
from bench.core.registry import dataset
from bench.datasets.decoding import Box, Decoder
from bench.datasets.layouts import Layout, hold_out, list_files
from bench.datasets.manual import ManualImages

IMAGES = "train"
SIDE = 32


@dataset("imagenet-patches")
@dataclass
class ImagenetPatches(ManualImages):
    """ImageNet: one patch of 32 x 32 pixels from each of the 1,281,167 training photographs.

    Patches keep the photographs' resolution without resizing (InvGAN, section 4.3). The last 10,000 images of a
    seeded shuffle are the test split; ``val`` is taken from the others. The class is the WordNet id, the folder.

    Attributes:
        seed: seed of the patches' positions; see ``Patch``.
        test_images: number of images that are held out. A reduced copy of the dataset needs a smaller number.
        train_images: number of training images, the first ones of the shuffled split; 0 uses all.
        on_bad: treatment of a photograph that is damaged or has a side under 32 pixels: "fail", or "skip" it with a
            warning, which leaves its split one image short.

    Example:
        >>> from pathlib import Path
        >>> from bench.datasets.catalogue import open_dataset
        >>> patch = open_dataset("imagenet-patches", {"seed": 1}).decoder().window
        >>> left, top, right, bottom = patch(Path("n01440764/n01440764_18.JPEG"), 500, 375)
        >>> right - left, bottom - top, 0 <= left <= 500 - 32
        (32, 32, True)
    """

    seed: int = 0
    test_images: int = 10_000
    train_images: int = 0
    on_bad: Literal["fail", "skip"] = "fail"

    needed = (f"{IMAGES}/",)
    homepage = "https://image-net.org/challenges/LSVRC/2012/"
    archives = f"ILSVRC2012_img_train.tar (as {IMAGES}/n01440764/*.JPEG; a link to such a folder will do)"
    complete: ClassVar[Mapping[str, int]] = {"images": 1_281_167}

    def __post_init__(self) -> None:
        if self.test_images < 1 or self.train_images < 0:
            raise ValueError("test_images should be 1 or more, train_images 0 or more")

    @property
    def home(self) -> Path:
        """The folder ``imagenet``, which holds the photographs; patches are cut from them."""
        return data_folder() / "imagenet"

    def list_inputs(self) -> list[str]:
        """Return all photographs."""
        names = list_files(self.root / IMAGES, f"{self.who}: {IMAGES}", {".jpeg"})
        return [f"{IMAGES}/{name}" for name in names]

    def decoder(self) -> Decoder:
        """Return a decoder to RGB of the patch, without resizing."""
        return Decoder(SIDE, SIDE, 3, Patch(SIDE, self.seed))

    def layout(self) -> Layout:
        """Return splits by a seeded shuffle, and classes by folder.

        Raises:
            DataError: a photograph is outside of a class folder, or there are too few.
        """
        names = self.list_inputs()
        for name in names:
            if name.count("/") != 2:
                raise DataError(f"{self.who}: '{name}' should be in {IMAGES}/WNID/")
        splits = hold_out(names, self.test_images, self.who)
        if self.train_images:
            splits["train"] = splits["train"][: self.train_images]
        return Layout(splits, tuple(sorted({_wnid(n) for n in names})), _wnid, found={"images": len(names)})

    def skips_bad(self) -> bool:
        """Return True if the option ``on_bad`` is "skip"."""
        return self.on_bad == "skip"


@dataclass(frozen=True)
class Patch:
    """Window of a square at a uniform position that depends on the file's name and the seed alone.

    It does not depend on other files of the dataset, so that adding files moves no patch. The position is drawn with
    SHA-256.

    Attributes:
        side: side in pixels.
        seed: seed of the position.
    """

    side: int
    seed: int

    def __call__(self, path: Path, width: int, height: int) -> Box:
        """Return the box. Raises ValueError for an image that is too small."""
        if min(width, height) < self.side:
            raise ValueError(f"{width} x {height} pixels hold no patch of {self.side} x {self.side}")
        drawn = hashlib.sha256(f"{self.seed} {path.parent.name}/{path.name}".encode()).digest()
        left = int.from_bytes(drawn[:8], "big") % (width - self.side + 1)
        top = int.from_bytes(drawn[8:16], "big") % (height - self.side + 1)
        return left, top, left + self.side, top + self.side


def _wnid(name: str) -> str:
    return name.split("/")[1]
