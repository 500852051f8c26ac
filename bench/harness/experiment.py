"""Base of experiments outside suites: studies of metrics and applications of inversion. Needs no torch.

Rooms of experiments subclass ``Experiment``; ``bench.harness.experiment_report`` writes what they found.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from bench.core.environment import prepare_device
from bench.core.errors import ContractError
from bench.core.options import create
from bench.core.paths import allowing_code
from bench.core.registry import add_plugin

Progress = Callable[[str, int, int, Mapping[str, float]], None]
"""Callback with the name of the stage, the step, the number of steps, and the latest figures."""


def silent(what: str, step: int, steps: int, figures: Mapping[str, float]) -> None:
    """Ignore progress."""


class Experiment(ABC):
    """Base of studies and applications. Subclasses are dataclasses; their fields are the experiment's options.

    The module of a subclass is imported to show these options, so it imports torch inside of functions.
    """

    registry_kind: ClassVar[str]
    """Kind of entry in ``bench.core.registry``; its results lie in a JSON file of this name."""
    registered_name: ClassVar[str]

    @classmethod
    def open(cls, name: str, options: Mapping[str, Any] | None = None) -> Self:
        """Build an experiment of this kind by name: ``Study.open("fish-eye")``.

        Raises:
            UnknownName: no such experiment or option; suggests the nearest.
            BenchError: an option has the wrong type, or is out of range.
            ContractError: the registered class is no subclass.
        """
        opened = create(cls.registry_kind, name, options)
        if not isinstance(opened, cls):
            wanted = f"{cls.__module__}.{cls.__qualname__}"
            raise ContractError(f"{cls.registry_kind} '{name}': {type(opened).__qualname__} must subclass {wanted}")
        return opened

    def options(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items() if name[0] != "_"}


def open_plugins(paths: Iterable[Path]) -> None:
    """Register the classes of plug-in files.

    Raises:
        BenchError: no such file, or it registers nothing.
    """
    for path in paths:
        add_plugin(path)


@contextmanager
def computing(device: str, allow_code: bool = False) -> Iterator[None]:
    """Prepare the device, and allow code of the user within a block.

    Args:
        device: "cpu" or "cuda".
        allow_code: run the code behind GANs that are a factory or an archive of code.

    Raises:
        BenchError: torch cannot use the device.
    """
    prepare_device(device)
    with allowing_code(allow_code):
        yield
