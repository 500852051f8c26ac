"""Cells of a paper's table at one budget, on the datasets of its suite or on a stand-in. Needs no torch.

A suite states the metrics of the paper (``lpips@alex``, ``fid@inception``). At budgets other than "paper", and on
another dataset, the feature network of the dataset replaces theirs, because it was trained on such images.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bench.core.errors import BenchError
from bench.core.registry import entries
from bench.core.types import Cell, ComponentSpec
from bench.gans.zoo import shipped_gans
from bench.harness.suite import Suite, parse_choice
from bench.harness.suite_parser import SuiteEntry, checked
from bench.papers.spec import Table

TRAINED_HERE: Mapping[str, Any] = {"width": 16, "batch": 32}
"""Options of the recipe that replaces a shipped GAN on another dataset: 1,000 training steps of the slowest backbone,
SNGAN, take about four minutes on one core at 64 pixels."""


def suites_of(table: Table, budget: str | None = None, dataset: str | None = None) -> list[Suite]:
    """Return the suites of a table, one per dataset, with the networks of that dataset.

    Args:
        table: a table with a suite.
        budget: "smoke", "cpu" or "paper"; the suite's default if None.
        dataset: title or name of a dataset of the suite; or another dataset in place of them, with options after "?".

    Raises:
        UnknownName: the suite has no such budget, or there is no such dataset.
        BenchError: the table has no suite.
    """
    if not table.suite:
        raise BenchError(f"{table.title} has no suite; it is answered by {answered_by(table)}")
    suite = table.open_suite()
    limit = suite.budget(budget).name
    if dataset is not None:
        if own := own_datasets(table, limit, dataset):
            return [_on(suite, entry, own_network=limit != "paper") for entry in own]
        choice = checked("dataset", parse_choice(dataset, "--dataset"), "--dataset")
        return [_on(_swapped(suite, choice), SuiteEntry(choice), own_network=True)]
    present = [entry for entry in suite.datasets if entry.takes_part(limit)]
    return [_on(suite, entry, own_network=limit != "paper") for entry in present]


def own_datasets(table: Table, budget: str, dataset: str | None) -> list[SuiteEntry]:
    """Return the datasets of a table's suite at a budget that have this title or name; [] if there are none."""
    if not table.suite or dataset is None:
        return []
    present = [entry for entry in table.open_suite().datasets if entry.takes_part(budget)]
    return [entry for entry in present if dataset in {entry.title, entry.choice.name}]


def cells_of(suites: list[Suite], budget: str | None) -> list[Cell]:
    """Return the cells of all suites at a budget."""
    return [cell for suite in suites for cell in suite.cells(budget)]


def check_weights(cells: list[Cell]) -> None:
    """Check that the weights of the feature networks of methods are available.

    Raises:
        WeightsError: a file is missing; names the file, the searched folders and how to get it.
    """
    from bench.gans.imagenet_files import FILES

    for name in sorted({str(cell.method.options.get("features", "")) for cell in cells} & set(FILES)):
        FILES[name].find()


def answered_by(table: Table) -> str:
    """Return the suite, studies and applications of a table, in words."""
    parts = [f"suite {table.suite}"] if table.suite else []
    parts += [f"study {run.name}" for run in table.studies]
    parts += [f"application {run.name}" for run in table.applications]
    return ", ".join(parts) or "published numbers alone"


def network_of(dataset: str) -> str:
    """Return the feature network of a dataset: a shipped one, else the classifier trained on this machine."""
    own = f"{dataset}-cnn"
    return own if own in entries("features") else f"trained:{dataset}"


def _on(suite: Suite, entry: SuiteEntry, *, own_network: bool) -> Suite:
    metrics = suite.metrics
    rank_by = suite.rank_by
    if own_network:
        network = network_of(entry.choice.name)
        seen = {name: f"{name.split('@')[0]}@{network}" if "@" in name else name for name in metrics}
        metrics, rank_by = tuple(dict.fromkeys(seen.values())), seen[rank_by]
    gans = tuple(gan for gan in suite.gans if gan.meets(entry.title))
    return dataclasses.replace(suite, datasets=(entry,), metrics=metrics, rank_by=rank_by, gans=gans)


def _swapped(suite: Suite, dataset: ComponentSpec) -> Suite:
    """Return the suite with GANs that can be trained on another dataset, without duplicates."""
    gans: dict[str, SuiteEntry] = {}
    shipped = shipped_gans()
    for entrant in suite.gans:
        trained = _trainable(entrant, dataset) if entrant.choice.name in shipped else entrant
        trained = dataclasses.replace(trained, partners=())
        if not any(other.title == trained.title and _meet(other, trained) for other in gans.values()):
            gans[f"{trained.title} {trained.budgets}"] = trained
    return dataclasses.replace(suite, gans=tuple(gans.values()))


def _meet(one: SuiteEntry, other: SuiteEntry) -> bool:
    """Return True if two entries take part at one budget."""
    return not one.budgets or not other.budgets or bool(set(one.budgets) & set(other.budgets))


def _trainable(entrant: SuiteEntry, dataset: ComponentSpec) -> SuiteEntry:
    home, _, recipe = entrant.choice.name.partition("/")
    if home == dataset.name:
        return entrant
    title = entrant.choice.label or recipe
    choice = ComponentSpec(recipe, {**TRAINED_HERE, **entrant.choice.options}, "" if title == recipe else title)
    return dataclasses.replace(entrant, choice=choice)
