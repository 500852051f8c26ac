"""GANs that are files: those that ship with the project, and files and code of the user. Without torch."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from bench.core.environment import imported_version
from bench.core.errors import ContractError, UnknownName, WeightsError, unknown
from bench.core.files import file_stamp, module_file, sha256
from bench.core.fingerprints import CodeReader
from bench.core.paths import shipped_folder
from bench.core.types import ComponentSpec

CHECKPOINT = "checkpoint:"
FACTORY = "factory:"
SCRIPTED = {".pt", ".pth", ".ts"}
"""Endings of TorchScript archives."""
EXPORTED = {".pt2"}
"""Endings of ``torch.export`` archives."""


def shipped_gans() -> dict[str, Path]:
    """Return the file of every GAN that ships, by name (``dataset/gan``)."""
    root = shipped_folder()
    return {str(p.relative_to(root).with_suffix("")): p for p in sorted(root.glob("*/*.safetensors"))}


def without_pick(name: str) -> str:
    """Return a GAN's name without ``@best`` or ``@last``, which choose among the weights of its training."""
    return name.removesuffix("@best").removesuffix("@last")


def pick_of(name: str) -> str:
    """Return the choice of weights in a GAN's name: "best" (by the quality on ``val``) or "last"."""
    return "best" if name.endswith("@best") else "last"


def gan_file(name: str) -> Path | None:
    """Return the file of a GAN's name, or None if the name is a recipe to train.

    Args:
        name: ``fashion-mnist/dcgan`` (shipped), ``checkpoint:PATH``, ``factory:MODULE:FUNCTION`` (the file of the
            module, which is not imported), or a recipe's name.

    Raises:
        UnknownName: a shipped name that does not exist.
        WeightsError: the checkpoint file does not exist.
        ContractError: a factory's name has the wrong form, or its module does not exist.
    """
    if name.startswith(FACTORY):
        module, _ = factory_parts(name)
        path = module_file(module)
        if path is None:
            raise ContractError(f"{name}: no module {module} in {Path.cwd()} or among the installed packages")
        return path
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


def runs_code(name: str) -> bool:
    """Return whether opening the GAN of this name runs the user's code: a factory, or an archive of code."""
    archive = name.startswith(CHECKPOINT) and Path(name).suffix.lower() in SCRIPTED | EXPORTED
    return archive or name.startswith(FACTORY)


def refuse_options(choice: ComponentSpec) -> None:
    """Refuse options of a GAN whose weights are a file, in which they would have no effect.

    Raises:
        UnknownName: a GAN that ships, or a checkpoint of this suite, with an option.
        BenchError: see ``gan_file``.
    """
    if choice.options and not runs_code(choice.name) and gan_file(choice.name) is not None:
        option = next(iter(choice.options))
        raise UnknownName(f"{choice.name}: unknown option '{option}'; a GAN that is read from a file has no options")


def factory_parts(name: str) -> tuple[str, str]:
    """Return module and function of ``factory:MODULE:FUNCTION``.

    Raises:
        ContractError: a name of another form.
    """
    match = re.fullmatch(r"factory:([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*)", name)
    if not match:
        raise ContractError(f"{name}: expected factory:package.module:function")
    return match[1], match[2]


def gan_identity(choice: ComponentSpec, reader: CodeReader | None = None) -> dict[str, Any] | None:
    """Return the identity of a GAN that is a file, JSON-able; None for a recipe.

    It is the file's SHA-256; for code of the user also the options, and the SHA-256 of every file that an option
    names; for a factory also its name and the code of the modules in its folder or package that it imports, with
    the versions of other packages.

    Args:
        choice: name and options.
        reader: reader of code; a new one if None.

    Raises:
        BenchError: see ``gan_file``.
    """
    path = gan_file(choice.name)
    if path is None:
        return None
    identity: dict[str, Any] = {"file": _sha256(path)}
    if runs_code(choice.name):
        identity |= {"options": dict(choice.options), "option files": _option_files(choice)}
    if choice.name.startswith(FACTORY):
        code = (reader or CodeReader()).file(path)
        packages = [f"{name} {imported_version(name)}" for name in code.packages]
        identity |= {"factory": choice.name, "code": code.fingerprint, "packages": packages}
    return identity


def _option_files(choice: ComponentSpec) -> dict[str, str]:
    texts = {key: value for key, value in choice.options.items() if isinstance(value, str)}
    return {key: _sha256(path) for key, value in texts.items() if (path := _existing(value))}


def _existing(text: str) -> Path | None:
    try:
        path = Path(text).expanduser()
        return path if path.is_file() else None
    except (OSError, RuntimeError):  # too long for a path, or the home of an unknown user
        return None


def _sha256(path: Path) -> str:
    return _sha256_at(path.resolve(), file_stamp(path.stat()))


@cache
def _sha256_at(path: Path, stamp: tuple[int, ...]) -> str:
    """Return the SHA-256 of a file, computed once a process while the file stays the same, for all cells."""
    return sha256(path)
