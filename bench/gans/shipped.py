"""GANs that are files: those that ship with the project, and checkpoints of the user. No torch."""

from __future__ import annotations

from pathlib import Path

from bench.errors import WeightsError, unknown
from bench.settings import shipped_folder

CHECKPOINT = "checkpoint:"


def shipped_gans() -> dict[str, Path]:
    """Name (``dataset/gan``) -> file of every GAN that ships."""
    root = shipped_folder()
    return {str(p.relative_to(root).with_suffix("")): p for p in sorted(root.glob("*/*.safetensors"))}


def without_pick(name: str) -> str:
    """A GAN's name without the ``@best`` or ``@last`` that chooses among the weights of its training."""
    return name.removesuffix("@best").removesuffix("@last")


def pick_of(name: str) -> str:
    """Which weights of a training a GAN's name asks for: "best" (by the quality on ``val``) or "last"."""
    return "best" if name.endswith("@best") else "last"


def gan_file(name: str) -> Path | None:
    """The file behind a GAN's name, or None if the name is a recipe to train.

    Args:
        name: ``fashion-mnist/dcgan`` (shipped), ``checkpoint:PATH``, or a recipe's name.

    Raises:
        UnknownName: a shipped name that does not exist.
        WeightsError: the checkpoint file is not there.
    """
    if name.startswith(CHECKPOINT):
        path = Path(name.removeprefix(CHECKPOINT)).expanduser()
        if not path.is_file():
            raise WeightsError(f"checkpoint {path}: no such file")
        return path
    if "/" not in name:
        return None
    known = shipped_gans()
    if name not in known:
        raise unknown("shipped GAN", name, known)
    return known[name]
