"""Keys: hashes of everything that determines a result, including upstream keys. Computed without torch.

Each key covers the statements of a suite (names, options and their defaults, the seed, the relevant numbers of the
budget), the identity of data and weights, the device, and code: that of the stage, and of the dataset, GAN,
method or metric. Code is a fingerprint of a module with all modules of the suite that it imports
(``bench.core.fingerprints``), and the versions of the packages from elsewhere that these import.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.core import registry
from bench.core.declared import NETWORK, resolved_options
from bench.core.environment import imported_version
from bench.core.files import digest, read_header
from bench.core.fingerprints import Code, CodeReader
from bench.core.options import create
from bench.core.paths import device
from bench.core.types import Budget, Cell, ComponentSpec
from bench.gans.identity import file_identity
from bench.gans.zoo import gan_file, pick_of, without_pick
from bench.metrics.gan_quality import quality_metric
from bench.metrics.weights import network_of, weights_identity

STAGES = {
    "train": "bench.harness.train_stage",
    "fit": "bench.harness.fit_stage",
    "invert": "bench.harness.invert_stage",
    "measure": "bench.harness.measure_stage",
}
"""The module of each stage, whose code is part of its key."""
NAMED = ("dataset", "gan", "metric", "features", "method", "refiner")
"""Kinds of names that options may contain; their code is then part of the key."""


@dataclass(frozen=True)
class Keys:
    """The keys of one cell's stages; ``cell`` names its record, ``own`` the images that its GAN generates for it."""

    train: str
    fit: str
    invert: str
    cell: str
    own: str = ""


