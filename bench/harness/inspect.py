"""Listings of registered names, descriptions of single names, and the state of this machine."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.core import registry
from bench.core.errors import unknown
from bench.core.files import read_header
from bench.core.options import create
from bench.core.paths import data_folder, device, home, shipped_folder
from bench.core.types import DatasetSource, FeatureExtractor, Inverter, Metric
from bench.gans.zoo import shipped_gans
from bench.harness.export import facts_of
from bench.harness.suite import open_suite, suite_files

Rows = list[tuple[str, str]]
Section = tuple[str, Rows]

_KINDS = {
    "methods": ("method", "refiner"),
    "gans": ("gan",),
    "datasets": ("dataset",),
    "metrics": ("metric",),
    "studies": ("study",),
    "applications": ("application",),
}


def listing(kind: str) -> list[tuple[str, str, str]]:
    """Return the rows of ``ganinv list``: name, summary, origin; read from source, without importing anything."""
    if kind == "suites":
        return [(name, open_suite(name).title, str(path)) for name, path in suite_files().items()]
    rows = []
    for each in _KINDS.get(kind, (kind,)):
        for entry in registry.entries(each).values():
            name = f"+{entry.name}" if each == "refiner" else entry.name
            summary = f"BROKEN: {entry.error}" if entry.error else entry.summary
            rows.append((name, summary, entry.origin))
    if kind == "gans":
        rows += [(name, "a trained model that ships", path.name) for name, path in shipped_gans().items()]
    return rows


def describe(name: str, kind: str | None = None) -> list[Section]:
    """Return the description of a registered name.

    Args:
        name: a dataset, GAN, method, metric, feature network, study or suite.
        kind: kind of the name ("gan", "metric" ...); any kind if None.

    Raises:
        UnknownName: there is no such name or kind.
    """
    if kind not in {None, "suite", *registry.ROOMS}:
        raise unknown("kind", str(kind), ("suite", *registry.ROOMS))
    rooms = [room for room in registry.ROOMS if kind in {None, room}]
    models = shipped_gans() if "gan" in rooms else {}
    suites = suite_files() if kind in {None, "suite"} else {}
    if name in models:
        return [(f"GAN {name}", _weights_rows(models[name]))]
    if name in suites:
        return [_suite_section(name)]
    base = re.split("[@:]", name.rpartition("+")[2])[0]
    found = [(room, registry.entries(room)[base]) for room in rooms if base in registry.entries(room)]
    if not found:
        known = {n for room in rooms for n in registry.entries(room)} | set(suites) | set(models)
        raise unknown(kind or "name", name, known)
    return [_entry_section(room, name, entry) for room, entry in found]


def diagnosis() -> list[Section]:
    """Yield facts about this machine: device, folders, datasets, feature networks, versions."""
    from bench.core.environment import PACKAGES, device_name, package_version
    from bench.datasets.catalogue import catalogue
    from bench.metrics.weights import weights_available

    metrics = sorted({m for suite in suite_files() for m in open_suite(suite).metrics if "@" in m})
    networks = [f"lpips@{n}" if n in {"alex", "vgg"} else f"fid@{n}" for n in registry.entries("features")]
    places = [("home (GANINV_HOME)", f"{home()}{'' if _writable(home()) else '  NOT WRITABLE'}")]
    places += [("data", str(data_folder())), ("shipped models", str(shipped_folder()))]
    return [
        ("machine", [("device", device_name(device())), ("cores", str(os.cpu_count())), *places]),
        ("datasets", [(s.name, s.place if s.available else f"not here: {s.place}") for s in catalogue()]),
        ("feature networks", [(m, weights_available(m) or "here") for m in sorted({*metrics, *networks})]),
        ("versions", [(p, package_version(p)) for p in PACKAGES]),
    ]


def _entry_section(kind: str, name: str, entry: registry.Entry) -> Section:
    rows: Rows = [("summary", entry.summary), ("from", f"{entry.origin} {entry.path or entry.module}")]
    cls = registry.load(kind, entry.name)
    rows += _about(cls)
    rows += _declared(cls)
    rows += [(f"option {f.name}", f"{_type(f)}, default {_default(f)}") for f in dataclasses.fields(cls) if f.init]
    if issubclass(cls, DatasetSource) and ":" not in name:
        here, place = (False, f"{entry.name}:ARGUMENT") if _needs_argument(cls) else create(kind, name).availability()
        rows.append(("here" if here else "not here", place))
    if issubclass(cls, Metric | FeatureExtractor):
        rows += _protocol_rows(kind, name, cls)
    return f"{kind} {name}", rows


def _protocol_rows(kind: str, name: str, cls: type[Any]) -> Rows:
    """Yield the protocol that two values must share to be comparable, and the availability of the weights."""
    required = [field.name for field in dataclasses.fields(cls) if field.init and _default(field).startswith("none")]
    if len(required) > name.count(":") + name.count("@"):
        whole = "".join(f"@{n.upper()}" if n == "network" else f":{n.upper()}" for n in required)
        return [("protocol", f"depends on the argument: ganinv show {name}{whole}")]
    protocol: dict[str, Any] = create(kind, name).protocol()
    rows = [(f"protocol {key}", json.dumps(value, ensure_ascii=False)) for key, value in protocol.items()]
    if issubclass(cls, Metric) and "network" in protocol:
        from bench.metrics.weights import weights_available

        rows.append(("weights", weights_available(name) or "here, checksum verified"))
    return rows


def _about(cls: type[Any]) -> Rows:
    """Yield the paragraphs after the first line of a docstring: "Label: text" by its label, the rest as "about"."""
    text = inspect.getdoc(cls) or ""
    body = re.split(r"\n(?:Attributes|Args|Raises):\n", text.partition("\n")[2])[0]
    rows: Rows = []
    for paragraph in re.split(r"\n\n+|\n(?=[A-Z][a-z]+(?: [a-z]+)?: )", body.strip()):
        line = " ".join(paragraph.split())
        label, colon, rest = line.partition(": ")
        if colon and re.fullmatch(r"[A-Z][a-z]+(?: [a-z]+)?", label):
            rows.append((label.lower(), rest))
        elif line:
            rows.append(("about", line))
    return rows


def _declared(cls: type[Any]) -> Rows:
    """Yield the facts that a class declares; a method with its default options, on which its capacity may depend."""
    words = ("capacity", "trained_on", "optimises", "control", "higher_is_better", "per_image", "tracks", "unit")
    speaker = cls() if issubclass(cls, Inverter) and not _needs_argument(cls) else cls
    return [(word.replace("_", " "), str(getattr(speaker, word))) for word in words if hasattr(speaker, word)]


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return repr(field.default)
    return "none: required" if field.default_factory is dataclasses.MISSING else repr(field.default_factory())


def _type(field: dataclasses.Field[Any]) -> str:
    return field.type if isinstance(field.type, str) else inspect.formatannotation(field.type)


def _needs_argument(cls: type[Any]) -> bool:
    fields: Sequence[dataclasses.Field[Any]] = [f for f in dataclasses.fields(cls) if f.init]
    return bool(fields) and _default(fields[0]).startswith("none")


def _suite_section(name: str) -> Section:
    suite = open_suite(name)
    rows: Rows = [("title", suite.title), ("description", suite.description), ("file", str(suite.path))]
    for what in ("datasets", "gans", "methods"):
        rows.append((what, ", ".join(choice.title for choice in getattr(suite, what))))
    rows += [("metrics", ", ".join(suite.metrics)), ("rank by", suite.rank_by), ("seeds", str(list(suite.seeds)))]
    for budget in suite.budgets.values():
        numbers = ", ".join(f"{k} {v:g}" for k, v in dataclasses.asdict(budget).items() if k != "name")
        rows.append((f"budget {budget.name}", numbers))
    for (budget_name, title), own in suite.dataset_budgets.items():
        general = dataclasses.asdict(suite.budgets[budget_name])
        changed = [f"{k} {v:g}" for k, v in dataclasses.asdict(own).items() if v != general[k]]
        rows.append((f"budget {budget_name}, {title}", ", ".join(changed)))
    return f"suite {name}", rows


def _weights_rows(path: Path) -> Rows:
    """Return the metadata in the header of a safetensors file."""
    from bench.core.files import sha256

    header = read_header(path)
    metadata = header.get("__metadata__", {})
    numbers = sum(_size(t["shape"]) for n, t in header.items() if n != "__metadata__")
    rows = [("file", str(path)), ("sha256", sha256(path)), ("numbers", f"{numbers:,}")]
    if "ganinv" in metadata:
        return [*rows, *facts_of(json.loads(metadata["ganinv"]), path.with_suffix(".png"))]
    return [*rows, *sorted(metadata.items())]


def _size(shape: Sequence[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def _writable(folder: Path) -> bool:
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    return os.access(existing, os.W_OK)
