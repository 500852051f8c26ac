"""Fingerprints: a hash of the code that a file runs, its own and that of every module of ours that it imports.

Imports are followed at any depth, also those inside functions, so that nobody has to list what a number depends on.
What is hashed is what the code says (``bench.core.source_text``), not where it lies: moving or renaming a module,
comments, docstrings and layout change no fingerprint. Ours are the suite's packages; beside a file of the user's also
the modules of its own folder or package. Of packages from elsewhere the names are kept, for their versions.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from bench.core.errors import ContractError
from bench.core.files import module_file, sha256
from bench.core.registry import find
from bench.core.source_text import Import, SourceText, read_source, rendered

CARRIERS: Mapping[str, str] = {
    "bench": "opens the Python API for a user; code that makes numbers imports nothing from it",
    "bench.core.environment": "states facts of the machine, and ends a stage that takes too long",
    "bench.core.errors": "words of errors",
    "bench.core.files": "writes files whole, and hashes; another ``digest`` would change every key by itself",
    "bench.core.fingerprints": "makes keys; what changes a fingerprint here changes all of them",
    "bench.core.paths": "says where files lie; their content and the device are in the keys",
    "bench.core.registry": "finds the class of a name; the class's own code is in the keys",
    "bench.core.source_text": "makes keys, as above",
    "bench.core.types.runs": "budgets, choices, cells and records: their values are in the keys",
    "bench.harness.keys": "makes keys, as above",
    "bench.harness.store": "keeps what was made, and gives it back as it was",
}
"""Modules that carry, check or show, and why each changes no number. All others are followed: a module that is
missing here costs a computation that was not needed, and never a stale number."""
CARRYING_PACKAGES = frozenset({"filelock", "matplotlib", "pandas", "platformdirs", "pyarrow", "rich", "safetensors"})
"""Packages from elsewhere that store, lock, find or draw. All others count with their versions."""
CARRIED = "carried"
INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Code:
    """What identifies code.

    Attributes:
        fingerprint: 16 hex digits.
        packages: top-level names of the packages from elsewhere that it imports, sorted.
    """

    fingerprint: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class SourceTree:
    """Where the suite's own packages lie: name -> folder."""

    packages: Mapping[str, Path]

    @classmethod
    def installed(cls) -> SourceTree:
        """The packages that this process runs."""
        spec = find_spec("methods")
        places = list(spec.submodule_search_locations or ()) if spec else []
        methods = {"methods": Path(places[0]).resolve()} if places else {}
        return cls({"bench": Path(__file__).resolve().parents[1], **methods})

    @classmethod
    def at(cls, root: Path) -> SourceTree:
        """The packages of a checkout."""
        return cls({name: root.resolve() / name for name in ("bench", "methods")})

    def module_of(self, path: Path) -> str:
        """The dotted name of a file of the tree, "" for any other file."""
        for name, folder in self.packages.items():
            if path.is_relative_to(folder):
                parts = path.relative_to(folder).with_suffix("").parts
                return ".".join((name, *(part for part in parts if part != "__init__")))
        return ""

    def stems(self, module: str, importer: Path) -> list[str]:
        """Where a module that a file imports may lie, without a suffix; none for a package from elsewhere."""
        if module.startswith("."):
            name = module.lstrip(".")
            base = importer.parents[len(module) - len(name) - 1]
            return [str(base.joinpath(*name.split(".")) if name else base)]
        top, *rest = module.split(".")
        if top in self.packages:
            return ["/".join((str(self.packages[top]), *rest))]
        if top in sys.stdlib_module_names or self.module_of(importer):
            return []
        return [str(base.joinpath(top, *rest)) for base in _bases(importer, top)]


def _bases(importer: Path, top: str) -> Iterable[Path]:
    """Folders beside a file of the user's in which its own modules lie: its folder, and that of its package."""
    base = importer.parent
    while (base / "__init__.py").is_file():
        base = base.parent
    own = importer.relative_to(base).parts[0].removesuffix(".py")
    for folder in dict.fromkeys((importer.parent, base)):
        if folder.name not in INSTALLED or top == own:  # a package that is installed beside others is not theirs
            yield folder


@dataclass(frozen=True)
class _Reference:
    """What an import leads to: a file, or "" with a text that says all of it; and the name that is taken."""

    path: Path | None
    name: str
    text: str = ""

    @property
    def is_module(self) -> bool:
        """Whether the import binds the module itself."""
        return not self.name


