"""FFHQ: portraits from Flickr, as official thumbnails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal

from bench.core.errors import DataError
from bench.core.registry import dataset
from bench.datasets.decoding import Decoder, Fixed
from bench.datasets.layouts import Layout, carve, list_files
from bench.datasets.manual import ManualImages

IMAGES = "thumbnails128x128"
ORIGINAL_SIDE = 128
FIRST_TEST = 60_000


@dataset("ffhq")
@dataclass
class Ffhq(ManualImages):
    """FFHQ: 70,000 portraits from Flickr, aligned; the official thumbnails of 128 x 128.

    Images 0 to 59,999 are for training, and ``val`` is taken from them; those from 60,000 are the test split (the
    official division into training and validation, Karras et al., 2019). Images are ordered by number, whether the
    files are in one folder or, as in the official download, in folders of a thousand.

    Attributes:
        side: 128 pixels as published, or 64, resized bilinearly.

    Example:
        >>> from bench.datasets.catalogue import open_dataset
        >>> source = open_dataset("ffhq", {"side": 64})
        >>> source.decoder().shape, source.complete["images"], source.rules()["first_test"]
        ((3, 64, 64), 70000, 60000)
    """

    side: Literal[64, 128] = 128

    needed = (f"{IMAGES}/",)
    homepage = "https://github.com/NVlabs/ffhq-dataset"
    archives = f"the folder {IMAGES}"
    complete: ClassVar[Mapping[str, int]] = {"images": 70_000}

    def rules(self) -> dict[str, Any]:
        """Return the options and the first number of the test split."""
        return super().rules() | {"first_test": FIRST_TEST}

    def list_inputs(self) -> list[str]:
        """Return all thumbnails."""
        names = list_files(self.root / IMAGES, f"{self.who}: {IMAGES}", {".png"})
        return [f"{IMAGES}/{name}" for name in names]

    def decoder(self) -> Decoder:
        """Return a decoder to RGB of the whole image."""
        return Decoder(self.side, self.side, 3, Fixed(ORIGINAL_SIDE, ORIGINAL_SIDE, demand="thumbnails have"))

    def layout(self) -> Layout:
        """Return splits by number.

        Raises:
            DataError: a name is not a number, a number occurs twice, or one side of 60,000 has too few images.
        """
        numbered: dict[int, str] = {}
        for name in self.list_inputs():
            number = self._number(name)
            if number in numbered:
                raise DataError(f"{self.who}: '{numbered[number]}' and '{name}' are the same image")
            numbered[number] = name
        rest = [numbered[number] for number in sorted(numbered) if number < FIRST_TEST]
        test = [numbered[number] for number in sorted(numbered) if number >= FIRST_TEST]
        if len(rest) < 2 or not test:
            raise DataError(
                f"{self.who}: {len(rest)} images below number {FIRST_TEST} for train and val (2 or more needed), "
                f"{len(test)} from there on for test (1 or more needed)"
            )
        train, val = carve(rest)
        return Layout({"train": train, "val": val, "test": test}, found={"images": len(numbered)})

    def _number(self, name: str) -> int:
        stem = PurePosixPath(name).stem
        if not (stem.isascii() and stem.isdecimal()):
            raise DataError(f"{self.who}: '{name}' should be a number, like 00000.png")
        return int(stem)
