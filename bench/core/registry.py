"""Registry of datasets, GANs, metrics, feature networks, methods, refiners, studies and applications.

A decorator (``@method("dfi")``) registers a class. Packages are scanned by reading their source, not by importing
them, so that listing names does not load torch; a class is imported when it is first used. Third-party packages
register classes through entry points, single files through ``add_plugin``.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from bench.core.errors import BenchError, ContractError, unknown
from bench.core.moved import new_place

T = TypeVar("T", bound=type)

ROOMS = {
    "dataset": "bench.datasets",
    "gan": "bench.gans",
    "metric": "bench.metrics",
    "features": "bench.metrics",
    "method": "methods",
    "refiner": "methods",
    "study": "bench.studies",
    "application": "bench.applications",
}
BASES = {"metric": "Metric", "method": "Inverter", "refiner": "Refiner"}
"""Base classes that ``bench`` offers and that what is registered of a kind derives from."""
ENTRY_POINT_GROUP = "ganinv.{kind}s"
STUDY_GROUP = "ganinv.studies"


@dataclass(frozen=True)
class Entry:
    """A registered name and its origin; its module is not imported yet.

    ``error`` is set for a file of the suite that cannot be read: it is listed, and its use raises an error.
    """

    kind: str
    name: str
    module: str
    attribute: str
    path: Path | None
    summary: str
    origin: str
    error: str = ""


def _marker(kind: str) -> Callable[[str], Callable[[T], T]]:
    def named(name: str) -> Callable[[T], T]:
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
        BenchError: the file does not exist, is not valid Python (with the line), or registers nothing.
        ContractError: a name is taken.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise BenchError(f"plug-in {path}: no such file")
    try:
        tree = _parsed(path)
    except BenchError as error:
        raise BenchError(f"plug-in {error}") from error
    found = _registered(tree, path, _plugin_module(path), f"plug-in {path.name}")
    if not found:
        raise BenchError(f'plug-in {path}: registers nothing; decorate a class with @method("name") from bench')
    _plugins[path] = found
    _table.cache_clear()
    for entry in found:
        entries(entry.kind)  # a taken name raises here, not in the middle of a run
    return found


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
    if kind in BASES and BASES[kind] not in {base.__name__ for base in cls.__mro__}:
        raise ContractError(
            f"{kind} '{entry.name}' ({entry.origin}): {entry.attribute} must subclass bench.{BASES[kind]}"
        )
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
                found += _registered(_parsed(path), path, module, "built in")
            except BenchError as error:
                found += _unreadable(path, module, room, f"cannot be read: {error}")
    return tuple(found)


@cache
def _table() -> tuple[Entry, ...]:
    found, installed = list(_built_in()), entry_points()  # one search of all packages for all kinds
    for kind in ROOMS:
        group = STUDY_GROUP if kind == "study" else ENTRY_POINT_GROUP.format(kind=kind)
        for point in installed.select(group=group):
            origin = f"package {point.dist.name}" if point.dist else "entry point"
            found.append(
                Entry(
                    kind, point.name, module=point.module, attribute=point.attr, path=None, summary="", origin=origin
                )
            )
    return (*found, *(entry for of_file in _plugins.values() for entry in of_file))


def _room_folder(room: str) -> Path:
    spec = importlib.util.find_spec(room)
    assert spec is not None, room
    assert spec.submodule_search_locations, room
    return Path(next(iter(spec.submodule_search_locations)))


def _parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file.

    Raises:
        BenchError: the file is not valid Python; the message states file, line and reason.
    """
    try:
        return ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise BenchError(f"{path}{line}: {error.msg}") from error
    except ValueError as error:  # null bytes
        raise BenchError(f"{path}: {error}") from error


def _unreadable(path: Path, module: str, room: str, error: str) -> list[Entry]:
    """Return the entries that the text of a broken file declares; if none, one for the module itself."""
    text = path.read_bytes().decode(errors="replace")
    marks = re.findall(r"""^@(?:\w+\.)*(\w+)\(\s*["'](.+?)["']\s*\)""", text, re.MULTILINE)
    named = [(kind, name) for kind, name in marks if kind in ROOMS]
    if not named:
        named = [(next(kind for kind, place in ROOMS.items() if place == room), module)]
    return [
        Entry(kind, name, module=module, attribute="", path=path, summary="", origin="built in", error=error)
        for kind, name in named
    ]


def _registered(tree: ast.Module, path: Path, module: str, origin: str) -> list[Entry]:
    """Return entries of the classes of a file that a decorator of this module registers."""
    found = []
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        summary = (ast.get_docstring(node) or "").split("\n")[0]
        for call in node.decorator_list:
            named = _decorated_name(call)
            if named:
                found.append(
                    Entry(*named, module=module, attribute=node.name, path=path, summary=summary, origin=origin)
                )
    return found


def _decorated_name(call: ast.expr) -> tuple[str, str] | None:
    if not isinstance(call, ast.Call) or len(call.args) != 1 or not isinstance(call.args[0], ast.Constant):
        return None
    target = call.func
    kind = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
    value = call.args[0].value
    return (kind, value) if kind in ROOMS and isinstance(value, str) else None


def _new_place(error: Exception) -> str:
    """Return a note on the new name of a module or class that an import did not find; empty for other errors."""
    name = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
    if part := re.match(r"cannot import name '(\w+)' from '([\w.]+)'", str(error)):  # from bench import registry
        name = f"{part[2]}.{part[1]}"
    return new_place(name)


def _place(entry: Entry) -> str:
    return str(entry.path) if entry.path else f"{entry.origin} ({entry.module})"


def _plugin_module(path: Path) -> str:
    return f"ganinv_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _import(entry: Entry) -> Any:
    if entry.path is None or not entry.module.startswith("ganinv_plugin_"):
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