class CodeReader:
    """Reads code of one tree. Every file is looked at once: make a new reader to see later edits.

    Args:
        tree: where the suite's packages lie; by default those that run.
    """

    def __init__(self, tree: SourceTree | None = None) -> None:
        self.tree = tree or SourceTree.installed()
        self._files: dict[str, Path | None] = {}
        self._sources: dict[Path, SourceText | None] = {}
        self._modules: dict[Path, str] = {}
        self._around: dict[Path, list[Path]] = {}
        self._meant: dict[Import, _Reference] = {}
        self._references: dict[Path, list[_Reference]] = {}
        self._codes: dict[Path, Code] = {}
        self._order: dict[Path, int] = {}
        self._waiting: list[Path] = []
        self._passing: list[tuple[Path, Import]] = []

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
        if entry.module.partition(".")[0] in self.tree.packages:
            return self.module_path(entry.module)
        path = entry.path or module_file(entry.module)
        if path is None:
            raise ContractError(f"{kind} '{entry.name}' ({entry.origin}): there is no module {entry.module}")
        return path.resolve()

    def module(self, name: str) -> Code:
        """The code of a module of the suite.

        Raises:
            ContractError: there is no such module, or one that it imports is not there.
        """
        return self.file(self.module_path(name))

    def module_path(self, name: str) -> Path:
        """The file of a module of the suite.

        Raises:
            ContractError: there is no such module.
        """
        found = self._first(self.tree.stems(name, Path("/")))
        if found is None:
            raise ContractError(f"there is no module {name} in {', '.join(map(str, self.tree.packages.values()))}")
        return found

    def file(self, path: Path) -> Code:
        """The code of a file.

        Raises:
            ContractError: a module of ours that it imports, directly or not, is not there; names both.
        """
        if path not in self._codes:
            self._order, self._waiting = {}, []  # nothing is left of a walk that raised
            self._connect(path)
        return self._codes[path]

    def source(self, path: Path) -> SourceText | None:
        """What a file says, or None if it is no Python that can be read."""
        if path not in self._sources:
            try:
                self._sources[path] = read_source(path) if path.suffix == ".py" else None
            except SyntaxError:
                self._sources[path] = None
        return self._sources[path]

    def target(self, path: Path, local: str) -> tuple[Path, str] | None:
        """The file and name that a name imported at a file's top leads to; None if it is not imported from ours."""
        source = self.source(path)
        for each, found in zip(source.imports if source else (), self._targets(path), strict=False):
            if each.local == local and found.path:
                return found.path, found.name
        return None

    def reached(self, path: Path) -> set[Path]:
        """A file and those of ours that it imports, directly or not: what its code is made of."""
        waiting, seen = [path], set[Path]()
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen.add(current)
                waiting += self._next(current)
        return seen

    def texts(self, path: Path) -> set[str]:
        """Every string, but for docstrings, in the files that are reached from one."""
        return {text for each in self.reached(path) if (source := self.source(each)) for text in source.texts}

    # --------------------------------------------------------------------------------------- following imports

    def _targets(self, path: Path) -> list[_Reference]:
        if path not in self._references:
            source = self.source(path)
            self._references[path] = [self._reference(path, each) for each in source.imports] if source else []
        return self._references[path]

    def _reference(self, path: Path, each: Import) -> _Reference:
        """What an import means; asked once for all files of the suite that import the same by its full name."""
        if each.module.startswith(".") or not self._module(path):
            return self._resolve(path, each)
        if each not in self._meant:
            self._meant[each] = self._resolve(path, each)
        return self._meant[each]

    def _module(self, path: Path) -> str:
        if path not in self._modules:
            self._modules[path] = self.tree.module_of(path)
        return self._modules[path]

    def _resolve(self, path: Path, each: Import) -> _Reference:
        stems = self.tree.stems(each.module, path)
        found = self._first(stems)
        if each.name and (found is None or found.name == "__init__.py"):
            inner = self._first([f"{stem}/{each.name}" for stem in stems])
            if inner is not None:
                return self._carried(_Reference(inner, ""))
        if found is None:
            if each.module.partition(".")[0] in self.tree.packages or (stems and self._module(path)):
                raise ContractError(f"{path}: imports {each.module}, and there is no such module")
            return _Reference(None, each.name or each.module, f"{each.module}:{each.name}")
        through = self.source(found)
        if each.name and through is not None and through.gathers:
            return self._through(path, each, found, through)
        if through is not None and self._module(found) and not through.has(each.name):
            raise ContractError(f"{path}: imports {each.name} from {each.module}, which has no such name")
        name = each.module if each.is_dotted else each.name
        return self._carried(_Reference(found, name))

    def _through(self, path: Path, each: Import, package: Path, source: SourceText) -> _Reference:
        """The reference of a name that a package only passes on."""
        if each.name == "*":
            return _Reference(package, each.name)
        for passed in source.imports:
            if passed.local == each.name and (package, passed) not in self._passing:
                self._passing.append((package, passed))
                try:
                    return self._reference(package, passed)
                finally:
                    self._passing.pop()
        raise ContractError(f"{path}: imports {each.name} from {each.module}, which has no such name")

    def _carried(self, found: _Reference) -> _Reference:
        assert found.path is not None
        if self._module(found.path) in CARRIERS:
            return _Reference(None, found.name, f"{CARRIED}:{found.name}")
        return found

    def _first(self, stems: Sequence[str]) -> Path | None:
        return next((file for stem in stems if (file := self._file_at(stem))), None)

    def _file_at(self, stem: str) -> Path | None:
        if stem not in self._files:
            places = (f"{stem}/__init__.py", f"{stem}.py")
            found = next((p for p in places if os.path.isfile(p)), "")  # noqa: PTH113 - a Path each takes longer
            self._files[stem] = Path(found) if found else None
        return self._files[stem]

    def _parents(self, path: Path) -> list[Path]:
        """Packages around a file that do more than pass names on: they run before it does."""
        return self._packages_at(path.parent if path.name != "__init__.py" else path.parent.parent)

    def _packages_at(self, folder: Path) -> list[Path]:
        if folder not in self._around:
            above, found = folder / "__init__.py", list[Path]()
            if above.is_file():
                source, outer = self.source(above), self._packages_at(folder.parent)
                runs = source and source.text and not source.gathers and self._module(above) not in CARRIERS
                found = [above, *outer] if runs else outer
            self._around[folder] = found
        return self._around[folder]

    # ------------------------------------------------------------------------------------------- putting together

    def _connect(self, path: Path) -> int:
        """Give a file, and all that it imports, its code; rings of imports get theirs together (Tarjan 1972).

        Returns:
            The lowest number of a file that waits and can be reached; one's own if it closes a ring.
        """
        low = self._order[path] = len(self._order)
        place = len(self._waiting)
        self._waiting.append(path)
        for target in self._next(path):
            if target not in self._codes:
                reached = self._order[target] if target in self._order else self._connect(target)
                low = min(low, reached)
        if low == self._order[path]:
            ring = self._waiting[place:]
            del self._waiting[place:]
            self._close(ring)
        return low

    def _next(self, path: Path) -> list[Path]:
        direct = [reference.path for reference in self._targets(path) if reference.path is not None]
        return list(dict.fromkeys([*direct, *self._parents(path)]))

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
        source = self.source(path)
        if source is None:
            return sha256(path)

        def identity(target: Path) -> str:
            return ring[target] if target in ring else self._codes[target].fingerprint

        targets = self._targets(path)
        meanings = tuple(t.text if t.path is None else f"{identity(t.path)}:{t.name}" for t in targets)
        around = tuple(sorted(identity(parent) for parent in self._parents(path)))
        return _hashed(source, meanings, tuple(t.is_module for t in targets), around)

    def _packages(self, path: Path) -> set[str]:
        source = self.source(path)
        codes = [self._codes[target] for target in self._next(path) if target in self._codes]
        found = {name for code in codes for name in code.packages}
        for each, reference in zip(source.imports if source else (), self._targets(path), strict=True):
            top = each.module.partition(".")[0]
            if reference.path is None and top and top not in self.tree.packages:
                found.add(top)
        return found - CARRYING_PACKAGES - sys.stdlib_module_names


@lru_cache(maxsize=4096)
def _hashed(source: SourceText, meanings: Sequence[str], modules: Sequence[bool], around: Sequence[str]) -> str:
    """Hash of one file; most are the same for the next reader."""
    return _short([rendered(source, meanings, modules), *around])


def _short(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
