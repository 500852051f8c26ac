"""Measures GAN inversion: suites in, comparable records and leaderboards out.

``bench.run("quickstart")`` returns a pandas table. Everything that ``bench.api`` has is here, and so is what a
plug-in needs: base classes, what they are given, and the decorators that make a class known. Importing this package
loads neither torch nor pandas; a name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api import Outcome, claims, compare, leaderboard, overfit, reproduce, run, run_suite
    from bench.core.errors import BenchError, NotApplicable
    from bench.core.registry import application, dataset, features, gan, method, metric, refiner, study
    from bench.core.types import (
        Capacity,
        Dataset,
        DatasetSource,
        FitData,
        Gan,
        Images,
        Inverter,
        Metric,
        Pairs,
        Prior,
        Refiner,
    )
    from bench.harness.method_check import check_method

_HOMES = {
    "bench.api": ("Outcome", "claims", "compare", "leaderboard", "overfit", "reproduce", "run", "run_suite"),
    "bench.core.errors": ("BenchError", "NotApplicable"),
    "bench.core.registry": ("application", "dataset", "features", "gan", "method", "metric", "refiner", "study"),
    "bench.core.types": (
        "Capacity",
        "Dataset",
        "DatasetSource",
        "FitData",
        "Gan",
        "Images",
        "Inverter",
        "Metric",
        "Pairs",
        "Prior",
        "Refiner",
    ),
    "bench.harness.method_check": ("check_method",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BenchError",
    "Capacity",
    "Dataset",
    "DatasetSource",
    "FitData",
    "Gan",
    "Images",
    "Inverter",
    "Metric",
    "NotApplicable",
    "Outcome",
    "Pairs",
    "Prior",
    "Refiner",
    "application",
    "check_method",
    "claims",
    "compare",
    "dataset",
    "features",
    "gan",
    "leaderboard",
    "method",
    "metric",
    "overfit",
    "refiner",
    "reproduce",
    "run",
    "run_suite",
    "study",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
