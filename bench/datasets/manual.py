"""Datasets whose terms forbid automatic downloads: users put the original files into place themselves."""

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

    A reduced copy is read like the complete set; every ``load`` of it issues a warning.

    Attributes:
        needed: files and folders (with a final ``/``) that ``root`` must contain.
        homepage: address at which the owners offer the dataset.
        archives: files to get there and how to unpack them, worded to follow "get".
        complete: part of the dataset -> number of images in the complete set.
        tolerance: largest difference in images of a complete copy, where the owners state a round number.
        inner_folders: sub-folders of ``home`` into which other tools unpack; the files may be there as well.
    """

    needed: ClassVar[tuple[str, ...]]
    homepage: ClassVar[str]
    archives: ClassVar[str]
    complete: ClassVar[Mapping[str, int]]
    tolerance: ClassVar[int] = 0
    inner_folders: ClassVar[tuple[str, ...]] = ()

    @property
    def home(self) -> Path:
        """The folder for the files."""
        return data_folder() / self.registered_name

    @property
    def root(self) -> Path:
        """The first folder that contains everything needed.

        Raises:
            DataError: there is none; the message states what is missing, where to get it and where to put it.
        """
        places = [self.home, *(self.home / inner for inner in self.inner_folders)]
        for place in places:
            if not _missing(place, self.needed):
                return place
        # Of several folders, the one that lacks least is probably the one that the user filled.
        nearest = min(places, key=lambda place: len(_missing(place, self.needed)))
        elsewhere = "".join(f" (nor in {place})" for place in places if place != nearest)
        raise DataError(
            f"{self.registered_name}: {', '.join(_missing(nearest, self.needed))} not in {nearest}{elsewhere}; "
            f"cannot be fetched for you: get {self.archives} from {self.homepage} and unpack into {nearest}"
        )

    def availability(self) -> tuple[bool, str]:
        """Return True and the folder if everything needed is there (images are not counted), else False and why."""
        try:
            return True, str(self.root)
        except DataError as error:
            return False, str(error)

    def get(self) -> str:
        """Return the folder of the files.

        Raises:
            DataError: the files are missing; the message states what to do by hand.
        """
        return str(self.root)

    def remarks(self, facts: Mapping[str, Any], cache: Path) -> list[str]:
        """Return warnings about skipped files and about a number of images other than that of the complete set."""
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
