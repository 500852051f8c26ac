"""Graph of imports between files of the suite, and between files of a user's plug-in.

Imports are found in the source, also inside functions, so that the dependences of a number need no list.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench.core.errors import ContractError
from bench.core.moved import new_place
from bench.core.source_text import Import, SourceText, read_source

CARRIERS: Mapping[str, str] = {
    "bench": "opens the Python API for a user; code that makes numbers imports nothing from it",
    "bench.core.environment": "states facts of the machine, and ends a stage that takes too long",
    "bench.core.errors": "words of errors",
    "bench.core.files": "writes files whole, and hashes; another ``digest`` would change every key by itself",
    "bench.core.paths": "says where files lie; their content and the device are in the keys",
    "bench.core.registry": "finds the class of a name; the class's own code is in the keys",
    "bench.core.types.runs": "budgets, choices, cells and records: their values are in the keys",
    "bench.harness.keys": "makes keys from what determines a number; no number is made from a key",
    "bench.harness.store": "keeps what was made, and gives it back as it was",
}
"""Modules that do not affect numbers, with the reason. All others are followed: a module missing here causes an
unnecessary computation, but never a stale number."""
CARRIED = "carried"
FORWARDED = {"bench": "bench.api"}
"""Package, imported by plug-ins, that takes its names from a module when they are first used."""
INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class SourceTree:
    """Locations of the suite's packages: name -> folder."""

    packages: Mapping[str, Path]

    @classmethod
    def installed(cls) -> SourceTree:
        """Return the packages of the running process."""
        spec = find_spec("methods")
        places = list(spec.submodule_search_locations or ()) if spec else []
        methods = {"methods": Path(places[0]).resolve()} if places else {}
        return cls({"bench": Path(__file__).resolve().parents[1], **methods})

    @classmethod
    def at(cls, root: Path) -> SourceTree:
        """Return the packages of a checkout."""
        return cls({name: root.resolve() / name for name in ("bench", "methods")})

    def module_of(self, path: Path) -> str:
        """Return the dotted name of a file of the tree, "" for any other file."""
        for name, folder in self.packages.items():
            if path.is_relative_to(folder):
                parts = path.relative_to(folder).with_suffix("").parts
                return ".".join((name, *(part for part in parts if part != "__init__")))
        return ""

    def stems(self, module: str, importer: Path) -> list[str]:
        """Return possible paths, without a suffix, of a module that a file imports; none for third-party packages."""
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
    """Yield the folders of the modules of a user's file: its own, that of its package, the current one around it."""
    base = importer.parent
    while (base / "__init__.py").is_file():
        base = base.parent
    own = importer.relative_to(base).parts[0].removesuffix(".py")
    around = (
        [here] if importer.is_relative_to(here := Path.cwd()) else []
    )  # folders without __init__ are packages too
    for folder in dict.fromkeys((importer.parent, base, *around)):
        if folder.name not in INSTALLED or top == own:  # other packages in the same folder are not part of it
            yield folder


@dataclass(frozen=True)
class ImportTarget:
    """Target of an import: a file and the imported name, or, without a file, a text that identifies it."""

    path: Path | None
    name: str
    text: str = ""

    @property
    def is_module(self) -> bool:
        """True if the import binds the module itself."""
        return not self.name


