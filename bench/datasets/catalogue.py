"""Catalogue of the datasets: list, open and fetch them, without loading torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.core.errors import BenchError, DataError
from bench.core.options import create
from bench.core.registry import Entry, entries, load
from bench.core.types import ComponentSpec, DatasetSource


@dataclass(frozen=True)
class DatasetStatus:
    """State of one dataset in the catalogue.

    Attributes:
        name: name in a suite file; ``folder:PATH`` for a dataset that needs an argument.
        available: True if the data are on this machine.
        place: location of the data, or the reason why they are missing.
        summary: first line of the class's docstring.
    """

    name: str
    available: bool
    place: str
    summary: str


def catalogue() -> list[DatasetStatus]:
    """Return the state of every registered dataset, by name; the place of a plug-in that fails is its error."""
    return [_status(entry) for entry in entries("dataset").values()]


def open_dataset(name: str, options: Mapping[str, Any] | None = None, where: str = "") -> DatasetSource:
    """Build the source of a dataset.

    Args:
        name: registered name, or ``name:argument``.
        options: as a suite file states them.
        where: file that states them, named in errors.

    Raises:
        UnknownName: there is no such dataset or option.
        BenchError: an option has a wrong type or value.
        ContractError: the registered class is not a ``DatasetSource``.
    """
    source: DatasetSource = create("dataset", name, options, where)
    return source


def open_here(choice: ComponentSpec, where: str = "") -> DatasetSource:
    """Build the source of a dataset whose data are on this machine.

    Raises:
        UnknownName: there is no such dataset or option.
        DataError: the data are missing; the message states how to get them.
    """
    source = open_dataset(choice.name, choice.options, where)
    here, place = source.availability()
    if not here:
        raise DataError(f"{f'{where}: ' if where else ''}dataset {choice.name} is not here: {place}")
    return source


def get(name: str) -> str:
    """Fetch a dataset unless it is on this machine; return its location.

    Raises:
        UnknownName: there is no such dataset.
        DataError: the dataset cannot be fetched; the message states what to do by hand.
    """
    return open_dataset(name).get()


def _status(entry: Entry) -> DatasetStatus:
    try:
        argument = _required_argument(load("dataset", entry.name))
        if argument:
            return DatasetStatus(f"{entry.name}:{argument}", True, "the path in its name", entry.summary)
        available, place = open_dataset(entry.name).availability()
    except BenchError as error:
        available, place = False, str(error)
    return DatasetStatus(entry.name, available, place, entry.summary)


def _required_argument(cls: type[Any]) -> str | None:
    for field in dataclasses.fields(cls)[:1]:
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            return field.name.upper()
    return None
