"""Small lossless PNG files: the smallest of a few encodings, with equal bytes for equal pixels."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.core.errors import StoreError
from bench.core.files import write_bytes

Pixels = NDArray[np.uint8]
PALETTE = 256
FEW_COLOURS = 1 << 15
"""Largest number of colours of a drawing, whose rows may compress better unfiltered than as differences."""


def png_bytes(pixels: Pixels, dpi: float | None = None) -> bytes:
    """Return a PNG of these pixels: no alpha if it is 255 everywhere, a palette for at most 256 colours.

    Args:
        pixels: uint8 ``[H, W]`` (grey), ``[H, W, 3]`` or ``[H, W, 4]``.
        dpi: pixels per inch, written into the file if given.
    """
    density = None if dpi is None else (dpi, dpi)
    shown = pixels[..., :3] if pixels.shape[2:] == (4,) and (pixels[..., 3] == PALETTE - 1).all() else pixels
    picture = Image.fromarray(np.ascontiguousarray(shown))
    found = [_saved(picture, density)]
    colours = picture.getcolors(FEW_COLOURS) if picture.mode == "RGB" else None
    if colours and len(colours) <= PALETTE:
        found.append(_saved(_with_palette(shown, sorted(colour for _, colour in colours)), density))
    elif colours:
        found.append(_unfiltered(shown, dpi))
    return min(found, key=len)


def smaller_png(content: bytes) -> bytes | None:
    """Return the same picture in fewer bytes, or None if there is none or the file holds more than 8-bit pixels."""
    with Image.open(io.BytesIO(content)) as picture:
        if picture.format != "PNG" or picture.mode not in {"L", "P", "RGB", "RGBA"} or set(picture.info) - {"dpi"}:
            return None
        dpi = picture.info.get("dpi", (None,))[0]
        pixels = np.array(picture.convert("RGB") if picture.mode == "P" else picture, np.uint8)
    made = png_bytes(pixels, dpi)
    return made if len(made) < len(content) else None


def shrink_figures(folder: Path) -> tuple[int, int]:
    """Rewrite every PNG in a folder and its sub-folders if that takes fewer bytes; no pixel changes.

    Returns:
        Total bytes before and after.

    Raises:
        StoreError: a picture cannot be read or written.
    """
    before = after = 0
    for path in sorted(folder.rglob("*.png")):
        try:
            content = path.read_bytes()
            smaller = smaller_png(content)
        except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for a broken chunk
            raise StoreError(f"{path} cannot be read as a PNG: {error}") from error
        if smaller is not None:
            write_bytes(path, smaller)
        before, after = before + len(content), after + len(smaller or content)
    return before, after


def _saved(picture: Image.Image, dpi: tuple[float, float] | None) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True, **({} if dpi is None else {"dpi": dpi}))
    return file.getvalue()


def _with_palette(pixels: Pixels, colours: list[Any]) -> Image.Image:
    weights = np.array([1 << 16, 1 << 8, 1])
    indices = np.searchsorted(np.array(colours) @ weights, pixels @ weights)
    picture = Image.fromarray(indices.astype(np.uint8), mode="P")
    picture.putpalette([value for colour in colours for value in colour])
    return picture


def _unfiltered(pixels: Pixels, dpi: float | None) -> bytes:
    """Return a PNG of ``[H, W, 3]`` with unfiltered rows; Pillow always filters rows of true colour."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # a row begins with the number of its filter; 0 is none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header)]
    if dpi is not None:
        metre = round(dpi / 0.0254)
        parts.append((b"pHYs", struct.pack(">IIB", metre, metre, 1)))
    parts += [(b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
