"""Registry of datasets, GANs, metrics, feature networks, methods, refiners, studies and applications.

A decorator (``@method("dfi")``) registers a class. Packages are scanned by reading their source, not by importing
them, so that listing names does not load torch; a class is imported when it is first used. Third-party packages
register classes through entry points, single files through ``add_plugin``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from bench.core.errors import BenchError, ContractError, unknown
from bench.core.moved import new_place
from bench.core.scan import BUILT_IN, ROOMS, Entry, fault_of_name, not_understood, parsed, registered, unreadable

__all__ = [
    "BASES",
    "ROOMS",
    "Entry",
    "add_plugin",
    "application",
    "dataset",
    "entries",
    "features",
    "find",
    "gan",
    "load",
    "method",
    "metric",
    "refiner",
    "study",
]

T = TypeVar("T", bound=type)

BASES = {
    "dataset": "bench.datasets.source.GuardedSource",
    "gan": "bench.gans.recipe.GanConfig",
    "metric": "bench.Metric",
    "features": "bench.core.types.FeatureExtractor",
    "method": "bench.Inverter",
    "refiner": "bench.Refiner",
    "study": "bench.studies.base.Study",
    "application": "bench.applications.base.Application",
}
"""Base class of all that is registered of a kind, where a plug-in imports it from."""
ACCEPTED = {"dataset": "DatasetSource"}
"""Names of bases that are accepted in place of those in ``BASES``."""
ENTRY_POINT_GROUP = "ganinv.{kind}s"
STUDY_GROUP = "ganinv.studies"
PLUGIN = "ganinv_plugin_"
"""Start of the names of the modules of plug-in files."""


def _marker(kind: str) -> Callable[[str], Callable[[T], T]]:
    def named(name: str) -> Callable[[T], T]:
        if fault := fault_of_name(kind, name):
            raise ContractError(fault)

        def mark(cls: T) -> T:
            if not dataclasses.is_dataclass(cls):
                raise ContractError(
                    f"{kind} '{name}': {cls.__qualname__} must be a dataclass (fields are its options)"
                )
            cls.registered_name = name  # type: ignore[attr-defined]
            return cls

        return mark

    named.__doc__ = f"Make a dataclass known as the {kind} ``name``. The name must be a literal string."
    return named


dataset = _marker("dataset")
gan = _marker("gan")
metric = _marker("metric")
features = _marker("features")
method = _marker("method")
refiner = _marker("refiner")
study = _marker("study")
application = _marker("application")

_plugins: dict[Path, list[Entry]] = {}


def add_plugin(path: Path) -> list[Entry]:
    """Register the classes of one file for this process.

    Raises:
        BenchError: the file does not exist, is not valid Python (with the line), registers nothing, or states a name
            that cannot be written or is no literal string.
        ContractError: a name is taken.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise BenchError(f"plug-in {path}: no such file")
    try:
        tree = parsed(path)
        found = registered(tree, path, _plugin_module(path), f"plug-in {path.name}")
    except BenchError as error:
        raise BenchError(f"plug-in {error}") from error
    if not found:
        advice = f'decorate a class with @method("name") from bench{not_understood(tree)}'
        raise BenchError(f"plug-in {path}: registers nothing; {advice}")
    _plugins[path] = found
    _table.cache_clear()
    for entry in found:
        entries(entry.kind)  # a taken name raises here, not in the middle of a run
    return found


def plugin_files() -> list[Path]:
    """Return the files that ``add_plugin`` has registered in this process."""
    return list(_plugins)


def entries(kind: str) -> dict[str, Entry]:
    """Return all registered names of a kind, sorted.

    Raises:
        ContractError: two places register the same name.
    """
    table: dict[str, Entry] = {}
    for entry in _table():
        if entry.kind != kind:
            continue
        if entry.name in table:
            first = table[entry.name]
            raise ContractError(f"{kind} '{entry.name}' is registered twice: {_place(first)} and {_place(entry)}")
        table[entry.name] = entry
    return dict(sorted(table.items()))


def find(kind: str, name: str, where: str = "") -> Entry:
    """Return the entry of a name; ``name:argument`` and ``name@network`` are found by their first part.

    Raises:
        UnknownName: there is no such name; the message states the nearest one.
    """
    known = entries(kind)
    base = name.split(":", maxsplit=1)[0].split("@", maxsplit=1)[0]
    if base not in known:
        raise unknown(kind, base, known, where)
    return known[base]


