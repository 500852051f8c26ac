"""Parts of a cell that are code of strangers: of plug-in files, of other packages, of GANs that are code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.core.errors import ContractError
from bench.core.registry import find
from bench.core.scan import BUILT_IN
from bench.core.types import Cell
from bench.gans.zoo import gan_file, runs_code, without_pick


def plugin_of(cell: Cell) -> str:
    """Return the origin of a cell's method or refiners that are not the suite's own, "" if all are."""
    base, *refiners = cell.method.name.split("+")
    return ", ".join(_outside([("method", base), *(("refiner", name) for name in refiners)]).values())


def measured_by(cell: Cell) -> list[str]:
    """Return what of a cell's measurement is not the suite's own code: its GAN, its dataset, metrics."""
    code = [f"GAN {cell.gan.name}"] if runs_code(cell.gan.name) else []
    return code + [f"{what} ({origin})" for what, origin in _outside(_measuring(cell)).items()]


def refuse_shared_files(cells: Iterable[Cell]) -> None:
    """Check that no file registers both a method and something that takes part in measuring it.

    Raises:
        ContractError: a file does; measuring would import the method.
    """
    methods: dict[Path, str] = {}
    measuring: dict[Path, str] = {}
    for cell in cells:
        base, *refiners = cell.method.name.split("+")
        _note(methods, [("method", base), *(("refiner", name) for name in refiners)])
        _note(measuring, _measuring(cell))
    for path in methods.keys() & measuring.keys():
        raise ContractError(
            f"{path} registers {methods[path]} and {measuring[path]}; give them a file each, so that what measures a "
            "method never imports it"
        )


def _note(found: dict[Path, str], parts: Iterable[tuple[str, str]]) -> None:
    for kind, name in parts:
        entry = find(kind, name)
        if entry.origin != BUILT_IN and entry.path is not None:
            found[entry.path] = f"{kind} {entry.name}"


def _measuring(cell: Cell) -> list[tuple[str, str]]:
    parts = [("dataset", cell.dataset.name), *(("metric", name) for name in cell.metrics)]
    return parts if gan_file(cell.gan.name) else [*parts, ("gan", without_pick(cell.gan.name))]


def _outside(parts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the origin of each part that is not built in, by kind and name."""
    found = {f"{kind} {name}": find(kind, name).origin for kind, name in parts}
    return {what: origin for what, origin in found.items() if origin != BUILT_IN}
