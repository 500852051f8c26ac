"""Parts of a cell that are code of strangers: of plug-in files, of other packages, of GANs that are code."""

from __future__ import annotations

from collections.abc import Iterable

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
    parts = [("dataset", cell.dataset.name), *(("metric", name) for name in cell.metrics)]
    if gan_file(cell.gan.name) is None:
        parts.append(("gan", without_pick(cell.gan.name)))
    code = [f"GAN {cell.gan.name}"] if runs_code(cell.gan.name) else []
    return code + [f"{what} ({origin})" for what, origin in _outside(parts).items()]


def _outside(parts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the origin of each part that is not built in, by kind and name."""
    found = {f"{kind} {name}": find(kind, name).origin for kind, name in parts}
    return {what: origin for what, origin in found.items() if origin != BUILT_IN}
