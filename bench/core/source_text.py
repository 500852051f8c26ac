"""Canonical text of a Python file, independent of its name and layout. No code is run.

Comments, docstrings, layout, the order of neighbouring imports and blocks for type checkers are left out.
``rendered`` replaces imported names by the identity of their targets, so that the text does not depend on the names
of modules.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.core.files import file_stamp

SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
"""Fields of syntax trees without meaning: contexts follow from positions, and the prefix "u" has no effect."""
IMPORTS, NAME = "\x01", "\x02"
"""Marks in a text; source code has no such characters outside strings, where they are escaped."""


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        module: as written, with leading dots if it is relative.
        name: the imported name; "" for ``import module``, "*" for all names.
        local: the name that is bound in the file; "" for a call of ``import_module`` or ``__import__``.
    """

    module: str
    name: str
    local: str

    @property
    def is_dotted(self) -> bool:
        """True for ``import a.b``, which binds ``a`` alone."""
        return not self.name and "." in self.module and self.local == self.module.partition(".")[0]


@dataclass(frozen=True, eq=False)
class SourceText:
    """Content of a file that was read; the same object as long as the file is unchanged.

    Attributes:
        text: its code with marks for runs of imports and for imported names.
        imports: all imports, also inside functions.
        bound: names that are bound by anything but imports.
        gathers: True if it holds nothing but imports and ``__all__``.
        texts: its strings, except docstrings.
    """

    text: str
    imports: tuple[Import, ...]
    bound: frozenset[str]
    gathers: bool
    texts: frozenset[str]

    def has(self, name: str) -> bool:
        """Return True if a name can be imported from the file; "" and names that Python adds always can."""
        return (
            not name.strip("*")
            or name.startswith("__")
            or name in self.bound
            or any(each.local in {name, "*"} for each in self.imports)
        )


def read_source(path: Path) -> SourceText:
    """Read a file; an unchanged file is read once per process.

    Raises:
        SyntaxError: the file is not valid Python.
        OSError: the file cannot be read.
    """
    return _read(path, file_stamp(path.stat()))


@cache
def _read(path: Path, stamp: tuple[int, ...]) -> SourceText:
    return parse_source(path.read_bytes(), str(path))


def parse_source(content: bytes | str, place: str = "<text>") -> SourceText:
    """Parse source code.

    Raises:
        SyntaxError: it is not valid Python; the message names ``place``.
    """
    tree = parse_tree(content, place)
    writer = _Writer()
    writer.statements(tree.body)
    body, imported = spoken(tree.body), {each.local for each in writer.imports}
    text = re.sub(f"{NAME}([^{NAME}]*){NAME}", lambda m: m[0] if m[1] in imported else m[1], "".join(writer.out))
    return SourceText(
        text,
        tuple(writer.imports),
        bound=frozenset(writer.bound),
        gathers=bool(body) and all(isinstance(n, ast.Import | ast.ImportFrom) or _is_all(n) for n in body),
        texts=frozenset(writer.texts),
    )


def rendered(source: SourceText, meanings: Sequence[str], modules: Sequence[bool]) -> str:
    """Return the text with each import replaced by its meaning.

    A name that is bound to a module is numbered by its first use, so that renaming the module changes nothing; a name
    that the file also binds to something else is kept.

    Args:
        source: the file.
        meanings: of each import: the identity of its target, and the imported name.
        modules: for each import, True if it binds a module that its meaning identifies completely.
    """
    aliases: dict[str, str] = {}
    for each, meaning, is_module in zip(source.imports, meanings, modules, strict=True):
        known = aliases.setdefault(each.local, meaning if is_module else "")
        if known != meaning or each.local in source.bound:
            aliases[each.local] = ""
    numbers: dict[str, str] = {}

    def use(match: re.Match[str]) -> str:
        name = match[1]
        return numbers.setdefault(name, f"#{len(numbers)}") if aliases.get(name) else name

    def imports(match: re.Match[str]) -> str:
        rows = [int(number) for number in match[1].split(",")]
        locals_ = [source.imports[row].local for row in rows]
        said = [f"{meanings[row]} as {numbers.get(local, local)}" for row, local in zip(rows, locals_, strict=True)]
        ordered = sorted(said) if len(set(locals_)) == len(locals_) else said
        return f"import({';'.join(ordered)})"

    text = re.sub(f"{NAME}([^{NAME}]*){NAME}", use, source.text)
    return re.sub(f"{IMPORTS}([^{IMPORTS}]*){IMPORTS}", imports, text)


