"""Options that a registered class declares, with their defaults, read from its source: nothing is imported.

Keys and seeds depend on the values of options; an option that is stated at its default is equal to one that is left
out, and an integer for an option of type float is equal to the float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from bench.core.class_text import DeclaredOption, FieldText, Required, fields_of
from bench.core.errors import UnknownName
from bench.core.fingerprints import CodeReader
from bench.core.registry import find
from bench.core.scan import BUILT_IN

__all__ = ["Required", "canonical_choice", "declared_options", "resolved_options"]

NETWORK = "network"
"""Option of a metric that ``metric@network`` sets."""


def declared_options(kind: str, name: str, reader: CodeReader | None = None) -> dict[str, Any]:
    """Return the options of a registered class and their defaults, in the order of its fields.

    A default that is no constant is represented by its source code: ``{"default": "make()"}``. Options of bases
    outside the suite are not included. The result is empty for a plug-in that cannot be read.

    Raises:
        UnknownName: no such name.
        ContractError: a module that the class needs is not there.
    """
    return {option: each.default for option, each in _declared(kind, name, reader or CodeReader()).items()}


def resolved_options(kind: str, name: str, options: Mapping[str, Any], reader: CodeReader | None = None) -> Any:
    """Return the values of all options, stated or default, including the argument of ``name:argument``.

    Stated options that the class does not have are kept.

    Raises:
        UnknownName: no such name.
        ContractError: a module that the class needs is not there.
    """
    reader = reader or CodeReader()
    declared = _declared(kind, name, reader)
    defaults = {option: each.default for option, each in declared.items() if each.default is not Required}
    return defaults | _differing(declared, _with_argument(kind, name, options, declared), reader)


def canonical_choice(kind: str, name: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a name and the options that differ from their defaults, equal for all ways of stating them.

    ``name:argument`` becomes an option, unless the option has no default: a folder is always ``folder:PATH``. A name
    that is not registered is returned with all of its options.

    Raises:
        ContractError: a module that the class needs is not there.
    """
    if not options and not {":", "@"} & set(name):
        return name, {}
    try:
        reader = _suite_reader() if find(kind, name).origin == BUILT_IN else CodeReader()
        declared = _declared(kind, name, reader)
    except UnknownName:
        return name, dict(options)
    found = _differing(declared, _with_argument(kind, name, options, declared), reader)
    base, first = find(kind, name).name, next(iter(declared), "")
    if first in found and declared[first].default is Required and isinstance(found[first], str):
        return f"{base}:{found.pop(first)}", found
    return base, found


@cache
def _suite_reader() -> CodeReader:
    """Return one reader for the suite's classes: each stage of each cell needs their options for its seed."""
    return CodeReader()


def _declared(kind: str, name: str, reader: CodeReader) -> dict[str, DeclaredOption]:
    fields = fields_of(reader, (reader.entry_file(kind, name), find(kind, name).attribute))
    return {option: each for option, each in fields.items() if each.text.is_taken}


def _with_argument(
    kind: str, name: str, options: Mapping[str, Any], declared: Mapping[str, DeclaredOption]
) -> dict[str, Any]:
    """Return the stated options with the argument and the network of a name, as ``bench.core.options`` reads them."""
    given, rest = dict(options), name[len(find(kind, name).name) :]
    if kind == "metric":
        rest, at, network = rest.partition("@")
        if at:
            given[NETWORK] = network
    if rest:
        free = [option for option in declared if option not in given]
        first = next((option for option in free if option != NETWORK), ":")
        is_number = first in declared and declared[first].text.annotation == "int" and rest[1:].isdecimal()
        given[first] = int(rest[1:]) if is_number else rest[1:]
    return given


def _differing(
    declared: Mapping[str, DeclaredOption], given: Mapping[str, Any], reader: CodeReader
) -> dict[str, Any]:
    """Return the stated options that differ from their defaults, with values of the types that the class declares."""
    found = {}
    for option, value in given.items():
        each = declared.get(option)
        if each is None:
            found[option] = value
            continue
        stated = _typed(_table(declared, given, each.text, reader) if each.text.table_of else value, each.text)
        if not _equal(stated, each.default):
            found[option] = stated
    return found


def _table(
    declared: Mapping[str, DeclaredOption], given: Mapping[str, Any], field: FieldText, reader: CodeReader
) -> Any:
    """Return the options of another class that an option holds, without those at their defaults."""
    value, (kind, holder) = given[field.name], field.table_of
    name = given.get(holder, declared[holder].default if holder in declared else None)
    if not isinstance(value, Mapping) or not isinstance(name, str):
        return value
    try:
        return _differing(_declared(kind, name, reader), value, reader)
    except UnknownName:
        return value


def _typed(value: Any, field: FieldText) -> Any:
    """Return a value with floats for integers, at any depth of a list, if the option's type is float and not int."""
    words = set(re.findall(r"\w+", field.annotation))
    return _as_float(value) if "float" in words and "int" not in words else value


def _as_float(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_as_float(each) for each in value]
    is_exact = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53
    return float(value) if is_exact else value


def _equal(value: Any, default: Any) -> bool:
    """Return True if a stated value equals the default: 0 is 0.0 and a list is a tuple, but True is not 1."""
    if isinstance(value, list | tuple) and isinstance(default, list | tuple):
        return len(value) == len(default) and all(map(_equal, value, default))
    return isinstance(value, bool) == isinstance(default, bool) and bool(value == default)
