"""Fields of dataclasses and their defaults, read from source with those of all bases: nothing is imported."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.core.fingerprints import CodeReader
from bench.core.source_text import dotted_name, parse_tree, spoken


class Required:
    """Marker of an option without a default."""


@dataclass(frozen=True)
class FieldText:
    """A field of a class statement, as source code.

    Attributes:
        name: name of the field.
        default: its default; "" if there is none.
        is_taken: True if ``__init__`` takes it.
        annotation: its type.
        table_of: kind, and the option with the registered name, of the class whose options this option holds as a
            table: ``field(metadata={"options of": ("gan", "of")})``; empty for other options.
    """

    name: str
    default: str
    is_taken: bool
    annotation: str
    table_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClassText:
    """A class statement: its bases as written, the presence of ``dataclass``, and its fields."""

    bases: tuple[str, ...]
    is_dataclass: bool
    fields: tuple[FieldText, ...]


@dataclass(frozen=True)
class DeclaredOption:
    """A field of a class, and the value of its default, which is ``Required`` if there is none."""

    text: FieldText
    default: Any


Place = tuple[Path, str]
"""A file and the name of a class in it."""
MADE: Mapping[str, Any] = {"dict()": {}, "list()": [], "tuple()": ()}
"""Values of default factories."""
OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
"""Operators that a default may contain."""
TABLE_OF = "options of"
"""Key of ``FieldText.table_of`` in the metadata of a field."""


def fields_of(reader: CodeReader, place: Place) -> dict[str, DeclaredOption]:
    """Return the fields of a class with their defaults, collected as in ``dataclass``.

    Every base contributes all of its fields, in reverse order of resolution.
    """
    (path, name), found = place, dict[str, DeclaredOption]()
    text, bases = _class(reader, path, name), _order(reader, place)[1:]
    if text is None or not text.is_dataclass:
        return fields_of(reader, bases[0]) if bases else {}
    for base in reversed(bases):
        found |= fields_of(reader, base)
    for each in text.fields:
        found[each.name] = DeclaredOption(each, _value(reader, path, each.default) if each.default else Required)
    return found


def _order(reader: CodeReader, start: Place) -> list[Place]:
    """Return the class and its bases in Python's resolution order (C3, as ``__mro__``)."""
    bases = _bases(reader, start)
    waiting = [_order(reader, base) for base in bases] + [list(bases)]
    found = [start]
    while waiting := [row for row in waiting if row]:
        heads = (row[0] for row in waiting)
        chosen = next((head for head in heads if not any(head in row[1:] for row in waiting)), waiting[0][0])
        found.append(chosen)
        waiting = [[each for each in row if each != chosen] for row in waiting]
    return found


def _bases(reader: CodeReader, place: Place) -> list[Place]:
    text = _class(reader, *place)
    found = [_place(reader, place[0], base) for base in text.bases] if text else []
    return [each for each in found if each is not None and each != place]


def _place(reader: CodeReader, path: Path, name: str) -> Place | None:
    """Return the place of the class that a name in a file refers to; None for a class outside the suite."""
    first, _, rest = name.partition(".")
    if not rest and _class(reader, path, name):
        return path, name
    target = reader.graph.target(path, first)
    if target is None:
        return None
    file, taken = target
    wanted = ".".join(part for part in (taken, rest) if part)
    return _place(reader, file, wanted) if (file, wanted) != (path, name) else None


def _class(reader: CodeReader, path: Path, name: str) -> ClassText | None:
    if reader.graph.source(path) is None:
        return None
    stat = path.stat()
    return _read(path, stat.st_mtime_ns, stat.st_size)[0].get(name)


def _value(reader: CodeReader, path: Path, default: str) -> Any:
    """Return the value of a default: a constant expression, whose names may be imported, or its source code."""
    if default in MADE:
        return MADE[default]
    try:
        return _constant(reader, path, ast.parse(default, mode="eval").body)
    except (ValueError, TypeError, ArithmeticError, RecursionError):
        return {"default": default}