class KeyMaker:
    """Computes the keys of many cells; shared parts are computed once.

    Files of code and data, checkpoints and the device are read once: create a new object for each plan.

    Args:
        reader: reader of code; by default of the running code.
    """

    def __init__(self, reader: CodeReader | None = None) -> None:
        self.reader = reader or CodeReader()
        self._known: dict[Hashable, Any] = {}
        self.device = device()

    def keys(self, cell: Cell) -> Keys:
        """Return the keys of a cell.

        Raises:
            UnknownName: something in the cell is not registered.
            DataError: the dataset is missing or damaged.
            WeightsError: a checkpoint or feature network file is missing.
            ContractError: the code imports a module that does not exist; names both.
        """
        budget = cell.budget
        base, *refiners = cell.method.name.split("+")
        options = {k: v for k, v in cell.method.options.items() if k not in refiners}
        train = self._train(cell)
        fit = digest(
            {
                "stage": self._stage("fit"),
                "train": train,
                "pick": pick_of(cell.gan.name),
                "method": self.component("method", base, options),
                "seed": cell.seed,
                "budget": [budget.train_images, budget.fit_steps, budget.search_steps],
                "device": self.device,
            }
        )
        invert = digest(
            {
                "stage": self._stage("invert"),
                "fit": fit,
                "refiners": [self.component("refiner", r, cell.method.options.get(r, {})) for r in refiners],
                "budget": [budget.search_steps, budget.refine_steps, budget.test_images, budget.own_images],
                "nonce": cell.nonce,
                "device": self.device,
            }
        )
        measured = {
            "stage": self._stage("measure"),
            "invert": invert,
            "budget": vars(budget),
            "metrics": [self.metric(name) for name in cell.metrics],
        }
        own = [train, pick_of(cell.gan.name), cell.seed, cell.nonce, budget.own_images, self.device]
        return Keys(train, fit, invert, cell=digest(measured), own=digest([self._stage("invert"), own]))

    def _train(self, cell: Cell) -> str:
        data, stored = self.dataset(cell.dataset), self.file(cell.gan)
        if stored:
            named = [without_pick(cell.gan.name), dict(cell.gan.options)]  # as seeds do: equal keys, equal draws
            return digest({"stage": self._stage("train"), "data": data, "file": stored, "gan": named})
        quality = self._once(("quality", cell.dataset.name), lambda: quality_metric(cell.dataset.name))
        return digest(
            {
                "stage": self._stage("train"),
                "data": data,
                "gan": self.component("gan", without_pick(cell.gan.name), cell.gan.options),
                "seed": cell.seed,
                "budget": [cell.budget.train_images, cell.budget.train_steps],
                "quality": [cell.budget.looks, self.metric(quality)] if quality and cell.budget.looks else None,
                "device": self.device,
            }
        )

    # ------------------------------------------------------------------------------------------------- parts

    def dataset(self, choice: ComponentSpec) -> str:
        """Return the identity of a dataset with its options: its code and the identity of its content."""

        def make() -> list[Any]:
            stated = self.component("dataset", choice.name, choice.options)
            return [stated, create("dataset", choice.name, choice.options).identity()]

        return self._part(("data", choice.name), choice.options, make)

    def component(self, kind: str, name: str, options: Mapping[str, Any]) -> str:
        """Return the identity of a registered class with its options and defaults, including its code.

        Options with registered names (such as a feature network) add the code of these.
        """

        def make() -> list[Any]:
            resolved = resolved_options(kind, name, options, self.reader)
            entry = registry.find(kind, name).name
            return [entry, resolved, self.code(kind, name), self.codes_named_in(resolved)]

        return self._part((kind, name), options, make)

    def metric(self, name: str) -> str:
        """Return the identity of a metric: its options, code, and the code and weights of its network."""

        def make() -> list[Any]:
            resolved = resolved_options("metric", name, {}, self.reader)
            network = network_of(name) or resolved.get(NETWORK, "")
            base = registry.find("metric", name).name
            stated = resolved | ({NETWORK: network} if network else {})
            return [base, stated, self.code("metric", name), self.network(network), self.codes_named_in(stated)]

        return self._part(("metric", name), {}, make)

    def network(self, name: str) -> list[Any]:
        """Return the identity of a feature network: name, code and checksums of its weights; empty for none."""
        if not name:
            return []
        return [name, self.code("features", name), weights_identity(f"lpips@{name}")]

    def module(self, name: str) -> list[str]:
        """Return the code of a module of the suite, with the versions of packages."""
        made: list[str] = self._once(("module", name), lambda: _with_versions(self.reader.module(name)))
        return made

    def code(self, kind: str, name: str) -> list[str]:
        """Return the code of a registered class, with the versions of packages."""
        entry = registry.find(kind, name).name
        made: list[str] = self._once(("code", kind, entry), lambda: _with_versions(self.reader.entry(kind, entry)))
        return made

    def codes_named_in(self, value: Any) -> list[Any]:
        """Return the code of every registered name that occurs in the strings of a value, at any depth."""
        names: dict[str, list[str]] = self._once("names", _registered)
        found = {word for text in texts_in(value) for word in re.split(r"[^\w.-]+", text) if word in names}
        return [[name, [self.code(kind, name) for kind in names[name]]] for name in sorted(found)]

    def file(self, choice: ComponentSpec) -> str:
        """Return the identity of a GAN that is a file, with the code of its recipe; "" for a recipe to train.

        Raises:
            BenchError: see ``bench.gans.zoo.gan_file``.
        """

        def make() -> list[Any] | None:
            identity = file_identity(choice, self.reader)
            return None if identity is None else [identity, self._recipe(gan_file(choice.name))]

        return self._part(("file", choice.name), choice.options, make)

    def _stage(self, stage: str) -> list[Any]:
        return [stage, self.module(STAGES[stage])]

    def _recipe(self, path: Path | None) -> Any:
        """Return the recipe of a checkpoint and its code; errors of unreadable files are raised when it is opened."""
        try:
            header = json.loads(read_header(path)["__metadata__"]["ganinv"]) if path else {}
            name, options = str(header["recipe"]), dict(header["options"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        known = name in registry.entries("gan")
        return self.component("gan", name, options) if known else name

    def _part(self, what: tuple[str, ...], options: Mapping[str, Any], make: Callable[[], Any]) -> str:
        """Return the digest of a part, "" if it is None."""
        stated = json.dumps(dict(options), sort_keys=True) if options else ""

        def hashed() -> str:
            content = make()
            return "" if content is None else digest(content)

        made: str = self._once((*what, stated, "part"), hashed)
        return made

    def _once(self, what: Hashable, make: Callable[[], Any]) -> Any:
        if what not in self._known:
            self._known[what] = make()
        return self._known[what]


def keys_of(cell: Cell) -> Keys:
    """Return the keys of one cell; see ``KeyMaker.keys``."""
    return KeyMaker().keys(cell)


def cell_facts(cell: Cell) -> dict[str, Any]:
    """Return a cell as JSON values, as stored in records."""
    return {
        "dataset": asdict(cell.dataset),
        "gan": asdict(cell.gan),
        "method": asdict(cell.method),
        "seed": cell.seed,
        "budget": asdict(cell.budget),
        "metrics": list(cell.metrics),
        "nonce": cell.nonce,
    }


def cell_from(facts: Mapping[str, Any]) -> Cell:
    """Return the cell of ``cell_facts``."""
    return Cell(
        ComponentSpec(**facts["dataset"]),
        ComponentSpec(**facts["gan"]),
        method=ComponentSpec(**facts["method"]),
        seed=facts["seed"],
        budget=Budget(**facts["budget"]),
        metrics=tuple(facts["metrics"]),
        nonce=facts.get("nonce", ""),
    )


def module_code(name: str) -> list[str]:
    """Return the code of a module of the suite: its fingerprint and the versions of the packages that it uses.

    A module that stores results of its own includes ``module_code(__name__)`` in its keys.

    Raises:
        ContractError: it imports a module that does not exist.
    """
    return KeyMaker().module(name)


def _registered() -> dict[str, list[str]]:
    """Return the kinds of each registered name."""
    found: dict[str, list[str]] = {}
    for kind in NAMED:
        for name in registry.entries(kind):
            found.setdefault(name, []).append(kind)
    return found


def texts_in(value: Any) -> Iterator[str]:
    """Yield every string in options, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts_in(each)


def _with_versions(code: Code) -> list[str]:
    return [code.fingerprint, *(f"{name} {imported_version(name)}" for name in code.packages)]
