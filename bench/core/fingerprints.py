"""Fingerprints: a hash of the code of a file and of every module of the suite that it imports.

The hash covers the content of the code (``bench.core.source_text``), not its location: moving or renaming a module,
comments, docstrings and layout change no fingerprint. ``bench.core.import_graph`` defines which imports are followed.
Of other packages the names are kept, for their versions.
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
"""Third-party packages that store, lock, find or plot. The versions of all others are part of keys."""


@dataclass(frozen=True)
class Code:
    """Identity of the code of a file.

    Attributes:
        fingerprint: 16 hex digits.
        packages: sorted top-level names of the third-party packages that it imports.
    """

    fingerprint: str
    packages: tuple[str, ...]


class CodeReader:
    """Reader of the code of one tree. Every file is read once; later edits need a new reader.

    Args:
        tree: folders of the suite's packages; by default those of the running process.
    """

    def __init__(self, tree: SourceTree | None = None) -> None:
        self.graph = ImportGraph(tree)
        self._codes: dict[Path, Code] = {}
        self._order: dict[Path, int] = {}
        self._waiting: list[Path] = []

    def entry(self, kind: str, name: str) -> Code:
        """Return the code of a registered class.

        Raises:
            UnknownName: there is no such name.
            ContractError: a required module is missing.
        """
        return self.file(self.entry_file(kind, name))

    def entry_file(self, kind: str, name: str) -> Path:
        """Return the file that defines a registered class; raises the errors of ``entry``."""
        entry = find(kind, name)
        if entry.module.partition(".")[0] in self.graph.tree.packages:
            return self.graph.module_path(entry.module)
        path = entry.path or module_file(entry.module)
        if path is None:
            raise ContractError(f"{kind} '{entry.name}' ({entry.origin}): there is no module {entry.module}")
        return path.resolve()

    def module(self, name: str) -> Code:
        """Return the code of a module of the suite.

        Raises:
            ContractError: the module, or one that it imports, does not exist.
        """
        return self.file(self.graph.module_path(name))

    def file(self, path: Path) -> Code:
        """Return the code of a file.

        Raises:
            ContractError: a module of the suite that it imports, directly or not, does not exist; names both.
        """
        if path not in self._codes:
            self._order, self._waiting = {}, []  # discards the state of a traversal that raised
            self._connect(path)
        return self._codes[path]

    def _connect(self, path: Path) -> int:
        """Compute the code of a file and of all its imports; cycles of imports are hashed together (Tarjan 1972).

        Returns:
            The lowest index of a pending file that can be reached; the file's own if it closes a cycle.
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
        """Hash files that import each other; the code of everything else that they import is known.

        The identities of the files of a cycle are refined once per member, so that each depends on all others.
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
    """Return the hash of one file; cached, because most files are unchanged for the next reader."""
    return _short([rendered(source, meanings, modules), *around])


def _short(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
