"""Strict construction of registered dataclasses from options: unknown or mistyped options raise errors."""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

from bench.core.errors import BenchError, unknown
from bench.core.registry import find, load


def create(kind: str, name: str, options: Mapping[str, Any] | None = None, where: str = "") -> Any:
    """Import the class of ``name`` and build it with ``options``.

    ``name:argument`` passes ``argument`` to the class's first field. A metric's name may end in ``@network``, which
    is passed to the field of that name: ``kid:500@inception``; its argument goes to the first other field.

    Raises:
        UnknownName: there is no such name or option; the message states the nearest one.
        BenchError: a value has the wrong type, or the class rejects it.
    """
    entry = find(kind, name, where)
    cls = load(kind, entry.name)
    what, rest, given = f"{kind} '{entry.name}'", name[len(entry.name) :], dict(options or {})
    if kind == "metric":
        rest, at, network = rest.partition("@")
        if at:
            if "network" not in {field.name for field in dataclasses.fields(cls)}:
                place = f"{where}: {what}" if where else what
                raise BenchError(f"{place}: looks through no network, got '@{network}'")
            given["network"] = network
    return build(cls, what, options=given, argument=rest[1:] if rest else None, where=where)


def build(cls: type[Any], what: str, options: Mapping[str, Any], argument: str | None = None, where: str = "") -> Any:
    """Build a dataclass from a mapping; see ``create``."""
    place = f"{where}: {what}" if where else what
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    given = dict(options)
    if argument is not None:
        free = [name for name in fields if name not in given]
        if not free:
            raise BenchError(f"{place}: takes no argument, got '{argument}'")
        first = next((name for name in free if name != "network"), free[0])
        given[first] = _read(argument, _hint(cls, fields[first]))
    for key, value in given.items():
        if key not in fields:
            raise unknown("option", key, fields, place)
        hint = _hint(cls, fields[key])
        if not _fits(value, hint):
            raise BenchError(f"{place}: option {key} = {value!r} should be {_type_name(hint)}")
        if isinstance(value, list):
            given[key] = tuple(value)
    missing = [n for n, f in fields.items() if n not in given and _required(f)]
    if missing:
        raise BenchError(f"{place}: option {missing[0]} is required")
    try:
        return cls(**given)
    except (TypeError, ValueError) as error:
        raise BenchError(f"{place}: {error}") from error


def _read(argument: str, hint: Any) -> Any:
    """Return an argument as int if its field is one, else as text."""
    return int(argument) if hint is int and argument.isdecimal() else argument


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _hint(cls: type[Any], field: dataclasses.Field[Any]) -> Any:
    """Return the type of one field, resolved in its own module; other annotations may not be importable."""
    owner = next(c for c in cls.__mro__ if field.name in inspect.get_annotations(c))
    holder = types.SimpleNamespace(__annotations__={field.name: field.type})
    return typing.get_type_hints(holder, vars(sys.modules[owner.__module__]))[field.name]


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is tuple:
        inner = typing.get_args(hint)[0]
        return isinstance(value, list | tuple) and all(_fits(v, inner) for v in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return hint is Any or isinstance(value, hint)


def _type_name(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(repr(a) for a in typing.get_args(hint))
    if hint is float:
        return "a finite number"
    return hint.__name__ if isinstance(hint, type) else str(hint)
