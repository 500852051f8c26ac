"""Strict reader of suite files, and their expansion into cells. Needs no torch.

A suite is a TOML file of datasets x GANs x methods x seeds, metrics and budgets.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, SuiteError, suggest, unknown
from bench.core.types import Budget, Cell, ComponentSpec
from bench.harness.suite_parser import SuiteEntry, SuiteReader, checked

FOLDERS = ("suites", "papers/*")
_REQUIRED = {"title", "datasets", "gans", "methods", "metrics", "rank_by", "budgets"}
_OPTIONAL = {"description", "seeds", "default_budget", "claims", "published"}


@dataclass(frozen=True)
class Suite:
    """A checked suite file. ``cells`` resolves everything that depends on the budget."""

    name: str
    path: Path
    title: str
    description: str
    datasets: tuple[SuiteEntry, ...]
    gans: tuple[SuiteEntry, ...]
    methods: tuple[SuiteEntry, ...]
    metrics: tuple[str, ...]
    rank_by: str
    seeds: tuple[int, ...]
    budgets: Mapping[str, Budget]
    budget_seeds: Mapping[str, tuple[int, ...]]
    default_budget: str
    claims: str = ""
    published: tuple[str, ...] = ()
    """Printed tables with which measured GANs are compared, as ``paper/table``."""
    dataset_budgets: Mapping[tuple[str, str], Budget] = field(default_factory=dict)
    """Budgets of datasets with their own limits, by (name of the budget, title of the dataset)."""

    def budget(self, name: str | None) -> Budget:
        """Return the budget of this name, or the default one for None.

        Raises:
            UnknownName: the suite has no such budget.
        """
        chosen = name or self.default_budget
        if chosen not in self.budgets:
            raise unknown("budget", chosen, self.budgets, f"suite {self.name}")
        return self.budgets[chosen]

    def cells(
        self,
        budget: str | None = None,
        *,
        seeds: Sequence[int] | None = None,
        methods: Sequence[str] | None = None,
        gans: Sequence[str] | None = None,
        extra: Sequence[str] = (),
    ) -> list[Cell]:
        """Expand into cells, seed by seed.

        Args:
            budget: name of the budget; the suite's default if None.
            seeds: seeds in place of the suite's.
            methods: the only methods to run: names or labels in the suite, or any registered methods.
            gans: GANs in place of the suite's: names or labels in the suite, or texts for ``parse_choice``.
            extra: names of further methods (those of plug-ins).

        Methods are crossed with the GANs that they name; a GAN that is not in the suite, with all methods.

        Raises:
            SuiteError: none of the chosen methods is crossed with any of the chosen GANs.
        """
        limit = self.budget(budget)
        datasets = [entry for entry in self.datasets if entry.takes_part(limit.name)]
        further = [SuiteEntry(ComponentSpec(name)) for name in extra]
        chosen = [*self._methods(methods, limit.name), *further]
        listed = {gan.title for gan in self.gans}
        cells = [
            Cell(
                dataset.at(limit.name),
                gan.at(limit.name),
                method=method.at(limit.name),
                seed=seed,
                budget=own_limit,
                metrics=self.metrics,
            )
            for dataset in datasets
            for own_limit in [self.dataset_budgets.get((limit.name, dataset.title), limit)]
            for gan in self._gans(gans, limit.name)
            if gan.meets(dataset.title)
            for seed in (seeds or self.budget_seeds.get(limit.name) or self.seeds)
            for method in chosen
            if method.meets(gan.title) or gan.title not in listed
        ]
        if not cells:
            raise SuiteError(
                f"suite {self.name}: nothing to run: none of these methods is paired with any of these GANs"
            )
        return cells

    def _methods(self, names: Sequence[str] | None, budget: str) -> list[SuiteEntry]:
        present = [m for m in self.methods if m.takes_part(budget)]
        if not names:
            return present
        mine = {m.choice.name: m for m in reversed(present)}  # the first of several; a title goes before a name
        mine |= {m.title.lower(): m for m in present} | {m.title: m for m in present}
        known = [(name, mine.get(name) or mine.get(name.lower())) for name in names]
        return [entry or SuiteEntry(checked("method", ComponentSpec(name), "--methods")) for name, entry in known]

    def _gans(self, names: Sequence[str] | None, budget: str) -> list[SuiteEntry]:
        present = [gan for gan in self.gans if gan.takes_part(budget)]
        if not names:
            return present
        mine = {gan.title: gan for gan in present}
        return [mine.get(name) or SuiteEntry(checked("gan", parse_choice(name, "--gan"), "--gan")) for name in names]


def suite_files() -> dict[str, Path]:
    """Return the files of all suites of the project, by name.

    Raises:
        SuiteError: two files share a name.
    """
    here = Path(__file__).parents[1]
    found: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in sorted(here.glob(f"{folder}/*.toml")):
            if path.stem in {"claims", "paper"}:
                continue
            if path.stem in found:
                raise SuiteError(f"suite '{path.stem}' exists twice: {found[path.stem]} and {path}")
            found[path.stem] = path
    return dict(sorted(found.items()))


def open_suite(name: str) -> Suite:
    """Read a suite by name, or by the path of a ``.toml`` file.

    Raises:
        UnknownName: no such suite.
        SuiteError: the file is malformed (names file and line), or keys are unknown or missing.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise SuiteError(f"suite file {path}: no such file")
        return read_suite(path)
    files = suite_files()
    if name not in files:
        raise unknown("suite", name, files)
    return read_suite(files[name])