def _constant(reader: CodeReader, path: Path, node: ast.expr) -> Any:
    """Return the value of an expression of literals, names of constants, operators and ``len``.

    Raises:
        ValueError: it contains anything else.
    """
    if isinstance(node, ast.Name | ast.Attribute):
        return _named(reader, path, dotted_name(node))
    if isinstance(node, ast.Tuple):
        return tuple(_constant(reader, path, each) for each in node.elts)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_constant(reader, path, node.left), _constant(reader, path, node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_constant(reader, path, node.operand)
    if isinstance(node, ast.Call) and dotted_name(node.func) == "len" and len(node.args) == 1:
        return len(_constant(reader, path, node.args[0]))
    return ast.literal_eval(node)


def _named(reader: CodeReader, path: Path, name: str) -> Any:
    """Return the value of a constant of a file, or of one that it imports; raises the error of ``_constant``."""
    stat = path.stat()
    constants = _read(path, stat.st_mtime_ns, stat.st_size)[1]
    if constants.get(name, name) != name:
        return _constant(reader, path, ast.parse(constants[name], mode="eval").body)
    first, _, rest = name.partition(".")
    target = reader.graph.target(path, first)
    if target is None:
        raise ValueError(name)
    file, taken = target
    wanted = ".".join(part for part in (taken, rest) if part)
    if not wanted or (file, wanted) == (path, name):
        raise ValueError(name)
    return _named(reader, file, wanted)


@cache
def _read(path: Path, modified: int, size: int) -> tuple[dict[str, ClassText], dict[str, str]]:
    """Return the classes of a file and the source code of its constants; an unchanged file is read once."""
    body = spoken(parse_tree(path.read_bytes(), str(path)).body)
    return {node.name: _class_text(node) for node in body if isinstance(node, ast.ClassDef)}, dict(_constants(body))


def _class_text(node: ast.ClassDef) -> ClassText:
    decorators = [dotted_name(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list]
    return ClassText(
        tuple(name for base in node.bases if (name := dotted_name(base))),
        any(name.rpartition(".")[2] == "dataclass" for name in decorators),
        tuple(field for each in node.body for field in _annotated(each)),
    )


def _annotated(node: ast.stmt) -> list[FieldText]:
    """Return the field that the statement declares, if it declares one."""
    if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
        return []
    written = node.annotation
    if isinstance(written, ast.Constant) and isinstance(written.value, str):
        written = ast.parse(written.value, mode="eval").body
    is_field = dotted_name(written).rpartition(".")[2] not in {"ClassVar", "KW_ONLY"}
    return [_field(node.target.id, node.value, ast.unparse(written))] if is_field else []


def _field(name: str, value: ast.expr | None, annotation: str) -> FieldText:
    if value is None:
        return FieldText(name, "", is_taken=True, annotation=annotation)
    if isinstance(value, ast.Call) and dotted_name(value.func).rpartition(".")[2] == "field":
        words = {word.arg: ast.unparse(word.value) for word in value.keywords}
        made = f"{words['default_factory']}()" if "default_factory" in words else ""
        default, is_taken = words.get("default", made), words.get("init") != "False"
        return FieldText(name, default, is_taken, annotation=annotation, table_of=_table_of(words.get("metadata")))
    return FieldText(name, ast.unparse(value), is_taken=True, annotation=annotation)


def _table_of(metadata: str | None) -> tuple[str, ...]:
    try:
        found = ast.literal_eval(metadata or "{}")
    except ValueError:
        return ()
    return tuple(found.get(TABLE_OF, ())) if isinstance(found, dict) else ()


def _constants(body: Sequence[ast.stmt]) -> list[tuple[str, str]]:
    found = []
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and value is not None:
            found += [(t.id, ast.unparse(value)) for t in targets if isinstance(t, ast.Name)]
    return found
