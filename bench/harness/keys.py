"""Keys: a hash of everything that determines an outcome, upstream keys included. Computed without torch.

Code counts too: each key holds a fingerprint of the file that defines the dataset, GAN, method or metric, together
with the files of the suite that it imports. Comments, docstrings and layout do not change a fingerprint.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.core.files import digest, module_file, sha256
from bench.core.options import create
from bench.core.paths import device
from bench.core.registry import find
from bench.core.types import Cell, Choice
from bench.gans.zoo import gan_identity, pick_of, without_pick
from bench.metrics.gan_quality import quality_metric

STAGES_VERSION = 2
"""Raise when ``bench.harness.stages`` changes in a way that changes numbers."""
FOLLOWED = ("bench.gans", "bench.metrics", "bench.datasets", "bench.core.run_context", "methods")
"""Imports that a fingerprint follows: where numbers are made. The rest of ``bench`` carries and checks them."""
VERSIONS = ("torch", "numpy", "scipy", "lpips", "torch-fidelity")
"""Packages whose versions are part of a measurement's key."""


@dataclass(frozen=True)
class Keys:
    """The keys of one cell's stages; ``cell`` names its record."""

    train: str
    fit: str
    invert: str
    cell: str


def keys_of(cell: Cell) -> Keys:
    """Keys of a cell.

    Raises:
        UnknownName: something in the cell is not registered.
        DataError: the dataset is not here, or damaged.
        WeightsError: a checkpoint or feature network file is missing.
    """
    budget = cell.budget
    base, *refiners = cell.method.name.split("+")
    refiner_options = {r: cell.method.options.get(r, {}) for r in refiners}
    options = {k: v for k, v in cell.method.options.items() if k not in refiners}
    train = _train_key(cell)
    fit = digest(
        {
            "stage": ["fit", STAGES_VERSION],
            "train": train,
            "pick": pick_of(cell.gan.name),
            "method": [base, options, fingerprint("method", base)],
            "seed": cell.seed,
            "budget": [budget.train_images, budget.fit_steps, budget.search_steps],
        }
    )
    invert = digest(
        {
            "stage": ["invert", STAGES_VERSION],
            "fit": fit,
            "refiners": [[r, refiner_options[r], fingerprint("refiner", r)] for r in refiners],
            "budget": [budget.search_steps, budget.refine_steps, budget.test_images, budget.own_images],
            "device": device(),
        }
    )
    measured = {
        "stage": ["measure", STAGES_VERSION],
        "invert": invert,
        "budget": asdict(budget),
        "metrics": [metric_identity(name) for name in cell.metrics],
        "evaluation": _fingerprint_of("bench.metrics.evaluation"),
        "versions": {name: version(name) for name in VERSIONS},
    }
    return Keys(train, fit, invert, digest(measured))


def cell_facts(cell: Cell) -> dict[str, Any]:
    """A cell as JSON, the way a record keeps it."""
    return {
        "dataset": asdict(cell.dataset),
        "gan": asdict(cell.gan),
        "method": asdict(cell.method),
        "seed": cell.seed,
        "budget": asdict(cell.budget),
        "metrics": list(cell.metrics),
    }


def _train_key(cell: Cell) -> str:
    identity = gan_identity(cell.gan)
    data = dataset_identity(cell.dataset)
    if identity is not None:
        return digest({"stage": ["file", STAGES_VERSION], "data": data, **identity})
    name, quality = without_pick(cell.gan.name), quality_metric(cell.dataset.name)
    return digest(
        {
            "stage": ["train", STAGES_VERSION],
            "data": data,
            "gan": [name, dict(cell.gan.options), fingerprint("gan", name)],
            "training": _fingerprint_of("bench.gans.training"),
            "seed": cell.seed,
            "budget": [cell.budget.train_images, cell.budget.train_steps],
            "quality": [cell.budget.looks, metric_identity(quality)] if quality and cell.budget.looks else None,
            "device": device(),
        }
    )


_identities: dict[str, str] = {}


def dataset_identity(choice: Choice) -> str:
    """What identifies the content of a dataset with its options; asked once a process."""
    asked = digest([choice.name, dict(choice.options)])
    if asked not in _identities:
        source = create("dataset", choice.name, choice.options)
        _identities[asked] = digest([choice.name, fingerprint("dataset", choice.name), source.identity()])
    return _identities[asked]


def metric_identity(name: str) -> list[str]:
    """Name, code and, for a metric that looks through a network, the network's code and weights checksum."""
    from bench.metrics.weights import network_of, weights_identity

    network = network_of(name)
    eye = fingerprint("features", network) if network else ""
    return [name, fingerprint("metric", name), eye, weights_identity(name)]


# ------------------------------------------------------------------------------------------------- code


def fingerprint(kind: str, name: str) -> str:
    """Hash of the code that defines a name; a package from elsewhere also counts with its module's code."""
    entry = find(kind, name)
    path = entry.path or _module_file(entry.module)
    if path is None:
        return f"{entry.module}:{entry.attribute}"
    return sha256(path) if entry.error else code_fingerprint(path)


def code_fingerprint(path: Path) -> str:
    """Hash of the syntax trees of a file and of the files of the suite that it imports, at any depth."""
    seen: dict[Path, str] = {}
    waiting = [path.resolve()]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            stat = current.stat()
            seen[current], imports = _parsed(current, (stat.st_mtime_ns, stat.st_size))
            waiting += [file for name in imports if (file := _module_file(name))]
    return hashlib.sha256("".join(sorted(seen.values())).encode()).hexdigest()[:16]


def _fingerprint_of(module: str) -> str:
    path = _module_file(module)
    assert path is not None, module
    return code_fingerprint(path)


@cache
def _parsed(path: Path, stamp: tuple[int, int]) -> tuple[str, tuple[str, ...]]:
    """Hash of one file's tree without its texts, and the modules of the suite that it imports."""
    tree = ast.parse(path.read_bytes(), str(path))
    imports = tuple(sorted(set(_imports(tree))))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [n for n in node.body if not _is_text(n)] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if any(name == room or name.startswith(f"{room}.") for room in FOLLOWED):
                yield name


_module_file = cache(module_file)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
