"""What the command line asks about datasets: which there are, open one, fetch one. Nothing here loads torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.core.errors import BenchError, ContractError, DataError
from bench.core.options import create
from bench.core.registry import Entry, entries, load
from bench.core.types import ComponentSpec, DatasetSource


@dataclass(frozen=True)
class DatasetStatus:
    """One line of the catalogue.

    Attributes:
        name: what a suite file writes; ``folder:PATH`` for a dataset that needs an argument.
        available: whether the data are here.
        place: where they lie, or the reason why they are not here.
        summary: first line of the class's docstring.
    """

    name: str
    available: bool
    place: str
    summary: str


def catalogue() -> list[DatasetStatus]:
    """The state of every registered dataset, by name; a plug-in that cannot be imported is listed with its error."""
    return [_status(entry) for entry in entries("dataset").values()]


def open_dataset(name: str, options: Mapping[str, Any] | None = None, where: str = "") -> DatasetSource:
    """Build the source of a dataset.

    Args:
        name: registered name, or ``name:argument``.
        options: as a suite file states them.
        where: the file they stand in, named in errors.

    Raises:
        UnknownName: no such dataset or option.
        BenchError: an option of a wrong type or value.
        ContractError: the registered class is no ``DatasetSource``.
    """
    source = create("dataset", name, options, where)
    if not isinstance(source, DatasetSource):
        raise ContractError(
            f"dataset '{name}': {type(source).__qualname__} must subclass bench.datasets.source.GuardedSource"
        )
    return source


def open_here(choice: ComponentSpec, where: str = "") -> DatasetSource:
    """Build the source of a dataset whose data are here.

    Raises:
        UnknownName: no such dataset or option.
        DataError: the data are not here; says how to get them.
    """
    source = open_dataset(choice.name, choice.options, where)
    here, place = source.availability()
    if not here:
        raise DataError(f"{f'{where}: ' if where else ''}dataset {choice.name} is not here: {place}")
    return source


def get(name: str) -> str:
    """Fetch a dataset if it is not here; return its place.

    Raises:
        UnknownName: no such dataset.
        DataError: it cannot be fetched; says what to do by hand.
    """
    return open_dataset(name).get()


def _status(entry: Entry) -> DatasetStatus:
    try:
        argument = _required_argument(load("dataset", entry.name))
        if argument:
            return DatasetStatus(f"{entry.name}:{argument}", True, "wherever the argument says", entry.summary)
        available, place = open_dataset(entry.name).availability()
    except BenchError as error:
        available, place = False, str(error)
    return DatasetStatus(entry.name, available, place, entry.summary)


def _required_argument(cls: type[Any]) -> str | None:
    for field in dataclasses.fields(cls)[:1]:
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            return field.name.upper()
    return None
