"""Identity of generators: everything that determines their images, for the keys of stored work."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.core.environment import prepare_device
from bench.core.errors import UnknownName
from bench.core.files import digest
from bench.core.fingerprints import CodeReader
from bench.core.import_graph import INSTALLED
from bench.core.paths import code_allowed, device, home
from bench.core.types import ComponentSpec, Gan
from bench.gans.behaviour import fingerprint, remembered
from bench.gans.zoo import gan_identity, runs_code

MADE_BY = ("recipe", "options")
"""Facts of a GAN's provenance that determine its images."""

_opened: set[str] = set()
"""GANs of the user whose images this process compared with those of their first opening."""


def file_identity(choice: ComponentSpec, reader: CodeReader | None = None) -> dict[str, Any] | None:
    """Return the identity of a GAN that is a file, JSON-able; None for a recipe.

    It is that of its files and options (``bench.gans.zoo.gan_identity``), and for code of the user the hash of the
    images that it gave when it was first opened, "" if it never was. If code may run, the GAN is opened here, once a
    process: results of a generator that changed unnoticed are not read from the store.

    Args:
        choice: name and options.
        reader: reader of code; a new one if None.

    Raises:
        BenchError: see ``bench.gans.zoo.gan_file``; if it is opened also ``bench.gans.external.open_foreign``.
    """
    identity = gan_identity(choice, reader)
    if identity is None or not runs_code(choice.name):
        return identity
    place = device()
    opened = digest([identity, place, str(home())])
    if code_allowed() and (opened not in _opened or not remembered(identity, place)):
        from bench.gans.external import open_foreign

        prepare_device(place)
        open_foreign(choice, place)
        _opened.add(opened)
    return {**identity, "images": remembered(identity, place)}


def generator_identity(gan: Gan, device: str = "cpu") -> str:
    """Return the identity of an opened GAN: 24 hex digits.

    It covers all tensors of networks and prior, the structure of the networks, the code of their classes with all
    that it imports from the suite or from beside it, and the options or files that the GAN was made from. Where these
    do not determine the images, it also covers images of fixed codes.

    Args:
        gan: on the device, frozen.
        device: "cpu" or "cuda".
    """
    reader, made = CodeReader(), gan.provenance
    files = set(_files(gan))
    facts = {
        "weights": gan.checksum(),
        "networks": [_structure(module) for module in gan.modules()],
        "prior": [type(gan.prior).__name__, gan.prior.name, gan.prior.dim],
        "shape": list(gan.image_shape),
        "code": sorted(reader.file(path).fingerprint for path in files),
        "made": {name: made[name] for name in MADE_BY if name in made},
        "opened": gan.identity,
    }
    if not gan.identity and not _is_of_recipe(files, str(made.get("recipe", "")), reader):
        facts["images"] = fingerprint(gan, device)
    return digest(facts)


def _structure(module: Any) -> str:
    """Return the layers of a network with their options, without addresses in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(module))


def _files(gan: Gan) -> Iterator[Path]:
    """Yield the files of the classes of a GAN, its prior and all its layers; none of installed packages."""
    kinds = {type(layer) for module in gan.modules() for layer in module.modules()}
    for kind in {*kinds, type(gan), type(gan.prior)}:
        module = sys.modules.get(kind.__module__)
        path = getattr(module, "__file__", None)
        if path and kind.__module__.partition(".")[0] != "torch" and not {*INSTALLED} & set(Path(path).parts):
            yield Path(path).resolve()


def _is_of_recipe(files: set[Path], recipe: str, reader: CodeReader) -> bool:
    """Return True if the code of a recipe, which its options complete, holds all classes of a GAN."""
    try:
        return files <= reader.graph.reached(reader.entry_file("gan", recipe))
    except UnknownName:
        return False
