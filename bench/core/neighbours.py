"""Modules beside a plug-in file that it imports: those of which its keys contain the code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.core.errors import ContractError
from bench.core.import_graph import ImportGraph


def module_folders(path: Path) -> list[Path]:
    """Return the folders in which the modules of a user's file lie: its own folder, and that of its package."""
    base = path.parent
    while (base / "__init__.py").is_file():
        base = base.parent
    return list(dict.fromkeys((path.parent, base)))


def neighbours(path: Path) -> dict[str, Path]:
    """Return the user's files that a plug-in imports, directly or not, by module name.

    The result is empty if an import names a module of the suite that does not exist; importing the file states it.
    """
    graph = ImportGraph()
    try:
        reached = graph.reached(path)
    except ContractError:
        return {}
    own = sorted(file for file in reached if file != path and not graph.module_of(file))
    return {name: file.resolve() for file in own for name in _names(file, module_folders(path))}


def _names(file: Path, folders: list[Path]) -> Iterator[str]:
    folder = next((each for each in folders if file.is_relative_to(each)), None)
    if folder is not None:
        parts = [part for part in file.relative_to(folder).with_suffix("").parts if part != "__init__"]
        if parts:
            yield ".".join(parts)
