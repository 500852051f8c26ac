"""From image files to one memory-mapped array a split: decoded in threads, a chunk at a time, never all in memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from filelock import FileLock

from bench.errors import StoreError

CHUNK = 256
THREADS = 8
DEEP_MODES = ("I", "F")


@dataclass(frozen=True)
class Decoder:
    """Turns image files into pixels ``[channels, size, size]``.

    Attributes:
        size: side in pixels.
        crop: "centre" cuts the largest central square and resizes it bilinearly (antialiased); "none" takes the
            pixels as they are and demands ``size`` x ``size``.
        channels: 1 for grey (ITU-R 601 luma), 3 for RGB.
    """

    size: int
    crop: Literal["centre", "none"]
    channels: Literal[1, 3]

    def decode(self, path: Path) -> bytes:
        """Pixels of one file in C order, uint8. Orientation tags are obeyed, transparency is dropped.

        Raises:
            Exception: of whatever kind, if the file is damaged; ValueError if it is whole but does not fit.
        """
        import numpy as np
        from PIL import Image, ImageOps

        with Image.open(path) as opened:
            if opened.mode.startswith(DEEP_MODES):
                raise ValueError(f"pixels of mode {opened.mode} have no 8-bit range; convert the file")
            image = ImageOps.exif_transpose(opened).convert("L" if self.channels == 1 else "RGB")
        if self.crop == "centre":
            # Two steps: resize(box=...) would let the filter reach pixels outside of the square.
            image = image.crop(_centre_square(*image.size))
            image = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        elif image.size != (self.size, self.size):
            width, height = image.size
            raise ValueError(f"{width} x {height} pixels, but crop = 'none' demands {self.size} x {self.size}")
        return np.asarray(image).reshape(self.size, self.size, self.channels).transpose(2, 0, 1).tobytes()

    def attempt(self, path: Path) -> bytes | str:
        """The pixels of one file, or the reason why there are none."""
        try:
            return self.decode(path)
        except Exception as error:  # Pillow's readers raise errors of every kind on damaged files
            return f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)


def write_pixels(
    target: Path, decoder: Decoder, paths: Sequence[Path], refuse: Callable[[int, str], None]
) -> list[int]:
    """Decode files into one ``.npy`` file ``[N, channels, size, size]`` of uint8.

    Args:
        target: the file to write.
        decoder: turns a file into pixels.
        paths: image files in their order.
        refuse: called with the index of a file that cannot be used and the reason; may raise to end it all.

    Returns:
        Indices of the files that were written, ascending.
    """
    shape = (decoder.channels, decoder.size, decoder.size)
    kept = []
    with target.open("wb") as handle:
        _write_header(handle, 0, shape)
        for index, pixels in enumerate(_decoded(decoder, paths)):
            if isinstance(pixels, str):
                refuse(index, pixels)
            else:
                handle.write(pixels)
                kept.append(index)
        handle.seek(0)
        _write_header(handle, len(kept), shape)
        handle.flush()
        os.fsync(handle.fileno())
    return kept


def make_once(target: Path, fill: Callable[[Path], None]) -> None:
    """Create a folder that is whole or absent, also when several processes want it at once.

    Args:
        target: the folder; left alone if it exists.
        fill: writes the content into the temporary folder that it is given, which then gets the final name.

    Raises:
        StoreError: the place cannot be written, or the disk is full.
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
    # Chunk by chunk: ``map`` over everything would hold all results that the writer has not yet taken.
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(paths), CHUNK):
            yield from pool.map(decoder.attempt, paths[start : start + CHUNK])


def _write_header(handle: IO[bytes], count: int, shape: Iterable[int]) -> None:
    from numpy.lib import format as npy

    # numpy pads the header so that its first axis may grow in place, which is how the final count gets in.
    npy.write_array_header_1_0(handle, {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)})


def _centre_square(width: int, height: int) -> tuple[int, int, int, int]:
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side
