"""Cat heads, cut out of the CAT photographs by their landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from bench.core.registry import dataset
from bench.datasets.decoding import Box, Decoder
from bench.datasets.layouts import Layout, hold_out, list_files
from bench.datasets.manual import ManualImages

POINTS = 9
EXPECTED = "'9 x1 y1 ... x9 y9' (left eye, right eye, mouth, three points of the left ear, three of the right)"


@dataset("cat-heads")
@dataclass
class CatHeads(ManualImages):
    """CAT: heads of about 10,000 cats, cut out by nine landmarks; 128 x 128.

    The papers do not state how heads are cropped; the rule is this suite's own, see ``HeadSquare``. 1,000 images of a
    seeded shuffle are held out for testing (the number of DFI, section 4.8); ``val`` is taken from the others. The
    original archives hold one photograph without landmarks, ``CAT_00/00000003_015.jpg`` (its landmarks are on the
    homepage), and one file of landmarks without a photograph, ``00000003_019.jpg.cat``, which is ignored.

    Attributes:
        side: 64 or 128 pixels, to which heads are resized bilinearly; small ones are enlarged.
        margin: margin on each side of the landmarks, as a fraction of their longer extent.
        test_images: number of images that are held out. A reduced copy of the dataset needs a smaller number.
        on_bad: treatment of a photograph that is damaged or has no usable landmarks: "fail", or "skip" it with a
            warning, which leaves its split one image short.

    Example:
        >>> from pathlib import Path
        >>> from bench.datasets.cat_heads import HeadSquare
        >>> points = "40 40 60 40 50 60 30 30 35 20 40 30 60 30 65 20 70 30"
        >>> _ = Path("1.jpg.cat").write_text(f"9 {points}")  # x from 30 to 70, y from 20 to 60
        >>> HeadSquare(margin=0.25)(Path("1.jpg"), 200, 200)  # left, top, right, bottom
        (20, 10, 80, 70)
    """

    side: Literal[64, 128] = 128
    margin: float = 0.15
    test_images: int = 1_000
    on_bad: Literal["fail", "skip"] = "fail"

    needed = tuple(f"CAT_0{number}/" for number in range(7))
    inner_folders = ("cats",)
    homepage = "https://archive.org/details/CAT_DATASET"
    archives = "CAT_DATASET_01.zip, CAT_DATASET_02.zip and 00000003_015.jpg.cat (for CAT_00)"
    complete: ClassVar[Mapping[str, int]] = {"images": 10_000}
    tolerance = 100

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 2:
            raise ValueError(f"margin = {self.margin}: expected 0 to 2")
        if self.test_images < 1:
            raise ValueError(f"test_images = {self.test_images}: expected 1 or more")

    def list_inputs(self) -> list[str]:
        """Return all photographs and all files of landmarks."""
        return [
            f"{folder}{name}"
            for folder in self.needed
            for name in list_files(self.root / folder, f"{self.who}: {folder}", {".jpg", ".cat"})
        ]

    def decoder(self) -> Decoder:
        """Return a decoder to RGB of the square around the head."""
        return Decoder(self.side, self.side, 3, HeadSquare(self.margin))

    def layout(self) -> Layout:
        """Return splits by a seeded shuffle.

        Raises:
            DataError: there are too few images.
        """
        names = [name for name in self.list_inputs() if not name.endswith(".cat")]
        return Layout(hold_out(names, self.test_images, self.who), found={"images": len(names)})

    def skips_bad(self) -> bool:
        """Return True if the option ``on_bad`` is "skip"."""
        return self.on_bad == "skip"


@dataclass(frozen=True)
class HeadSquare:
    """The square around a cat's head.

    It is centred on the bounding box of the nine landmarks; its side is the longer extent of that box times
    1 + 2 ``margin``, rounded, but no more than the shorter side of the photograph. A square that would
    cross an edge is shifted inwards. Heads are not rotated.

    Attributes:
        margin: margin on each side, as a fraction of the longer extent.
    """

    margin: float

    def __call__(self, path: Path, width: int, height: int) -> Box:
        """Return the box. Raises ValueError without usable landmarks."""
        points = read_landmarks(path.with_name(f"{path.name}.cat"))
        xs, ys = [x for x, _ in points], [y for _, y in points]
        if max(xs) < 0 or max(ys) < 0 or min(xs) >= width or min(ys) >= height:
            raise ValueError(f"all landmarks lie outside of the {width} x {height} pixels")
        extent = max(max(xs) - min(xs), max(ys) - min(ys))
        if extent < 1:
            raise ValueError("all landmarks are the same point")
        side = max(1, min(round(extent * (1 + 2 * self.margin)), width, height))
        left, top = _start(min(xs), max(xs), side, width), _start(min(ys), max(ys), side, height)
        return left, top, left + side, top + side


def read_landmarks(path: Path) -> list[tuple[int, int]]:
    """Read the nine points ``(x, y)`` of one file, in pixels.

    Raises:
        ValueError: the file is missing or has another content; the message states the expected one.
    """
    try:
        count, *numbers = [int(word) for word in path.read_text(encoding="ascii").split()]
    except OSError as error:
        raise ValueError(f"landmarks '{path.name}': {error.strerror or error}; expected {EXPECTED}") from error
    except ValueError as error:
        raise ValueError(f"landmarks '{path.name}': not whole numbers; expected {EXPECTED}") from error
    if count != POINTS or len(numbers) != 2 * POINTS:
        raise ValueError(f"landmarks '{path.name}': {count} points, {len(numbers)} numbers; expected {EXPECTED}")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _start(low: int, high: int, side: int, limit: int) -> int:
    """Return the start of ``side`` pixels around the middle of ``low`` and ``high``, within ``limit``."""
    return min(max(0, (low + high - side) // 2), limit - side)
