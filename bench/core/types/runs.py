"""Runs: budgets, components, cells and their records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal


@dataclass(frozen=True)
class Budget:
    """Limits of the work of a cell. 0 images means all of them."""

    name: str
    train_images: int
    test_images: int
    own_images: int
    train_steps: int
    fit_steps: int
    search_steps: int
    refine_steps: int
    timeout: float
    """Seconds that one stage of a cell may take."""
    looks: int = 0
    """Number of evaluation points of a GAN's quality during training, at evenly spaced steps."""


@dataclass(frozen=True)
class ComponentSpec:
    """A registered name with its options, as stated in a suite file."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def title(self) -> str:
        """Name in tables."""
        return self.label or self.name


@dataclass(frozen=True)
class Cell:
    """One dataset, GAN, method, seed and budget, to be measured by one list of metrics.

    The generated images are drawn from ``nonce`` besides the seed: a text that a store chooses once, so that they are
    equal for all methods of a table and unknown while a method is written.
    """

    dataset: ComponentSpec
    gan: ComponentSpec
    method: ComponentSpec
    seed: int
    budget: Budget
    metrics: tuple[str, ...]
    nonce: str = ""


SCHEMA = 1
"""Version of the meaning of a record's fields. Records without a version have version 1."""


@dataclass
class Record:
    """Result of a cell; one JSON file, written last, also if the cell failed.

    ``metrics[track][name]`` holds the summary of each metric; per-image values are in ``key.parquet`` beside it. Of a
    record that was read, they are compared when ``metrics`` is first used.
    """

    key: str
    cell: dict[str, Any]
    status: Literal["done", "failed", "not applicable"]
    reason: str = ""
    traceback: str = ""
    metrics: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    """Capacity, training data, optimised metrics, control or not, trained parameters, dataset checksum, seeds."""
    cost: dict[str, float] = field(default_factory=dict)
    """Seconds and milliseconds per image (synchronised), generator calls, peak memory in bytes."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Device, versions, commit and dirty flag."""
    schema: int = SCHEMA
    """Version of the meaning of the fields."""
    folder: Path | None = None
    """Folder from which the record was read; not stored."""

    def read_metrics_by(self, read: Callable[[], dict[str, dict[str, dict[str, float]]]]) -> None:
        """Let ``read`` return the metrics when they are first used; errors that it raises are raised there."""
        self.__dict__.pop("metrics", None)
        self.__dict__["_read_metrics"] = read

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return a field that is read late; called for names that have no value yet."""
            read = self.__dict__.get("_read_metrics") if name == "metrics" else None
            if read is None:
                raise AttributeError(f"{type(self).__name__} has no {name}")
            self.metrics = read()
            return self.metrics
