"""Measures GAN inversion: suites in, comparable records and leaderboards out.

``bench.run("quickstart")`` returns a pandas table. All that ``bench.api`` offers is here too. Importing this package
loads neither torch nor pandas; ``bench.api`` is loaded when a name of it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api import *  # noqa: F403 - its __all__ is what this package gives

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    api = import_module("bench.api")
    if name in api.__all__:
        return getattr(api, name)
    hint = import_module("bench.core.moved").new_place(f"bench.{name}")
    raise AttributeError(f"module 'bench' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted({"__version__", *import_module("bench.api").__all__})
