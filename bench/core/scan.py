"""Registered classes in the source of a file: found by their decorators, without importing anything."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import BenchError

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
BUILT_IN = "built in"
"""Origin of what the suite itself registers."""
UNNAMEABLE = re.compile(r"[\s+:@/?,]")
"""Characters with a meaning in what a user writes: ``method+refiner``, ``name:argument``, ``metric@network``,
``dataset/gan``, ``gan?option=value``, ``method,method``."""


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


def fault_of_name(kind: str, name: str) -> str:
    """Return the rule of names with the name that breaks it; "" for a name that can be written and found."""
    if name and not UNNAMEABLE.search(name):
        return ""
    return f"{kind} '{name}': a name is not empty, and contains no space and none of + : @ / ? ,"


def parsed(path: Path) -> ast.Module:
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


def registered(tree: ast.Module, path: Path, module: str, origin: str) -> list[Entry]:
    """Return entries of the classes of a file that a decorator of ``bench.core.registry`` registers.

    Raises:
        BenchError: a name is no literal string, or breaks the rule of names; the message states the line.
    """
    found, kinds = [], _decorators(tree)
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        summary = (ast.get_docstring(node) or "").split("\n")[0]
        for call in node.decorator_list:
            kind = _kind(call, kinds)
            if not kind:
                continue
            name = _name(call)
            if name is None:
                raise BenchError(
                    f"{path}, line {call.lineno}: @{ast.unparse(call)}: the name must be a literal string"
                )
            if fault := fault_of_name(kind, name):
                raise BenchError(f"{path}, line {call.lineno}: {fault}")
            found.append(
                Entry(kind, name, module=module, attribute=node.name, path=path, summary=summary, origin=origin)
            )
    return found


def unreadable(path: Path, module: str, room: str, error: str) -> list[Entry]:
    """Return the entries that the text of a broken file declares; if none, one for the module itself."""
    text = path.read_bytes().decode(errors="replace")
    marks = re.findall(r"""^@(?:\w+\.)*(\w+)\(\s*["'](.+?)["']\s*\)""", text, re.MULTILINE)
    named = [(kind, name) for kind, name in marks if kind in ROOMS]
    if not named:
        named = [(next(kind for kind, place in ROOMS.items() if place == room), module)]
    return [
        Entry(kind, name, module=module, attribute="", path=path, summary="", origin=BUILT_IN, error=error)
        for kind, name in named
    ]


def not_understood(tree: ast.Module) -> str:
    """Return a note on the first decorator that resembles one of a registry; "" if there is none."""
    for node in tree.body:
        for call in node.decorator_list if isinstance(node, ast.ClassDef) else ():
            if isinstance(call, ast.Call) and _name(call) is not None:
                return f"; @{ast.unparse(call)} in line {call.lineno} is no decorator from bench"
    return ""


def _decorators(tree: ast.Module) -> dict[str, str]:
    """Return the kind of each name of a decorator in a file, including those that imports and assignments rename."""
    kinds = {kind: kind for kind in ROOMS}
    for node in _top_level(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "bench":
            kinds |= {alias.asname: alias.name for alias in node.names if alias.asname and alias.name in ROOMS}
    for name, value in _assigned(tree):
        if kind := _last(value, kinds):
            kinds[name] = kind
    return kinds


def _top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements of a module, also those within ``if`` and ``try``, but not those of functions."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            waiting += [*node.body, *getattr(node, "orelse", ())]
            waiting += [each for handler in getattr(node, "handlers", ()) for each in handler.body]


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Attribute):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))


def _last(target: ast.expr, kinds: Mapping[str, str]) -> str:
    """Return the kind of ``method``, or of ``registry.method``."""
    if isinstance(target, ast.Attribute):
        return target.attr if target.attr in ROOMS else ""
    return kinds.get(target.id, "") if isinstance(target, ast.Name) else ""


def _kind(call: ast.expr, kinds: Mapping[str, str]) -> str:
    return _last(call.func, kinds) if isinstance(call, ast.Call) else ""


def _name(call: ast.expr) -> str | None:
    """Return the literal name in a call of a decorator."""
    assert isinstance(call, ast.Call)
    given = [*call.args, *(word.value for word in call.keywords if word.arg == "name")]
    if len(given) != 1 or len(call.args) + len(call.keywords) != 1 or not isinstance(given[0], ast.Constant):
        return None
    return given[0].value if isinstance(given[0].value, str) else None
