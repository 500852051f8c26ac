"""The idx format of the MNIST family: magic number, sizes, then unsigned bytes."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import DataError
from bench.datasets.pinned import opened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNSIGNED_BYTE = 0x08


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an idx file of unsigned bytes, compressed if its name ends in ``.gz``.

    Args:
        path: the file.
        dimensions: required number of axes: 3 for images ``[N, H, W]``, 1 for labels ``[N]``.

    Raises:
        DataError: the stream is damaged, the magic number is wrong, or the header states another number of bytes.
    """
    with opened(path) as handle:
        return parse_idx(handle.read(), dimensions, str(path))


def parse_idx(content: bytes, dimensions: int, where: str) -> NDArray[np.uint8]:
    """Parse the content of an idx file; see ``read_idx``. ``where`` is named in errors."""
    import numpy as np

    start = 4 + 4 * dimensions
    magic = bytes((0, 0, UNSIGNED_BYTE, dimensions))
    if content[:4] != magic:
        raise DataError(f"{where}: no idx file of bytes with {dimensions} axes: starts with {content[:4].hex()!r}")
    if len(content) < start:
        raise DataError(f"{where}: truncated: {len(content)} bytes are less than the header")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise DataError(
            f"{where}: header states {shape} = {math.prod(shape)} bytes, the file holds {len(content) - start}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
