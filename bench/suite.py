"""Reads a suite file, strictly, and expands it into cells. No torch.

A suite is a TOML file: what to compare (datasets x GANs x methods x seeds), by which metrics, at which budgets.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.contracts import Budget, Cell, Choice
from bench.errors import BenchError, SuiteError, suggest, unknown
from bench.registry import find

BUDGETS = ("smoke", "cpu", "paper")
FOLDERS = ("suites", "papers/*")
_REQUIRED = {"title", "datasets", "gans", "methods", "metrics", "rank_by", "budgets"}
_OPTIONAL = {"description", "seeds", "default_budget", "claims"}
_BUDGET_DEFAULTS = {"train_images": 0, "test_images": 0, "own_images": 256, "timeout": 3600.0}


@dataclass(frozen=True)
class Suite:
    """A suite file, read and checked. Options that depend on the budget are resolved by ``cells``."""

    name: str
    path: Path
    title: str
    description: str
    datasets: tuple[Choice, ...]
    gans: tuple[Choice, ...]
    methods: tuple[Choice, ...]
    metrics: tuple[str, ...]
    rank_by: str
    seeds: tuple[int, ...]
    budgets: Mapping[str, Budget]
    budget_seeds: Mapping[str, tuple[int, ...]]
    default_budget: str
    claims: str = ""
    variants: Mapping[tuple[str, str, str], Mapping[str, Any]] = field(default_factory=dict)
    """Options that a budget changes: (kind, title of the choice, budget) -> options."""

    def budget(self, name: str | None) -> Budget:
        """The budget of this name, or the default one.

        Raises:
            UnknownName: the suite states no such budget.
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
        extra: Sequence[str] = (),
    ) -> list[Cell]:
        """Expand into cells, seed by seed.

        Args:
            budget: name; the suite's default if None.
            seeds: in place of the suite's.
            methods: run these only. Names or labels of the suite, or any registered method.
            extra: further methods, by name (those of plug-ins).
        """
        limit = self.budget(budget)
        chosen = self._chosen(methods) + tuple(Choice(name) for name in extra)
        return [
            Cell(
                self._resolve("dataset", dataset, limit.name),
                self._resolve("gan", gan, limit.name),
                self._resolve("method", method, limit.name),
                seed,
                limit,
                self.metrics,
            )
            for dataset in self.datasets
            for gan in self.gans
            for seed in (seeds or self.budget_seeds.get(limit.name) or self.seeds)
            for method in chosen
        ]

    def _chosen(self, names: Sequence[str] | None) -> tuple[Choice, ...]:
        if not names:
            return self.methods
        mine = {m.title.lower(): m for m in self.methods} | {m.name: m for m in self.methods}
        return tuple(mine.get(n) or mine.get(n.lower()) or _checked("method", Choice(n), "--methods") for n in names)

    def _resolve(self, kind: str, choice: Choice, budget: str) -> Choice:
        changed = self.variants.get((kind, choice.title, budget))
        return dataclasses.replace(choice, options={**choice.options, **changed}) if changed else choice


def suite_files() -> dict[str, Path]:
    """Every suite that comes with the project, by name.

    Raises:
        SuiteError: two files share a name.
    """
    here = Path(__file__).parent
    found: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in sorted(here.glob(f"{folder}/*.toml")):
            if path.stem == "claims":
                continue
            if path.stem in found:
                raise SuiteError(f"suite '{path.stem}' stands twice: {found[path.stem]} and {path}")
            found[path.stem] = path
    return dict(sorted(found.items()))


