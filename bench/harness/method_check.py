"""Contract tests that ship with the suite and run over any registered or plug-in method, with or without refiners.

A tiny GAN is trained on the embedded digits; the method is fitted on it briefly and checked. ``check_method``
returns typed results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from bench.core.errors import BenchError, NotApplicable
from bench.core.options import create
from bench.core.registry import add_plugin, find
from bench.core.run_context import RunContext
from bench.core.types import Budget, Capacity, ComponentSpec, Dataset, Gan
from bench.datasets.guard import forbid_test_split
from bench.harness.bound_method import BoundMethod, checked_codes, make_method
from bench.harness.coupling import coupling
from bench.harness.run_check import scramble

BUDGET = Budget("check", 0, 24, 8, train_steps=60, fit_steps=8, search_steps=8, refine_steps=4, timeout=300.0)
IMAGES = 24


@dataclass(frozen=True)
class CheckResult:
    """The result of one check; ``message`` gives the reason of a failure."""

    name: str
    passed: bool
    message: str = ""


def check_method(target: str) -> list[CheckResult]:
    """Check a method by name, or every method of a plug-in file.

    Args:
        target: a registered name, optionally with refiners (``dfi+opt``), or the path of a ``.py`` file.

    Raises:
        BenchError: no such method or file.
    """
    if target.endswith(".py"):
        found = add_plugin(Path(target))
        names = [entry.name for entry in found if entry.kind == "method"]
        if not names:
            others = ", ".join(f"{entry.kind} {entry.name}" for entry in found)
            raise BenchError(f"{target} registers no method to check; it registers {others}")
    else:
        base, *refiners = target.split("+")
        names = ["+".join([find("method", base).name, *(find("refiner", name).name for name in refiners)])]
    return [outcome for name in names for outcome in _check(name)]


def _check(name: str) -> Iterator[CheckResult]:
    try:
        subject = _CheckedGan(name)
    except NotApplicable as reason:
        yield CheckResult(f"{name}: applies to a small unconditional GAN", True, f"not applicable: {reason}")
        return
    except Exception as error:
        yield CheckResult(f"{name}: imports, builds and fits", False, _line(error))
        return
    yield CheckResult(f"{name}: imports, builds and fits", True)
    checks: dict[str, Callable[[], str]] = {
        "declares its capacity and summary": subject.declares,
        "returns finite codes of the right shape": subject.codes_are_valid,
        "gives the same result from the same seed": subject.is_deterministic,
        "inverts each image on its own": subject.is_batch_independent,
        "saves and loads its state": subject.restores,
        "leaves the GAN unchanged": subject.leaves_gan,
    }
    for title, check in checks.items():
        try:
            fault = check()
        except Exception as error:
            fault = _line(error)
        yield CheckResult(f"{name}: {title}", not fault, fault)


class _CheckedGan:
    """A method fitted on the tiny GAN; each check returns its fault, or an empty text."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.gan, self.data = _tiny()
        self.before = self.gan.checksum()
        self.x = self.data.test.floats(slice(0, IMAGES))
        self.method = self.fitted()
        self.codes = self.invert(self.method, self.x)

    def fitted(self) -> BoundMethod:
        method = self.built()
        with forbid_test_split("fit"):
            method.base.fit(self.data.without_test())
        return method

    def built(self) -> BoundMethod:
        method = make_method(ComponentSpec(self.name))
        run = RunContext(BUDGET, seed=7)
        method.bind(self.gan, run)
        run.reseed()
        method.base.build()
        return method

    def invert(self, method: BoundMethod, x: Tensor) -> Tensor:
        method.base.run.reseed()
        return checked_codes(method.invert(x), x, method.view).detach()

    def declares(self) -> str:
        for space in self.method.spaces:
            if space not in get_args(Capacity):
                return f"capacity {space!r} should be one of {', '.join(get_args(Capacity))}"
        base, *refiners = self.name.split("+")
        if not all(find(k, n).summary for k, n in [("method", base), *(("refiner", r) for r in refiners)]):
            return "the class has no docstring; its first line is what 'ganinv list' shows"
        return ""

    def codes_are_valid(self) -> str:
        checked_codes(self.codes, self.x, self.method.view)
        return ""

    def is_deterministic(self) -> str:
        again = self.invert(self.fitted(), self.x)
        return (
            "" if torch.equal(again, self.codes) else f"codes differ by {_relative(again, self.codes):.2g} (relative)"
        )

    def is_batch_independent(self) -> str:
        sample, first, second = self.x.split(IMAGES // 3)
        return coupling(lambda x: self.invert(self.method, x), sample, first, second)

    def restores(self) -> str:
        copy = self.built()
        scramble(copy)
        copy.base.load_state({name: tensor.clone() for name, tensor in self.method.base.state().items()})
        again = self.invert(copy, self.x)
        return "" if torch.equal(again, self.codes) else "codes differ after state() and load_state()"

    def leaves_gan(self) -> str:
        return "" if self.gan.checksum() == self.before else "the GAN's weights changed"


@cache
def _trained() -> tuple[Gan, Dataset]:
    from bench.gans.training import train_gan

    data: Dataset = create("dataset", "digits").load()
    recipe = create("gan", "dcgan", {"width": 8, "code_dim": 16})
    gan = train_gan(recipe, data.train, RunContext(BUDGET, seed=5))
    return gan.freeze(), data


def _tiny() -> tuple[Gan, Dataset]:
    """Return a fresh copy of the tiny GAN, so that changes by one method do not affect others."""
    from copy import deepcopy

    gan, data = _trained()
    return deepcopy(gan), data


def _relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm().clamp_min(1e-12))


def _line(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else ""
    return text if isinstance(error, BenchError) else f"{type(error).__name__}: {text}"
