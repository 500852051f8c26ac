"""Checks of the parts of a suite file; errors name the file and, if it can be found, the line. Needs no torch."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core.errors import SuiteError, suggest, unknown
from bench.core.registry import find
from bench.core.types import Budget, ComponentSpec
from bench.reports.published import printed_table

BUDGETS = ("smoke", "cpu", "paper")
_BUDGET_DEFAULTS = {"train_images": 0, "test_images": 0, "own_images": 256, "timeout": 3600.0, "looks": 0}
LIMITS = tuple(f.name for f in dataclasses.fields(Budget) if f.name != "name")
PARTNERS = {"gan": "datasets", "method": "gans"}
"""Key under which an entry names the only partners with which it is crossed."""
_NO_OPTIONS = {"name", "label", "budgets", *BUDGETS}


@dataclass(frozen=True)
class SuiteEntry:
    """A dataset, GAN or method of a suite, with its budgets and partners.

    Attributes:
        choice: name, label and the options at every budget.
        changes: changed options by budget.
        budgets: budgets with this entry; all if empty.
        partners: titles of the datasets with which a GAN is crossed, or of the GANs of a method; all if empty.
    """

    choice: ComponentSpec
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    budgets: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The title printed in tables."""
        return self.choice.title

    def takes_part(self, budget: str) -> bool:
        """Return True if the entry is part of this budget."""
        return not self.budgets or budget in self.budgets

    def meets(self, partner: str) -> bool:
        """Return True if the entry is crossed with the dataset or GAN of this title."""
        return not self.partners or partner in self.partners

    def at(self, budget: str) -> ComponentSpec:
        """Return the choice with the options of a budget."""
        return dataclasses.replace(self.choice, options={**self.choice.options, **self.changes.get(budget, {})})


