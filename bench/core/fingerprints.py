"""Fingerprints: a hash of the code that a file runs, its own and that of every module of ours that it imports.

What is hashed is what the code says (``bench.core.source_text``), not where it lies: moving or renaming a module,
comments, docstrings and layout change no fingerprint. What is followed stands in ``bench.core.import_graph``. Of
packages from elsewhere the names are kept, for their versions.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bench.core.errors import ContractError
from bench.core.files import module_file, sha256
from bench.core.import_graph import ImportGraph, SourceTree
from bench.core.registry import find
from bench.core.source_text import SourceText, rendered

CARRYING_PACKAGES = frozenset({"filelock", "matplotlib", "pandas", "platformdirs", "pyarrow", "rich", "safetensors"})
"""Packages from elsewhere that store, lock, find or draw. All others count with their versions."""


@dataclass(frozen=True)
class Code:
    """What identifies code.

    Attributes:
        fingerprint: 16 hex digits.
        packages: top-level names of the packages from elsewhere that it imports, sorted.
    """

    fingerprint: str
    packages: tuple[str, ...]


class CodeReader:
    """Reads code of one tree. Every file is looked at once: make a new reader to see later edits.

    Args:
        tree: where the suite's packages lie; by default those that run.
    """

    def __init__(self, tree: SourceTree | None = None) -> None:
        self.graph = ImportGraph(tree)
        self._codes: dict[Path, Code] = {}
        self._order: dict[Path, int] = {}
        self._waiting: list[Path] = []

    def entry(self, kind: str, name: str) -> Code:
        """The code of a registered class.

        Raises:
            UnknownName: no such name.
            ContractError: a module that it needs is not there.
        """
        return self.file(self.entry_file(kind, name))

    def entry_file(self, kind: str, name: str) -> Path:
        """The file that defines a registered class; raises what ``entry`` raises."""
        entry = find(kind, name)
        if entry.module.partition(".")[0] in self.graph.tree.packages:
            return self.graph.module_path(entry.module)
        path = entry.path or module_file(entry.module)
        if path is None:
            raise ContractError(f"{kind} '{entry.name}' ({entry.origin}): there is no module {entry.module}")
        return path.resolve()

    def module(self, name: str) -> Code:
        """The code of a module of the suite.

        Raises:
            ContractError: there is no such module, or one that it imports is not there.
        """
        return self.file(self.graph.module_path(name))

    def file(self, path: Path) -> Code:
        """The code of a file.

        Raises:
            ContractError: a module of ours that it imports, directly or not, is not there; names both.
        """
        if path not in self._codes:
            self._order, self._waiting = {}, []  # nothing is left of a walk that raised
            self._connect(path)
        return self._codes[path]

    def _connect(self, path: Path) -> int:
        """Give a file, and all that it imports, its code; rings of imports get theirs together (Tarjan 1972).

        Returns:
            The lowest number of a file that waits and can be reached; one's own if it closes a ring.
        """
        low = self._order[path] = len(self._order)
        place = len(self._waiting)
        self._waiting.append(path)
        for target in self.graph.next(path):
            if target not in self._codes:
                reached = self._order[target] if target in self._order else self._connect(target)
                low = min(low, reached)
        if low == self._order[path]:
            ring = self._waiting[place:]
            del self._waiting[place:]
            self._close(ring)
        return low

    def _close(self, ring: Sequence[Path]) -> None:
        """Hash files that import each other; everything else that they import has its code already.

        Within a ring, what identifies a file is refined as often as it has members, so that each comes to depend on
        all others.
        """
        names = dict.fromkeys(ring, "")
        for _ in ring:
            names = {path: self._hash(path, names) for path in ring}
        packages = sorted({name for path in ring for name in self._packages(path)})
        for path in ring:
            known = [names[path], *sorted(names.values())] if len(ring) > 1 else [names[path]]
            self._codes[path] = Code(_short(known), tuple(packages))

    def _hash(self, path: Path, ring: Mapping[Path, str]) -> str:
        source = self.graph.source(path)
        if source is None:
            return sha256(path)

        def identity(target: Path) -> str:
            return ring[target] if target in ring else self._codes[target].fingerprint

        targets = self.graph.targets(path)
        meanings = tuple(t.text if t.path is None else f"{identity(t.path)}:{t.name}" for t in targets)
        around = tuple(sorted(identity(parent) for parent in self.graph.parents(path)))
        return _hashed(source, meanings, tuple(t.is_module for t in targets), around)

    def _packages(self, path: Path) -> set[str]:
        source = self.graph.source(path)
        codes = [self._codes[target] for target in self.graph.next(path) if target in self._codes]
        found = {name for code in codes for name in code.packages}
        for each, reference in zip(source.imports if source else (), self.graph.targets(path), strict=True):
            top = each.module.partition(".")[0]
            if reference.path is None and top and top not in self.graph.tree.packages:
                found.add(top)
        return found - CARRYING_PACKAGES - sys.stdlib_module_names


@lru_cache(maxsize=4096)
def _hashed(source: SourceText, meanings: Sequence[str], modules: Sequence[bool], around: Sequence[str]) -> str:
    """Hash of one file; most are the same for the next reader."""
    return _short([rendered(source, meanings, modules), *around])


def _short(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
