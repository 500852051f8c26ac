"""The operators of tests in claims files, one file each; they are discovered in this folder.

A new operator is a new file with a ``ClaimTest``; it needs no registration.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Any

from bench.core.errors import BenchError, ContractError
from bench.papers.claims.operators.base import ClaimTest

__all__ = ["ClaimTest", "operators", "read_test"]


def read_test(atom: Any, place: str) -> ClaimTest:
    """Parse one entry of a claim's ``test``.

    Raises:
        BenchError: an operator or key is unknown or missing, or a value has the wrong type; begins with ``place``.
    """
    known = operators()
    operator = atom.get("op") if isinstance(atom, dict) else None
    if not isinstance(operator, str) or operator not in known:
        raise BenchError(f"{place}: unknown operator {operator!r}; known: {', '.join(known)}")
    return known[operator].read(atom, place)


def operators() -> dict[str, type[ClaimTest]]:
    """Return the test class of every operator, by name.

    Raises:
        ContractError: two files define the same operator.
    """
    return _found(tuple(__path__))


@cache
def _found(folders: tuple[str, ...]) -> dict[str, type[ClaimTest]]:
    found: dict[str, type[ClaimTest]] = {}
    for test in sorted(_tests(folders), key=lambda test: test.position):
        for name in test.operators:
            if name in found:
                raise ContractError(f"operator '{name}' is there twice: {found[name].__module__}, {test.__module__}")
            found[name] = test
    return found


def _tests(folders: tuple[str, ...]) -> Iterator[type[ClaimTest]]:
    for file in pkgutil.iter_modules(folders):
        module = importlib.import_module(f"{__name__}.{file.name}")
        for thing in vars(module).values():
            ours = inspect.isclass(thing) and thing.__module__ == module.__name__ and issubclass(thing, ClaimTest)
            if ours and not inspect.isabstract(thing):
                yield thing
