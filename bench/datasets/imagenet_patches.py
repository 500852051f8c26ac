"""Small patches of ImageNet photographs, for models that invert images tile by tile."""

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

    Patches keep the photographs' resolution, nothing is resized (InvGAN, section 4.3). The last 10,000 images of a
    seeded shuffle are the test split, ``val`` is carved from the others. The class is the WordNet id, the folder.

    Attributes:
        seed: chooses the places of the patches; see ``Patch``.
        test_images: how many images are held out. A reduced copy of the dataset needs a smaller number.
        train_images: use only the first so many images of the shuffled training split; 0 uses all.
        on_bad: what to do with a photograph that is damaged or has a side under 32: "fail", or "skip" it with a
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
        """The folder ``imagenet``: the photographs are ImageNet's, only the patches are ours."""
        return data_folder() / "imagenet"

    def list_inputs(self) -> list[str]:
        """All photographs."""
        names = list_files(self.root / IMAGES, f"{self.who}: {IMAGES}", {".jpeg"})
        return [f"{IMAGES}/{name}" for name in names]

    def decoder(self) -> Decoder:
        """Colour, the patch as it is."""
        return Decoder(SIDE, SIDE, 3, Patch(SIDE, self.seed))

    def layout(self) -> Layout:
        """Splits by seeded shuffle, classes by folder.

        Raises:
            DataError: a photograph outside of a class folder, or too few.
        """
        names = self.list_inputs()
        for name in names:
            if name.count("/") != 2:
                raise DataError(f"{self.who}: '{name}' should lie in {IMAGES}/WNID/")
        splits = hold_out(names, self.test_images, self.who)
        if self.train_images:
            splits["train"] = splits["train"][: self.train_images]
        return Layout(splits, tuple(sorted({_wnid(n) for n in names})), _wnid, found={"images": len(names)})

    def skips_bad(self) -> bool:
        """As the option ``on_bad`` says."""
        return self.on_bad == "skip"


@dataclass(frozen=True)
class Patch:
    """A square at a place that is uniform over the image and depends on the file's name and the seed alone.

    Other files of the dataset have no influence, so adding some moves no patch. The place is drawn by SHA-256.

    Attributes:
        side: side in pixels.
        seed: another seed, another place.
    """

    side: int
    seed: int

    def __call__(self, path: Path, width: int, height: int) -> Box:
        """The box. Raises ValueError for an image that is too small."""
        if min(width, height) < self.side:
            raise ValueError(f"{width} x {height} pixels hold no patch of {self.side} x {self.side}")
        drawn = hashlib.sha256(f"{self.seed} {path.parent.name}/{path.name}".encode()).digest()
        left = int.from_bytes(drawn[:8], "big") % (width - self.side + 1)
        top = int.from_bytes(drawn[8:16], "big") % (height - self.side + 1)
        return left, top, left + self.side, top + self.side


def _wnid(name: str) -> str:
    return name.split("/")[1]