def open_suite(name: str) -> Suite:
    """Read a suite by name, or by the path of a ``.toml`` file.

    Raises:
        UnknownName: no such suite.
        SuiteError: malformed (file and line), unknown or missing keys.
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
    reader = _Reader(path, text)
    reader.keys(content, _REQUIRED | _OPTIONAL)
    for key in sorted(_REQUIRED - content.keys()):
        raise SuiteError(f"{path}: key '{key}' is missing")
    variants: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    budgets, budget_seeds = reader.budgets(content["budgets"])
    default = content.get("default_budget", next(iter(budgets)))
    if default not in budgets:
        raise SuiteError(f"{path}: default_budget '{default}' is not among the budgets{suggest(default, budgets)}")
    metrics = tuple(reader.metric(name) for name in reader.texts("metrics", content["metrics"]))
    if content["rank_by"] not in metrics:
        raise SuiteError(
            f"{path}: rank_by '{content['rank_by']}' is not among the metrics{suggest(content['rank_by'], metrics)}"
        )
    return Suite(
        name=path.stem,
        path=path,
        title=content["title"],
        description=content.get("description", ""),
        datasets=reader.choices("dataset", content["datasets"], variants),
        gans=reader.choices("gan", content["gans"], variants),
        methods=reader.choices("method", content["methods"], variants),
        metrics=metrics,
        rank_by=content["rank_by"],
        seeds=reader.seeds(content.get("seeds", [0])),
        budgets=budgets,
        budget_seeds=budget_seeds,
        default_budget=default,
        claims=content.get("claims", ""),
        variants=variants,
    )


@dataclass(frozen=True)
class _Reader:
    """Checks the parts of one file; every error names the file and, where it can be found, the line."""

    path: Path
    text: str

    def keys(self, table: Mapping[str, Any], known: set[str]) -> None:
        for key in table:
            if key not in known:
                raise SuiteError(f"{self._at(key)}: unknown key '{key}'{suggest(key, known)}")

    def texts(self, key: str, value: Any) -> list[str]:
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise SuiteError(f"{self._at(key)}: {key} should be a list of names")
        return value

    def seeds(self, value: Any) -> tuple[int, ...]:
        if not isinstance(value, list) or not value or not all(type(v) is int and v >= 0 for v in value):
            raise SuiteError(f"{self._at('seeds')}: seeds should be a list of whole numbers, not {value!r}")
        return tuple(value)

    def metric(self, name: str) -> str:
        find("metric", name, self._at(name))
        if "@" in name:
            find("features", name.split("@", 1)[1], self._at(name))
        return name

    def choices(
        self, kind: str, value: Any, variants: dict[tuple[str, str, str], Mapping[str, Any]]
    ) -> tuple[Choice, ...]:
        if not isinstance(value, list) or not value:
            raise SuiteError(f"{self._at(kind)}: {kind}s should be a list of names or of tables with a name")
        found = tuple(self._choice(kind, v, variants) for v in value)
        titles = [c.title for c in found]
        for title in titles:
            if titles.count(title) > 1:
                raise SuiteError(f"{self._at(title)}: {kind} '{title}' stands twice; give one of them a label")
        return found

    def _choice(self, kind: str, value: Any, variants: dict[tuple[str, str, str], Mapping[str, Any]]) -> Choice:
        if isinstance(value, str):
            return _checked(kind, Choice(value), self._at(value))
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise SuiteError(
                f"{self._at(kind)}: each of {kind}s should be a name or a table with a name, not {value!r}"
            )
        options = {k: v for k, v in value.items() if k not in {"name", "label", *BUDGETS}}
        choice = _checked(kind, Choice(value["name"], options, value.get("label", "")), self._at(value["name"]))
        for budget in BUDGETS:
            if budget in value:
                variants[kind, choice.title, budget] = value[budget]
        return choice

    def budgets(self, value: Any) -> tuple[dict[str, Budget], dict[str, tuple[int, ...]]]:
        if not isinstance(value, dict) or not value:
            raise SuiteError(f"{self._at('budgets')}: budgets should be tables [budgets.smoke], [budgets.cpu], ...")
        self.keys(value, set(BUDGETS))
        found, seeds = {}, {}
        hints = {f.name: f.type for f in dataclasses.fields(Budget) if f.name != "name"}
        for name, table in value.items():
            self.keys(table, {*hints, "seeds"})
            numbers = {**_BUDGET_DEFAULTS, **{k: v for k, v in table.items() if k != "seeds"}}
            for key in hints:
                if key not in numbers:
                    raise SuiteError(f"{self._at(f'budgets.{name}')}: key '{key}' is missing in budget '{name}'")
                number = numbers[key]
                if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
                    raise SuiteError(f"{self._at(key)}: {key} = {number!r} should be a number, 0 or more")
            found[name] = Budget(name=name, **numbers)
            if "seeds" in table:
                seeds[name] = self.seeds(table["seeds"])
        return found, seeds

    def _at(self, word: str) -> str:
        for number, line in enumerate(self.text.splitlines(), 1):
            if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", line.split("#")[0]):
                return f"{self.path}, line {number}"
        return str(self.path)


def _checked(kind: str, choice: Choice, where: str) -> Choice:
    """The choice itself, if every name in it is registered."""
    if kind == "gan":
        from bench.gans.shipped import gan_file

        if gan_file(choice.name) is None:
            find(kind, choice.name, where)
    elif kind == "method":
        base, *refiners = choice.name.split("+")
        find("method", base, where)
        for name in refiners:
            find("refiner", name, where)
    else:
        find(kind, choice.name, where)
    return choice


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path}: cannot be read: {error}") from error


def parse_seeds(text: str) -> list[int]:
    """Seeds from a command line: ``0,1,2`` or ``0-4``.

    Raises:
        BenchError: anything else.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if not match:
            raise BenchError(f"--seeds {text}: expected numbers such as 0,1,2 or 0-4")
        first = int(match[1])
        seeds += range(first, int(match[2] or first) + 1)
    return seeds
