"""Options that a registered class declares, with their defaults, read from its source: nothing is imported.

Keys and seeds depend on the values of options; an option that is stated at its default is equal to one that is left
out.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.core.errors import UnknownName
from bench.core.fingerprints import CodeReader
from bench.core.registry import find
from bench.core.source_text import dotted_name, parse_tree, spoken

NETWORK = "network"
"""Option of a metric that ``metric@network`` sets."""


class Required:
    """Marker of an option without a default."""


@dataclass(frozen=True)
class ClassText:
    """A class statement: its bases as written, the presence of ``dataclass``, and its annotated names.

    ``fields`` holds the name, the default as source code ("" if there is none), and True if ``__init__`` takes it.
    """

    bases: tuple[str, ...]
    is_dataclass: bool
    fields: tuple[tuple[str, str, bool], ...]


Place = tuple[Path, str]
"""A file and the name of a class in it."""
MADE: Mapping[str, Any] = {"dict()": {}, "list()": [], "tuple()": ()}
"""Values of default factories."""


def declared_options(kind: str, name: str, reader: CodeReader | None = None) -> dict[str, Any]:
    """Return the options of a registered class and their defaults, in the order of its fields.

    A default that is not a literal is represented by its source code: ``{"default": "make()"}``. Options of bases
    outside the suite are not included. The result is empty for a plug-in that cannot be read.

    Raises:
        UnknownName: no such name.
        ContractError: a module that the class needs is not there.
    """
    reader = reader or CodeReader()
    fields = _fields(reader, (reader.entry_file(kind, name), find(kind, name).attribute))
    return {option: value for option, (value, is_taken) in fields.items() if is_taken}


def resolved_options(kind: str, name: str, options: Mapping[str, Any], reader: CodeReader | None = None) -> Any:
    """Return the values of all options, stated or default, including the argument of ``name:argument``.

    Stated options that the class does not have are kept.

    Raises:
        UnknownName: no such name.
        ContractError: a module that the class needs is not there.
    """
    known = declared_options(kind, name, reader)
    stated = stated_options(kind, name, options, known)
    return {option: value for option, value in known.items() if value is not Required} | stated


def stated_options(kind: str, name: str, options: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> Any:
    """Return the options that differ from their defaults, including the argument of ``name:argument`` if it does.

    Args:
        kind: kind of the class.
        name: registered name, optionally with an argument, and for a metric with a network.
        options: as a suite states them.
        known: result of ``declared_options``, if available.

    Raises:
        UnknownName: no such name.
        ContractError: a module that the class needs is not there.
    """
    known = declared_options(kind, name) if known is None else known
    given, rest = dict(options), name[len(find(kind, name).name) :]
    if kind == "metric":
        rest, at, network = rest.partition("@")
        if at:
            given[NETWORK] = network
    if rest:
        free = [option for option in known if option not in given]
        first = next((option for option in free if option != NETWORK), ":")
        given[first] = int(rest[1:]) if rest[1:].isdecimal() and not isinstance(known.get(first), str) else rest[1:]
    return {option: value for option, value in given.items() if not _equal(value, known.get(option, Required))}


def differing_options(kind: str, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that differ from their defaults; all of them for a name that is not registered."""
    if not options:
        return {}
    try:
        is_built_in = find(kind, name).origin == "built in"
        known = _built_in_options(kind, name) if is_built_in else declared_options(kind, name)
    except UnknownName:
        return dict(options)
    return {option: value for option, value in options.items() if not _equal(value, known.get(option, Required))}


@cache
def _built_in_options(kind: str, name: str) -> Mapping[str, Any]:
    """Return the options of a class of the suite, read once per process: each stage of each cell asks for them."""
    return declared_options(kind, name)


def _equal(value: Any, default: Any) -> bool:
    """Return True if a stated value equals the default: 0 is 0.0 and a list is a tuple, but True is not 1."""
    if isinstance(value, list | tuple) and isinstance(default, list | tuple):
        return len(value) == len(default) and all(map(_equal, value, default))
    return isinstance(value, bool) == isinstance(default, bool) and bool(value == default)


# ------------------------------------------------------------------------------------------------ reading classes


def _fields(reader: CodeReader, place: Place) -> dict[str, tuple[Any, bool]]:
    """Return the default of each field, and True if ``__init__`` takes it, collected as in ``dataclass``.

    Every base contributes all of its fields, in reverse order of resolution.
    """
    (path, name), found = place, dict[str, tuple[Any, bool]]()
    text, bases = _class(reader, path, name), _order(reader, place)[1:]
    if text is None or not text.is_dataclass:
        return _fields(reader, bases[0]) if bases else {}
    for base in reversed(bases):
        found |= _fields(reader, base)
    for option, default, is_taken in text.fields:
        found[option] = _value(reader, path, default) if default else Required, is_taken
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
    """Return the value of a default: a literal, or the literal value of a name, which may be imported."""
    if default in MADE:
        return MADE[default]
    try:
        return ast.literal_eval(default)
    except (ValueError, SyntaxError):
        pass
    stat = path.stat()
    constants = _read(path, stat.st_mtime_ns, stat.st_size)[1]
    if constants.get(default, default) != default:
        return _value(reader, path, constants[default])
    target = reader.graph.target(path, default)
    if target is not None and target[1] and target != (path, default):
        return _value(reader, *target)
    return {"default": default}


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
        tuple(_field(name, value) for each in node.body for name, value in _annotated(each)),
    )


def _annotated(node: ast.stmt) -> list[tuple[str, ast.expr | None]]:
    """Return name and default of a field, if the statement declares one."""
    if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
        return []
    written = node.annotation
    if isinstance(written, ast.Constant) and isinstance(written.value, str):
        written = ast.parse(written.value, mode="eval").body
    is_field = dotted_name(written).rpartition(".")[2] not in {"ClassVar", "KW_ONLY"}
    return [(node.target.id, node.value)] if is_field else []


def _field(name: str, value: ast.expr | None) -> tuple[str, str, bool]:
    if value is None:
        return name, "", True
    if isinstance(value, ast.Call) and dotted_name(value.func).rpartition(".")[2] == "field":
        words = {word.arg: ast.unparse(word.value) for word in value.keywords}
        made = f"{words['default_factory']}()" if "default_factory" in words else ""
        return name, words.get("default", made), words.get("init") != "False"
    return name, ast.unparse(value), True


def _constants(body: Sequence[ast.stmt]) -> list[tuple[str, str]]:
    found = []
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and value is not None:
            found += [(t.id, ast.unparse(value)) for t in targets if isinstance(t, ast.Name)]
    return found
