"""Runs: budgets, choices, cells and the records that they leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Budget:
    """How much work a cell may do. 0 images means all of them."""

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
    """How many times the quality of a GAN is measured while it trains, at evenly spread steps."""


@dataclass(frozen=True)
class ComponentSpec:
    """A registered name with options, as a suite file states it."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def title(self) -> str:
        """What tables print."""
        return self.label or self.name


@dataclass(frozen=True)
class Cell:
    """One dataset, GAN, method, seed and budget, to be measured by one list of metrics."""

    dataset: ComponentSpec
    gan: ComponentSpec
    method: ComponentSpec
    seed: int
    budget: Budget
    metrics: tuple[str, ...]


SCHEMA = 1
"""Version of what a record's fields mean. Records without a number are of version 1, which had none at first."""


@dataclass
class Record:
    """What a cell produced; one JSON file, written last, also when the cell failed.

    ``metrics[track][name]`` holds the summary of each metric; per-image values lie in ``key.parquet`` beside it.
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
    """Capacity, training data, what is optimised, control or not, trained parameters, dataset checksum, seeds."""
    cost: dict[str, float] = field(default_factory=dict)
    """Seconds and milliseconds an image (synchronised), generator calls, peak memory in bytes."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Device, versions, commit and dirty flag."""
    schema: int = SCHEMA
    """Version of what the fields mean."""
    folder: Path | None = None
    """Where the record was read from; not stored."""
