"""Decoding of image files to one memory-mapped array per split, in threads and chunk by chunk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from filelock import FileLock

from bench.core.errors import StoreError

CHUNK = 256
THREADS = 8
DEEP_MODES = ("I", "F")


Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, right and bottom not included."""

Window = Callable[[Path, int, int], Box]
"""Function from an image's file, width and height to the box that is used; ValueError for an unsuitable image."""


@dataclass(frozen=True)
class CentreSquare:
    """Window of the largest central square."""

    def __call__(self, path: Path, width: int, height: int) -> Box:
        """Return the box; an odd margin is one pixel wider on the right and at the bottom."""
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side


@dataclass(frozen=True)
class Fixed:
    """Window of one fixed box, for images that all have the same size.

    Attributes:
        width: width that every image must have, in pixels.
        height: height that every image must have.
        box: the box; None for the whole image.
        demand: requirement of that size, as worded in errors.
    """

    width: int
    height: int
    box: Box | None = None
    demand: str = "the original files have"

    def __call__(self, path: Path, width: int, height: int) -> Box:
        """Return the box. Raises ValueError for an image of another size."""
        if (width, height) != (self.width, self.height):
            raise ValueError(f"{width} x {height} pixels, but {self.demand} {self.width} x {self.height}")
        return self.box or (0, 0, width, height)


@dataclass(frozen=True)
class Decoder:
    """Decoder of image files to pixels ``[channels, height, width]``.

    The window of the image is cropped, and resized bilinearly (antialiased) unless it has the size of the result.

    Attributes:
        width: width of the result in pixels.
        height: height of the result.
        channels: 1 for grey (ITU-R 601 luma), 3 for RGB.
        window: box of an image that is used. Its ``repr`` states the whole rule and is part of the key of caches.
    """

    width: int
    height: int
    channels: Literal[1, 3]
    window: Window

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the result."""
        return self.channels, self.height, self.width

    def decode(self, path: Path) -> bytes:
        """Return the pixels of one file in C order, uint8. Orientation tags are applied, transparency is dropped.

        Raises:
            Exception: any error of Pillow, if the file is damaged; ValueError if it is intact but unsuitable.
        """
        import numpy as np
        from PIL import Image, ImageOps

        with Image.open(path) as opened:
            if opened.mode.startswith(DEEP_MODES):
                raise ValueError(f"pixels of mode {opened.mode} have no 8-bit range; convert the file")
            image = ImageOps.exif_transpose(opened).convert("L" if self.channels == 1 else "RGB")
        left, top, right, bottom = box = self.window(path, *image.size)
        if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
            raise ValueError(f"the box {box} lies outside of the {image.width} x {image.height} pixels")
        if box != (0, 0, *image.size):
            # Cropped first, because the filter of resize(box=...) uses pixels outside of the box.
            image = image.crop(box)
        if image.size != (self.width, self.height):
            image = image.resize((self.width, self.height), Image.Resampling.BILINEAR)
        pixels = np.asarray(image).reshape(self.height, self.width, self.channels)
        return pixels.transpose(2, 0, 1).tobytes()

    def attempt(self, path: Path) -> bytes | str:
        """Return the pixels of one file, or the reason why it cannot be decoded."""
        try:
            return self.decode(path)
        except Exception as error:  # Pillow's readers raise errors of every kind on damaged files
            return f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)


def write_pixels(
    target: Path, decoder: Decoder, paths: Sequence[Path], refuse: Callable[[int, str], None]
) -> list[int]:
    """Decode files into one ``.npy`` file ``[N, channels, height, width]`` of uint8.

    Args:
        target: file that is written.
        decoder: decoder of one file.
        paths: image files in order.
        refuse: called with the index of an unusable file and the reason; may raise to stop.

    Returns:
        Indices of the files that were written, ascending.
    """
    kept = []
    with target.open("wb") as handle:
        _write_header(handle, 0, decoder.shape)
        for index, pixels in enumerate(_decoded(decoder, paths)):
            if isinstance(pixels, str):
                refuse(index, pixels)
            else:
                handle.write(pixels)
                kept.append(index)
        handle.seek(0)
        _write_header(handle, len(kept), decoder.shape)
        handle.flush()
        os.fsync(handle.fileno())
    return kept


def make_once(target: Path, fill: Callable[[Path], None]) -> None:
    """Create a folder that is complete or absent, also if several processes create it at the same time.

    Args:
        target: the folder; an existing one is left unchanged.
        fill: function that writes the content into the temporary folder passed to it, which is then renamed.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f"{target.name}.lock")):
            if target.is_dir():
                return
            temporary = target.with_name(f".{target.name}.tmp")
            shutil.rmtree(temporary, ignore_errors=True)  # left by a process that was killed
            temporary.mkdir()
            try:
                fill(temporary)
                temporary.replace(target)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}") from error


def _decoded(decoder: Decoder, paths: Sequence[Path]) -> Iterator[bytes | str]:
    # Chunk by chunk: ``map`` over all paths would hold all results that are not written yet.
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(paths), CHUNK):
            yield from pool.map(decoder.attempt, paths[start : start + CHUNK])


def _write_header(handle: IO[bytes], count: int, shape: Iterable[int]) -> None:
    from numpy.lib import format as npy

    # numpy pads the header so that its first axis can grow in place, which makes room for the final count.
    npy.write_array_header_1_0(handle, {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)})
