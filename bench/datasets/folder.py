"""Datasets from any folder of images, decoded once and then memory-mapped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.core.errors import DataError
from bench.core.registry import dataset
from bench.datasets.decoding import CentreSquare, Decoder, Fixed
from bench.datasets.folder_layout import TEST_LIMIT, lay_out
from bench.datasets.image_files import ImageFiles
from bench.datasets.layouts import Layout, list_files


@dataset("folder")
@dataclass
class Folder(ImageFiles):
    """Any folder of images (folder:PATH), decoded once into a memory-mapped cache.

    Splits and classes are described in ``folder_layout.lay_out``, pixels in ``decoding.Decoder``.

    Attributes:
        path: the folder, with its sub-folders.
        size: side of the square images, in pixels.
        crop: "centre": central square, resized to ``size``. "none": unchanged pixels; every file must be ``size`` x
            ``size``.
        channels: 1 for grey, 3 for RGB.
        on_bad: treatment of a damaged or unsuitable file: "fail", or "skip" it with a warning.

    Example:
        >>> from pathlib import Path
        >>> from bench.datasets.folder import Folder
        >>> for number in range(20):
        ...     picture = Path("pets", "cats" if number < 12 else "dogs", f"{number}.png")
        ...     picture.parent.mkdir(parents=True, exist_ok=True)
        ...     picture.touch()
        >>> layout = Folder("pets").layout()  # decided by names alone; no image is opened
        >>> layout.classes, {split: len(names) for split, names in layout.names.items()}
        (('cats', 'dogs'), {'train': 17, 'val': 1, 'test': 2})
    """

    path: str
    size: int = 64
    crop: Literal["centre", "none"] = "centre"
    channels: Literal[1, 3] = 3
    on_bad: Literal["fail", "skip"] = "fail"

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("the path is empty; write folder:PATH")
        if self.size < 1:
            raise ValueError(f"size = {self.size}: expected 1 or more pixels")

    @property
    def root(self) -> Path:
        """The folder as an absolute path."""
        return Path(self.path).expanduser().absolute()

    @property
    def title(self) -> str:
        """``folder:`` and the name of the folder."""
        return f"folder:{self.root.name}"

    def availability(self) -> tuple[bool, str]:
        """Return True and the folder if it holds an image, else False and the reason."""
        try:
            self.list_inputs()
        except DataError as error:
            return False, str(error)
        return True, str(self.root)

    def get(self) -> str:
        """Return the folder itself.

        Raises:
            DataError: the folder does not exist, or holds no image.
        """
        self.list_inputs()
        return str(self.root)

    def list_inputs(self) -> list[str]:
        """Return all image files."""
        return list_files(self.root, self.who)

    def layout(self) -> Layout:
        """Return splits and classes; see ``folder_layout.lay_out``."""
        return lay_out(self.root, self.list_inputs())

    def decoder(self) -> Decoder:
        """Return a decoder of square images, central squares or whole ones."""
        whole = Fixed(self.size, self.size, demand="crop = 'none' requires")
        return Decoder(self.size, self.size, self.channels, CentreSquare() if self.crop == "centre" else whole)

    def rules(self) -> dict[str, Any]:
        """Return all options except the path, so that the folder can be moved."""
        rules = super().rules() | {"test_limit": TEST_LIMIT}
        del rules["path"]
        return rules

    def skips_bad(self) -> bool:
        """Return True if the option ``on_bad`` is "skip"."""
        return self.on_bad == "skip"
