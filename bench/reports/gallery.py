"""Stored pictures of a record: the first test images and their reconstructions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.core.packed import open_packed
from bench.core.types import Record

Pixels = NDArray[np.uint8]


def gallery(record: Record) -> tuple[Pixels, Pixels] | None:
    """Return targets and outputs of a record, uint8 ``[k, C, H, W]`` each; None if it has no pictures.

    Raises:
        BenchError: the file cannot be read.
    """
    if record.folder is None:
        return None
    path = record.folder / f"{record.key}.npz"
    if not path.is_file():
        packed = open_packed(record.folder)
        return packed.pictures(record.key) if packed is not None else None
    try:
        with np.load(path, allow_pickle=False) as stored:
            target, output = stored["target"], stored["output"]
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"cannot read gallery {path}: {error}") from error
    pictures = target.ndim == 4 and target.shape[1] in {1, 3} and len(target) > 0 and target.shape == output.shape
    return (target, output) if pictures else None