def parse_tree(content: bytes | str, place: str) -> ast.Module:
    """Return the syntax tree of source code; see ``parse_source``."""
    try:
        return ast.parse(content, place)
    except ValueError as error:  # null bytes
        raise SyntaxError(f"{place}: {error}") from error


class _Writer:
    """Writer of syntax trees as text, the same for all versions of Python with equal trees."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.imports: list[Import] = []
        self.bound: set[str] = set()
        self.texts: set[str] = set()

    def statements(self, body: Sequence[ast.stmt]) -> None:
        """Write statements; imports that stand together become one mark."""
        run: list[str] = []
        for node in spoken(body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for each in _imports(node):
                    run.append(str(len(self.imports)))
                    self.imports.append(each)
                continue
            self._end(run)
            self.write(node)
        self._end(run)

    def _end(self, run: list[str]) -> None:
        if run:
            self.out.append(f"{IMPORTS}{','.join(run)}{IMPORTS}")
            run.clear()

    def write(self, value: Any) -> None:
        """Write a node, a list of them, or a plain value."""
        if isinstance(value, ast.AST):
            self._node(value)
        elif isinstance(value, list):
            self.out.append("[")
            if value and isinstance(value[0], ast.stmt):
                self.statements(value)
            else:
                for each in value:
                    self.write(each)
                    self.out.append(",")
            self.out.append("]")
        else:
            self.out.append(repr(value))

    def _node(self, node: ast.AST) -> None:
        self._note_names(node)
        if isinstance(node, ast.Name):
            self.out.append(f"{NAME}{node.id}{NAME}")
            return
        module = _called_import(node)
        if module:
            self._end([str(len(self.imports))])
            self.imports.append(Import(module, "", ""))
        self.out.append(f"{type(node).__name__}(")
        for name in node._fields:
            value = getattr(node, name, None)
            if name not in SKIPPED and value is not None and value != []:
                self.out.append(f"{name}=")
                self.write(value)
        self.out.append(")")

    def _note_names(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                self.bound.add(node.id)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                self.texts.add(node.value)
        elif isinstance(node, ast.arg):
            self.bound.add(node.arg)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            self.bound.update(node.names)
        elif not isinstance(node, ast.alias):
            self.bound.update(n for n in (getattr(node, "name", None), getattr(node, "rest", None)) if n)


def spoken(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Return the effective statements: no texts, no ``pass``, and only the ``else`` of ``if TYPE_CHECKING``."""
    found: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.If) and dotted_name(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            found += spoken(node.orelse)
        elif not isinstance(node, ast.Pass) and not _is_text(node):
            found.append(node)
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [dotted_name(target) for target in node.targets] == ["__all__"]


def _imports(node: ast.Import | ast.ImportFrom) -> list[Import]:
    if isinstance(node, ast.Import):
        return [Import(a.name, "", a.asname or a.name.partition(".")[0]) for a in node.names]
    module = "." * node.level + (node.module or "")
    return [Import(module, a.name, a.asname or a.name) for a in node.names if a.name != "TYPE_CHECKING"]


def _called_import(node: ast.AST) -> str:
    """Return the module that ``import_module("name")`` or ``__import__("name")`` loads; "" for any other node."""
    if not isinstance(node, ast.Call) or not node.args:
        return ""
    called, first = dotted_name(node.func).rpartition(".")[2], node.args[0]
    if called not in {"import_module", "__import__"} or not isinstance(first, ast.Constant):
        return ""
    return first.value if isinstance(first.value, str) else ""


def dotted_name(node: ast.expr) -> str:
    """Return a dotted name as text; "" for any other expression, and the generic class for ``Base[T]``."""
    if isinstance(node, ast.Subscript):
        return dotted_name(node.value)
    if isinstance(node, ast.Attribute):
        before = dotted_name(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""
