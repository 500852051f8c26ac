"""Omniglot: handwritten characters of 50 alphabets, with other alphabets for testing than for training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from bench.core.errors import DataError
from bench.core.registry import dataset
from bench.datasets.decoding import Decoder, Fixed
from bench.datasets.layouts import Layout, carve, list_files, shuffle
from bench.datasets.manual import ManualImages

TRAIN, TEST = "images_background", "images_evaluation"
ORIGINAL_SIDE = 105


@dataset("omniglot")
@dataclass
class Omniglot(ManualImages):
    """Omniglot: 32,460 handwritten characters of 50 alphabets, one channel; 30 alphabets train, 20 test.

    The 19,280 images of the background set are for training, ``val`` is taken from them; the 13,180 of the
    evaluation set are the test split (Lake et al., 2015; Creswell and Bharath, section V-A). Both are in a seeded
    random order, so that their first images are a fair sample of alphabets. The class is ``alphabet/character``;
    no class has images in both. As in the files, ink is black (0) and paper white (255).

    Attributes:
        side: 64 (the paper's size) or 32 pixels, to which the drawings of 105 x 105 are resized bilinearly.

    Example:
        >>> from bench.datasets.catalogue import open_dataset
        >>> source = open_dataset("omniglot", {"side": 32})
        >>> source.decoder().shape, sum(source.complete.values())
        ((1, 32, 32), 32460)
    """

    side: Literal[32, 64] = 64

    needed = (f"{TRAIN}/", f"{TEST}/")
    inner_folders = ("omniglot-py",)
    homepage = "https://github.com/brendenlake/omniglot"
    archives = f"python/{TRAIN}.zip and python/{TEST}.zip"
    complete: ClassVar[Mapping[str, int]] = {TRAIN: 19_280, TEST: 13_180}

    def list_inputs(self) -> list[str]:
        """Return all drawings of both sets."""
        return [*self._drawings(TRAIN), *self._drawings(TEST)]

    def decoder(self) -> Decoder:
        """Return a decoder to grey of the whole drawing."""
        return Decoder(self.side, self.side, 1, Fixed(ORIGINAL_SIDE, ORIGINAL_SIDE, demand="drawings have"))

    def layout(self) -> Layout:
        """Return splits by set, and classes by alphabet and character, those of the background set first.

        Raises:
            DataError: a file is outside of ``set/alphabet/character/``, or there are too few images.
        """
        parts = {part: self._drawings(part) for part in (TRAIN, TEST)}
        if len(parts[TRAIN]) < 2:
            raise DataError(f"{self.who}: 1 image in {TRAIN}, 2 or more needed for train and val")
        for name in (*parts[TRAIN], *parts[TEST]):
            if name.count("/") != 3:
                raise DataError(f"{self.who}: '{name}' should be in SET/ALPHABET/CHARACTER/")
        classes = tuple(dict.fromkeys(_class_of(name) for part in parts.values() for name in part))
        train, val = carve(shuffle(parts[TRAIN]))
        names = {"train": train, "val": val, "test": shuffle(parts[TEST])}
        return Layout(names, classes, _class_of, found={part: len(found) for part, found in parts.items()})

    def _drawings(self, part: str) -> list[str]:
        return [f"{part}/{name}" for name in list_files(self.root / part, f"{self.who}: {part}", {".png"})]


def _class_of(name: str) -> str:
    _, alphabet, character, _ = name.split("/")
    return f"{alphabet}/{character}"