def load(kind: str, name: str) -> type[Any]:
    """Import and return the class of a name.

    Raises:
        UnknownName: there is no such name.
        ContractError: the file cannot be imported, or defines no such class; the message states the error.
    """
    entry = find(kind, name)
    if entry.error:
        raise ContractError(f"{kind} '{entry.name}' ({entry.origin}): {entry.error}")
    if entry.path is not None and entry.module.startswith(PLUGIN):
        _reach_neighbours(entry, entry.path)
    try:
        module = _import(entry)
        cls = getattr(module, entry.attribute)
    except Exception as error:
        raise ContractError(
            f"{kind} '{entry.name}' ({entry.origin}) cannot be imported: "
            f"{type(error).__name__}: {error}{_new_place(error)}"
        ) from error
    if not isinstance(cls, type) or not dataclasses.is_dataclass(cls):
        raise ContractError(f"{kind} '{entry.name}' ({entry.origin}): {entry.attribute} is not a dataclass")
    if ACCEPTED.get(kind, BASES[kind].rpartition(".")[2]) not in {base.__name__ for base in cls.__mro__}:
        raise ContractError(f"{kind} '{entry.name}' ({entry.origin}): {entry.attribute} must subclass {BASES[kind]}")
    return cls


# ------------------------------------------------------------------------------------------------- scanning


@cache
def _built_in() -> tuple[Entry, ...]:
    """Return the suite's own entries, whose sources do not change while a process runs."""
    found: list[Entry] = []
    for room in sorted(set(ROOMS.values())):
        folder = _room_folder(room)
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            module = ".".join((room, *(p for p in parts if p != "__init__")))
            try:
                found += registered(parsed(path), path, module, BUILT_IN)
            except BenchError as error:
                found += unreadable(path, module, room, f"cannot be read: {error}")
    return tuple(found)


@cache
def _packaged() -> tuple[Entry, ...]:
    """Return the entries of installed packages."""
    found, points = [], entry_points()
    for kind in ROOMS:
        group = STUDY_GROUP if kind == "study" else ENTRY_POINT_GROUP.format(kind=kind)
        for point in points.select(group=group):
            origin = f"package {point.dist.name}" if point.dist else "entry point"
            found.append(
                Entry(
                    kind,
                    point.name,
                    module=point.module,
                    attribute=point.attr,
                    path=None,
                    summary="",
                    origin=origin,
                    error=fault_of_name(kind, point.name),
                )
            )
    return tuple(found)


@cache
def _table() -> tuple[Entry, ...]:
    return (*_built_in(), *_packaged(), *(entry for of_file in _plugins.values() for entry in of_file))


def _room_folder(room: str) -> Path:
    spec = importlib.util.find_spec(room)
    assert spec is not None, room
    assert spec.submodule_search_locations, room
    return Path(next(iter(spec.submodule_search_locations)))


def _new_place(error: Exception) -> str:
    """Return a note on the new name of a module or class that an import did not find; empty for other errors."""
    name = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
    if part := re.match(r"cannot import name '(\w+)' from '([\w.]+)'", str(error)):  # from bench import registry
        name = f"{part[2]}.{part[1]}"
    return new_place(name)


def _place(entry: Entry) -> str:
    return str(entry.path) if entry.path else f"{entry.origin} ({entry.module})"


def _plugin_module(path: Path) -> str:
    return f"{PLUGIN}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _reach_neighbours(entry: Entry, path: Path) -> None:
    """Make the modules beside a plug-in importable, after all installed ones, and check that these are not meant.

    Raises:
        ContractError: the plug-in imports a module beside it, and another module already has its name.
    """
    from bench.core.files import module_file
    from bench.core.neighbours import module_folders, neighbours

    sys.path += [str(folder) for folder in module_folders(path) if str(folder) not in sys.path]
    for name, file in neighbours(path).items():
        other = module_file(name)
        if other != file:
            raise ContractError(
                f"{entry.kind} '{entry.name}' ({entry.origin}): imports {name} from {file}, but another module is "
                f"already called {name} ({other}); rename {file.name}"
            )


def _import(entry: Entry) -> Any:
    if entry.path is None or not entry.module.startswith(PLUGIN):
        return importlib.import_module(entry.module)
    if entry.module in sys.modules:
        return sys.modules[entry.module]
    spec = importlib.util.spec_from_file_location(entry.module, entry.path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[entry.module] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[entry.module]
        raise
    return module
