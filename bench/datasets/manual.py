"""Datasets that their owners hand out under terms, so that a user puts the original files into place by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.core.errors import DataError
from bench.core.paths import data_folder
from bench.datasets.image_files import ImageFiles


@dataclass
class ManualImages(ImageFiles):
    """Base of a known dataset of image files in its original layout.

    A reduced copy is read like the complete set, and every ``load`` of it warns.

    Attributes:
        needed: files and folders (with a final ``/``) that must lie in ``root``.
        homepage: where the owners offer the dataset.
        archives: what to get there and how to unpack it, to be read after "get".
        complete: part of the dataset -> how many images the complete set has.
        tolerance: by how many images a complete copy may differ from that, where the owners give a round number.
        inner_folders: sub-folders of ``home`` that other tools unpack into; the files may lie there too.
    """

    needed: ClassVar[tuple[str, ...]]
    homepage: ClassVar[str]
    archives: ClassVar[str]
    complete: ClassVar[Mapping[str, int]]
    tolerance: ClassVar[int] = 0
    inner_folders: ClassVar[tuple[str, ...]] = ()

    @property
    def home(self) -> Path:
        """The folder to put the files into."""
        return data_folder() / self.registered_name

    @property
    def root(self) -> Path:
        """The first place that has all files and folders.

        Raises:
            DataError: there is none; says what is missing, where to get it and where to put it.
        """
        places = [self.home, *(self.home / inner for inner in self.inner_folders)]
        for place in places:
            if not _missing(place, self.needed):
                return place
        # Of several places, the one that lacks least is where the user put the files.
        nearest = min(places, key=lambda place: len(_missing(place, self.needed)))
        elsewhere = "".join(f" (nor in {place})" for place in places if place != nearest)
        raise DataError(
            f"{self.registered_name}: {', '.join(_missing(nearest, self.needed))} not in {nearest}{elsewhere}; "
            f"cannot be fetched for you: get {self.archives} from {self.homepage} and unpack into {nearest}"
        )

    def availability(self) -> tuple[bool, str]:
        """Whether all files and folders are there; the images are not counted here."""
        try:
            return True, str(self.root)
        except DataError as error:
            return False, str(error)

    def get(self) -> str:
        """The place of the files.

        Raises:
            DataError: they are not there; says what to do by hand.
        """
        return str(self.root)

    def remarks(self, facts: Mapping[str, Any], cache: Path) -> list[str]:
        """Skipped files, and how the number of images differs from the complete set."""
        found = facts["found"]
        differing = [
            f"{found.get(part, 0):,} {part} where the complete set has {number:,}"
            for part, number in self.complete.items()
            if abs(found.get(part, 0) - number) > self.tolerance
        ]
        reduced = [f"{', '.join(differing)}: results are not those of the complete set"] if differing else []
        return super().remarks(facts, cache) + reduced


def _missing(folder: Path, needed: tuple[str, ...]) -> list[str]:
    return [
        name for name in needed if not ((folder / name).is_dir() if name.endswith("/") else (folder / name).is_file())
    ]