@dataclass(frozen=True)
class SuiteReader:
    """Reader and checker of the parts of one file.

    Every method raises:
        SuiteError: a value has the wrong form, or a key does not exist.
        UnknownName: a name is not registered.
    """

    path: Path
    text: str

    def keys(self, table: Mapping[str, Any], known: set[str]) -> None:
        """Raise for unknown keys."""
        for key in table:
            if key not in known:
                raise SuiteError(f"{self.at(key)}: unknown key '{key}'{suggest(key, known)}")

    def texts(self, key: str, value: Any) -> list[str]:
        """Return a non-empty list of names."""
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise SuiteError(f"{self.at(key)}: {key} should be a list of names")
        return value

    def among(self, key: str, value: Any, known: Collection[str]) -> tuple[str, ...]:
        """Return a list of known names."""
        names = self.texts(key, value)
        for name in names:
            if name not in known:
                raise unknown(key.removesuffix("s"), name, known, self.at(name))
        return tuple(names)

    def seeds(self, value: Any) -> tuple[int, ...]:
        """Return the seeds."""
        if not isinstance(value, list) or not value or not all(type(v) is int and v >= 0 for v in value):
            raise SuiteError(f"{self.at('seeds')}: seeds should be a list of whole numbers, not {value!r}")
        return tuple(value)

    def metric(self, name: str) -> str:
        """Return the name of a registered metric, with a registered network if it names one."""
        find("metric", name, self.at(name))
        if "@" in name:
            find("features", name.split("@", 1)[1], self.at(name))
        return name

    def published(self, value: Any) -> tuple[str, ...]:
        """Return the names of existing printed tables across GANs, as ``paper/table``."""
        names = self.texts("published", value)
        for name in names:
            printed_table(name, self.at(name))
        return tuple(names)

    def entrants(
        self, kind: str, value: Any, budgets: Collection[str], partners: Collection[str] = ()
    ) -> tuple[SuiteEntry, ...]:
        """Return the entries of datasets, GANs or methods.

        Args:
            kind: "dataset", "gan" or "method".
            value: a list of names, or of tables with a name.
            budgets: budgets of the suite.
            partners: titles that an entry may name as its only partners: datasets for a GAN, GANs for a method.
        """
        if not isinstance(value, list) or not value:
            raise SuiteError(f"{self.at(kind)}: {kind}s should be a list of names or of tables with a name")
        found = tuple(self._entrant(kind, v, budgets, partners) for v in value)
        for budget in budgets:
            titles = [e.title for e in found if e.takes_part(budget)]
            if not titles:
                raise SuiteError(f"{self.at(f'budgets.{budget}')}: no {kind} is listed for budget '{budget}'")
            for title in titles:
                if titles.count(title) > 1:
                    raise SuiteError(f"{self.at(title)}: {kind} '{title}' is listed twice; give one of them a label")
        return found

    def _entrant(self, kind: str, value: Any, budgets: Collection[str], partners: Collection[str]) -> SuiteEntry:
        if isinstance(value, str):
            return SuiteEntry(checked(kind, ComponentSpec(value), self.at(value)))
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise SuiteError(
                f"{self.at(kind)}: each of {kind}s should be a name or a table with a name, not {value!r}"
            )
        crossed = PARTNERS.get(kind, "")
        options = {k: v for k, v in value.items() if k not in _NO_OPTIONS | {crossed}}
        for budget in BUDGETS:
            if not isinstance(value.get(budget, {}), dict):
                raise SuiteError(f"{self.at(budget)}: {budget} should be a table of options, not {value[budget]!r}")
        return SuiteEntry(
            checked(kind, ComponentSpec(value["name"], options, value.get("label", "")), self.at(value["name"])),
            {budget: value[budget] for budget in BUDGETS if budget in value},
            self.among("budgets", value["budgets"], budgets) if "budgets" in value else (),
            self.among(crossed, value[crossed], partners) if crossed in value else (),
        )

    def crossing(
        self,
        kind: str,
        entrants: Sequence[SuiteEntry],
        met: str,
        partners: Sequence[SuiteEntry],
        budgets: Collection[str],
    ) -> None:
        """Raise for a GAN without a dataset, or a method without a GAN, at one of its budgets.

        Args:
            kind: kind of the entries, for errors.
            entrants: GANs or methods.
            met: kind of the partners.
            partners: datasets or GANs.
            budgets: those of the suite.
        """
        for budget in budgets:
            present = [partner.title for partner in partners if partner.takes_part(budget)]
            for each in entrants:
                if each.takes_part(budget) and not any(each.meets(title) for title in present):
                    raise SuiteError(
                        f"{self.at(each.title)}: {kind} '{each.title}' is paired with no {met} at budget '{budget}'"
                    )

    def budgets(self, value: Any) -> tuple[dict[str, Budget], dict[str, tuple[int, ...]], dict[str, Any]]:
        """Return the budgets, the seeds of budgets with their own, and the changes of budgets for some datasets."""
        if not isinstance(value, dict) or not value or not all(isinstance(table, dict) for table in value.values()):
            raise SuiteError(f"{self.at('budgets')}: budgets should be tables [budgets.smoke], [budgets.cpu], ...")
        self.keys(value, set(BUDGETS))
        found, seeds, changes = {}, {}, {}
        for name, table in value.items():
            self.keys(table, {*LIMITS, "seeds", "for"})
            numbers = {**_BUDGET_DEFAULTS, **{k: v for k, v in table.items() if k in LIMITS}}
            for key in LIMITS:
                if key not in numbers:
                    raise SuiteError(f"{self.at(f'budgets.{name}')}: key '{key}' is missing in budget '{name}'")
            found[name] = Budget(name=name, **self._limits(numbers))
            if "seeds" in table:
                seeds[name] = self.seeds(table["seeds"])
            changes[name] = table.get("for", {})
        return found, seeds, changes

    def dataset_budgets(
        self, budgets: Mapping[str, Budget], changes: Mapping[str, Any], datasets: Sequence[SuiteEntry]
    ) -> dict[tuple[str, str], Budget]:
        """Return the budgets in tables ``[budgets.NAME.for.DATASET]``, by both names."""
        found = {}
        for name, tables in changes.items():
            titles = [entry.title for entry in datasets if entry.takes_part(name)]
            if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
                raise SuiteError(f"{self.at(f'budgets.{name}.for')}: expected tables [budgets.{name}.for.DATASET]")
            for title, table in tables.items():
                if title not in titles:
                    raise unknown("dataset", title, titles, self.at(title))
                self.keys(table, set(LIMITS))
                found[name, title] = dataclasses.replace(budgets[name], **self._limits(table))
        return found

    def _limits(self, numbers: Mapping[str, Any]) -> dict[str, Any]:
        for key, number in numbers.items():
            if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
                raise SuiteError(f"{self.at(key)}: {key} = {number!r} should be a number, 0 or more")
        return dict(numbers)

    def at(self, word: str) -> str:
        """Return the file, and the number of the first line that contains a word."""
        for number, line in enumerate(self.text.splitlines(), 1):
            if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", line.split("#")[0]):
                return f"{self.path}, line {number}"
        return str(self.path)


def checked(kind: str, choice: ComponentSpec, where: str) -> ComponentSpec:
    """Return the choice after checking that its names are registered, and that a GAN from a file has no options.

    Raises:
        UnknownName: a name is not registered, or an option would have no effect.
    """
    if kind == "gan":
        from bench.gans.zoo import gan_file, refuse_options

        if gan_file(choice.name) is None:
            find(kind, choice.name, where)
        refuse_options(choice)
    elif kind == "method":
        base, *refiners = choice.name.split("+")
        find("method", base, where)
        for name in refiners:
            find("refiner", name, where)
    else:
        find(kind, choice.name, where)
    return choice