def read_suite(path: Path) -> Suite:
    """Read and check one suite file; see ``open_suite``."""
    text = _text(path)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SuiteError(f"{path}: malformed TOML: {error}") from error
    reader = SuiteReader(path, text)
    reader.keys(content, _REQUIRED | _OPTIONAL)
    for key in sorted(_REQUIRED - content.keys()):
        raise SuiteError(f"{path}: key '{key}' is missing")
    budgets, budget_seeds, budget_datasets = reader.budgets(content["budgets"])
    default = content.get("default_budget", next(iter(budgets)))
    if default not in budgets:
        raise SuiteError(f"{path}: default_budget '{default}' is not among the budgets{suggest(default, budgets)}")
    metrics = tuple(reader.metric(name) for name in reader.texts("metrics", content["metrics"]))
    if content["rank_by"] not in metrics:
        raise SuiteError(
            f"{path}: rank_by '{content['rank_by']}' is not among the metrics{suggest(content['rank_by'], metrics)}"
        )
    datasets = reader.entrants("dataset", content["datasets"], budgets)
    gans = reader.entrants("gan", content["gans"], budgets, [d.title for d in datasets])
    methods = reader.entrants("method", content["methods"], budgets, [g.title for g in gans])
    reader.crossing("gan", gans, met="dataset", partners=datasets, budgets=budgets)
    reader.crossing("method", methods, met="gan", partners=gans, budgets=budgets)
    return Suite(
        name=path.stem,
        path=path,
        title=content["title"],
        description=content.get("description", ""),
        datasets=datasets,
        gans=gans,
        methods=methods,
        metrics=metrics,
        rank_by=content["rank_by"],
        seeds=reader.seeds(content.get("seeds", [0])),
        budgets=budgets,
        budget_seeds=budget_seeds,
        default_budget=default,
        claims=content.get("claims", ""),
        published=reader.published(content["published"]) if "published" in content else (),
        dataset_budgets=reader.dataset_budgets(budgets, budget_datasets, datasets),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path}: cannot be read: {error}") from error


def parse_seeds(text: str) -> list[int]:
    """Parse seeds on a command line: ``0,1,2`` or ``0-4``.

    Raises:
        BenchError: the text has another form.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if not match:
            raise BenchError(f"--seeds {text}: expected numbers such as 0,1,2 or 0-4")
        first = int(match[1])
        seeds += range(first, int(match[2] or first) + 1)
    return seeds


def parse_choice(text: str, where: str) -> ComponentSpec:
    """Parse a name on a command line, optionally with options: ``lsgan?width=32&prior=normal``.

    Args:
        text: the argument.
        where: name of the command-line option, for errors ("--gan").

    Raises:
        BenchError: an option has no value.
    """
    name, _, query = text.partition("?")
    return ComponentSpec(name, parse_options(query.split("&") if query else (), f"{where} {text}", "after '?'"))


def words_of(choice: ComponentSpec) -> str:
    """Return a dataset, GAN or method with its options, as on the command line: ``celeba?crop=full``."""
    options = "&".join(f"{key}={value}" for key, value in choice.options.items())
    return f"{choice.name}?{options}" if options else choice.name


def parse_options(parts: Iterable[str], where: str, place: str = "") -> dict[str, Any]:
    """Parse options on a command line, each ``key=value``.

    Values are parsed as in a suite file, or taken as plain text if they are no valid TOML.

    Args:
        parts: the options.
        where: name of the command-line option, for errors.
        place: position in it, for errors.

    Raises:
        BenchError: an option has no value.
    """
    options: dict[str, Any] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not key or not equals:
            raise BenchError(f"{where}: expected OPTION=VALUE{f' {place}' if place else ''}, found '{part}'")
        try:
            options[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            options[key] = value
    return options
