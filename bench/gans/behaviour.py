"""Behaviour of generators whose code cannot be hashed: their images of fixed codes, remembered when first opened.

A rounding error differs between processors and numbers of threads. Therefore the hash of the first images stands for
the generator, and later images are compared with them within a tolerance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from bench.core.errors import ContractError, StoreError
from bench.core.files import digest, write_bytes
from bench.core.paths import home

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.core.types import Gan

CODES = 8
"""Number of codes, drawn from the prior with seed 0."""
VALUES = 2**14
"""Largest number of values of an image that are compared; evenly spaced in a larger image."""
TOLERANCE = 2 / 255
"""Largest difference of the same generator's values in [-1, 1]: one level of an 8-bit image."""


def remembered(identity: Mapping[str, Any], device: str) -> str:
    """Return the hash of the images that a GAN gave when it was first opened, "" if it never was; without torch.

    Args:
        identity: identity of its files and options (``bench.gans.zoo.gan_identity``).
        device: device on which it was opened.
    """
    values = _read(_place(identity, device))
    return "" if values is None else _short(values)


def observe(gan: Gan, identity: Mapping[str, Any], device: str, where: str) -> str:
    """Compare a GAN's images of fixed codes with those of its first opening; return the hash of the latter.

    The images are remembered if this is the first opening.

    Args:
        gan: on the device, frozen.
        identity: identity of its files and options.
        device: device of the GAN.
        where: the GAN's name, with which errors begin.

    Raises:
        ContractError: the images differ although files and options are the same.
        StoreError: the images cannot be remembered.
    """
    import numpy as np

    place, now = _place(identity, device), images_of(gan, device)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.with_suffix(".lock")):
            first = _read(place)
            if first is None:
                first = now.tobytes()
                write_bytes(place, hashlib.sha256(first).digest() + first)
    except OSError as error:
        raise StoreError(f"cannot write {place}: {error.strerror or error}") from error
    before = np.frombuffer(first, np.float32)
    if before.shape != now.shape or not np.allclose(now, before, rtol=0, atol=TOLERANCE, equal_nan=True):
        raise ContractError(
            f"{where}: its images differ from those when it was first opened, although its code, file and options "
            "are the same: it is random or reads something else; name what it reads in an option (a file counts with "
            f"its content), or delete {place} to accept the new images"
        )
    return _short(first)


def fingerprint(gan: Gan, device: str) -> str:
    """Return the hash of a GAN's images of fixed codes as they are; it depends on processor and number of threads."""
    return _short(images_of(gan, device).tobytes())


def images_of(gan: Gan, device: str) -> NDArray[np.float32]:
    """Return values of the images of fixed codes, ``[CODES, at most VALUES]`` flattened; no call is counted."""
    import torch

    codes = gan.prior.sample(CODES, torch.Generator().manual_seed(0)).to(device)
    with torch.no_grad():
        images = gan.generator(codes).flatten(1).float().cpu()
    chosen = torch.linspace(0, images.shape[1] - 1, min(VALUES, images.shape[1]), dtype=torch.float64).long()
    values: NDArray[np.float32] = images[:, chosen].flatten().contiguous().numpy()
    return values


def _place(identity: Mapping[str, Any], device: str) -> Path:
    return home() / "opened" / f"{digest([identity, device])}.images"


def _read(place: Path) -> bytes | None:
    """Return the remembered values; None if there are none, or if they are damaged."""
    try:
        content = place.read_bytes()
    except OSError:
        return None
    checksum, values = content[:32], content[32:]
    return values if hashlib.sha256(values).digest() == checksum else None


def _short(values: bytes) -> str:
    return hashlib.sha256(values).hexdigest()[:16]