class ImportGraph:
    """Files and their imports. Every file is read once; later edits need a new graph.

    Args:
        tree: folders of the suite's packages; by default those of the running process.
    """

    def __init__(self, tree: SourceTree | None = None) -> None:
        self.tree = tree or SourceTree.installed()
        self._files: dict[str, Path | None] = {}
        self._sources: dict[Path, SourceText | None] = {}
        self._modules: dict[Path, str] = {}
        self._around: dict[Path, list[Path]] = {}
        self._meant: dict[Import, ImportTarget] = {}
        self._references: dict[Path, list[ImportTarget]] = {}
        self._passing: list[tuple[Path, Import]] = []

    def module_path(self, name: str) -> Path:
        """Return the file of a module of the suite.

        Raises:
            ContractError: there is no such module.
        """
        found = self._first(self.tree.stems(name, Path("/")))
        if found is None:
            raise ContractError(f"there is no module {name} in {', '.join(map(str, self.tree.packages.values()))}")
        return found

    def source(self, path: Path) -> SourceText | None:
        """Return the source of a file, or None if it is not valid Python."""
        if path not in self._sources:
            try:
                self._sources[path] = read_source(path) if path.suffix == ".py" else None
            except SyntaxError:
                self._sources[path] = None
        return self._sources[path]

    def targets(self, path: Path) -> list[ImportTarget]:
        """Return the targets of the imports of a file, in order.

        Raises:
            ContractError: a module of the suite that it imports, or a name of one, does not exist.
        """
        if path not in self._references:
            source = self.source(path)
            self._references[path] = [self._reference(path, each) for each in source.imports] if source else []
        return self._references[path]

    def parents(self, path: Path) -> list[Path]:
        """Return the packages around a file whose ``__init__`` runs first and may have effects."""
        return self._packages_at(path.parent if path.name != "__init__.py" else path.parent.parent)

    def next(self, path: Path) -> list[Path]:
        """Return the files that a file imports, and the packages around it; raises the errors of ``targets``."""
        direct = [reference.path for reference in self.targets(path) if reference.path is not None]
        return list(dict.fromkeys([*direct, *self.parents(path)]))

    def target(self, path: Path, local: str) -> tuple[Path, str] | None:
        """Return file and name of the target of an imported name; None if it is not imported from the suite."""
        source = self.source(path)
        for each, found in zip(source.imports if source else (), self.targets(path), strict=False):
            if each.local == local and found.path:
                return found.path, found.name
        return None

    def reached(self, path: Path) -> set[Path]:
        """Return a file and all files of the suite that it imports, directly or not."""
        waiting, seen = [path], set[Path]()
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen.add(current)
                waiting += self.next(current)
        return seen

    def texts(self, path: Path) -> set[str]:
        """Return all strings, except docstrings, in the files that a file reaches."""
        return {text for each in self.reached(path) if (source := self.source(each)) for text in source.texts}

    # ---------------------------------------------------------------------------------------------- resolving

    def _reference(self, path: Path, each: Import) -> ImportTarget:
        """Return the target of an import; absolute imports are resolved once for all files of the suite."""
        if each.module.startswith(".") or not self.module_of(path):
            return self._resolve(path, each)
        if each not in self._meant:
            self._meant[each] = self._resolve(path, each)
        return self._meant[each]

    def module_of(self, path: Path) -> str:
        """Return the dotted name of a file of the suite, "" for any other."""
        if path not in self._modules:
            self._modules[path] = self.tree.module_of(path)
        return self._modules[path]

    def _resolve(self, path: Path, each: Import) -> ImportTarget:
        stems = self.tree.stems(each.module, path)
        found = self._first(stems)
        if each.name and (found is None or found.name == "__init__.py"):
            inner = self._first([f"{stem}/{each.name}" for stem in stems])
            if inner is not None:
                return self._carried(ImportTarget(inner, ""))
        if found is None:
            if each.module.partition(".")[0] in self.tree.packages or (stems and self.module_of(path)):
                place = new_place(each.module)
                raise ContractError(f"{path}: imports {each.module}, and there is no such module{place}")
            return ImportTarget(None, each.name or each.module, f"{each.module}:{each.name}")
        if each.name and self.module_of(found) in FORWARDED:
            return self._forwarded(path, each, self.module_path(FORWARDED[self.module_of(found)]))
        through = self.source(found)
        if each.name and through is not None and through.gathers:
            return self._through(path, each, found, through)
        if through is not None and self.module_of(found) and not through.has(each.name):
            raise ContractError(_nameless(path, each))
        name = each.module if each.is_dotted else each.name
        return self._carried(ImportTarget(found, name))

    def _through(self, path: Path, each: Import, package: Path, source: SourceText) -> ImportTarget:
        """Return the target of a name that a package only re-exports."""
        if each.name == "*":
            return ImportTarget(package, each.name)
        for passed in source.imports:
            if passed.local == each.name and (package, passed) not in self._passing:
                self._passing.append((package, passed))
                try:
                    return self._reference(package, passed)
                finally:
                    self._passing.pop()
        raise ContractError(_nameless(path, each))

    def _forwarded(self, path: Path, each: Import, home: Path) -> ImportTarget:
        """Return the target of a name that a package forwards from a module; its own functions affect no number."""
        source = self.source(home)
        for passed in source.imports if source else ():
            if passed.local == each.name:
                return self._reference(home, passed)
        if source is not None and source.has(each.name):
            return ImportTarget(None, each.name, f"{CARRIED}:{each.name}")
        raise ContractError(_nameless(path, each))

    def _carried(self, found: ImportTarget) -> ImportTarget:
        assert found.path is not None
        if self.module_of(found.path) in CARRIERS:
            return ImportTarget(None, found.name, f"{CARRIED}:{found.name}")
        return found

    def _first(self, stems: Sequence[str]) -> Path | None:
        return next((file for stem in stems if (file := self._file_at(stem))), None)

    def _file_at(self, stem: str) -> Path | None:
        if stem not in self._files:
            places = (f"{stem}/__init__.py", f"{stem}.py")
            found = next((p for p in places if os.path.isfile(p)), "")  # noqa: PTH113 - a Path each takes longer
            self._files[stem] = Path(found) if found else None
        return self._files[stem]

    def _packages_at(self, folder: Path) -> list[Path]:
        if folder not in self._around:
            above, found = folder / "__init__.py", list[Path]()
            if above.is_file():
                source, outer = self.source(above), self._packages_at(folder.parent)
                runs = source and source.text and self._has_effects(above, source)
                found = [above, *outer] if runs else outer
            self._around[folder] = found
        return self._around[folder]

    def _has_effects(self, package: Path, source: SourceText) -> bool:
        """Return True if a package may do more than import names; the suite's modules have no effects at import."""
        name = self.module_of(package)
        return not name or (not source.gathers and name not in CARRIERS)


def _nameless(path: Path, each: Import) -> str:
    """Return the message about a name that its module does not have."""
    place = new_place(f"{each.module}.{each.name}")
    return f"{path}: imports {each.name} from {each.module}, which has no such name{place}"
