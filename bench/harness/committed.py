"""Committed records of a suite, and the conditions under which a new method may stand beside them.

The records are read from ``results/SUITE/BUDGET/records`` of a checkout or from another folder, and never changed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, StoreError
from bench.core.files import digest, finite
from bench.core.paths import device, results_folder
from bench.core.types import Cell, ComponentSpec, Record
from bench.gans.zoo import gan_file
from bench.harness.keys import cell_from
from bench.harness.lookup import in_order
from bench.harness.record_files import GENERATORS, holds_records
from bench.harness.runner import Planned
from bench.harness.store import Store, read_records
from bench.harness.suite import Suite, open_suite, suite_files
from bench.reports.groups import TRACKS, budget_numbers, image_table, title_of


@dataclass(frozen=True)
class CommittedTable:
    """The committed records of a suite at one budget.

    Attributes:
        suite: the suite.
        folder: folder of the records.
        records: all of them, in the order of the suite.
    """

    suite: Suite
    folder: Path
    records: tuple[Record, ...]

    @property
    def done(self) -> list[Record]:
        """The records of finished cells."""
        return [record for record in self.records if record.status == "done"]

    @property
    def titles(self) -> set[str]:
        """Names and titles of the methods with a record."""
        methods = [record.cell["method"] for record in self.records]
        return {title_of(method) for method in methods} | {str(method["name"]) for method in methods}

    def cells(self, methods: Sequence[str]) -> list[Cell]:
        """Return the cells of further methods: one for each dataset, GAN, seed and budget with a finished record.

        Budget, metrics and nonce are those of the records; the options of the methods have their defaults.
        """
        places = {_place(record): record for record in self.done}
        found = [cell_from(record.cell) for record in places.values()]
        return [replace(cell, method=ComponentSpec(name)) for cell in found for name in methods]

    def generator(self, record: Record) -> Path | None:
        """Return the file or kept folder of a record's generator, None if it was not kept."""
        file = gan_file(str(record.cell["gan"]["name"]))
        kept = self.folder.parent / GENERATORS / str(record.facts.get("keys", {}).get("train", "-"))
        return file or (kept if (kept / "meta.json").is_file() else None)


def committed_table(suite: Suite, budget: str | None = None, folder: Path | None = None) -> CommittedTable:
    """Read the committed records of a suite.

    Args:
        suite: the suite.
        budget: name of a budget; the suite's default if None. A folder's records have the budget that they state.
        folder: folder of the records, or of a report with its sub-folder ``records``; that of the checkout if None.

    Raises:
        UnknownName: the suite has no such budget.
        BenchError: there are no records of finished cells.
    """
    place = folder or _default_folder(suite, budget)
    table = _read(suite, place)
    if table is None:
        raise BenchError(
            f"suite {suite.name}: no committed records of finished cells in {place}; --records names another folder. "
            f"{_advice()}"
        )
    return table


def check_kept(table: CommittedTable) -> None:
    """Check that a new method can be measured as the committed ones were: their generators and nonce are here.

    Raises:
        BenchError: a generator was not kept, or a record states no nonce; names the suites that have both.
    """
    lost = dict.fromkeys(title_of(r.cell["gan"]) for r in table.done if table.generator(r) is None)
    if lost:
        raise BenchError(
            f"suite {table.suite.name}: the generators of its committed records were not kept ({', '.join(lost)}), "
            f"and training them again would give others. {_advice()}"
        )
    for record in table.done:
        if not record.cell.get("nonce"):
            raise BenchError(
                f"suite {table.suite.name}: nonce: the committed records state none, so the generated images that "
                f"they were measured on cannot be drawn again. {_advice()}"
            )


def rankable_suites() -> list[str]:
    """Return the names of the suites whose committed records have all that a new method needs."""
    return [name for name in suite_files() if _is_rankable(name)]


def take_generators(table: CommittedTable, planned: Sequence[Planned], store: Store) -> None:
    """Copy kept generators that the cells of a plan need into the user's store, so that nothing is trained.

    Raises:
        BenchError: a kept generator was trained by other code or under other versions of packages, or is damaged.
        StoreError: the store cannot be written.
    """
    records = {_place(record): record for record in table.done}
    for each in planned:
        if gan_file(each.cell.gan.name) is not None:
            continue
        record = records[digest(_where(each.cell))]
        kept = table.generator(record)
        assert kept is not None, each.cell.gan.name
        if kept.name != each.keys.train:
            raise BenchError(
                f"suite {table.suite.name}: training key of {each.cell.gan.title} differs: the committed generator "
                f"has {kept.name}, here it would be {each.keys.train}; the code that trains it, or versions of "
                "packages, changed since"
            )
        if not store.has("train", each.keys.train):
            _copy(kept, store.root / "train" / each.keys.train)
        if store.artefact("train", each.keys.train) is None:
            raise BenchError(f"generator {kept}: a file fails its checksum; restore it from the repository")


def conditions(record: Record) -> dict[str, Any]:
    """Return what a record states and another must share to stand in its table, by the name of the field."""
    facts = record.facts
    found: dict[str, Any] = {
        "nonce": record.cell.get("nonce") or "none",
        "device": str(record.environment.get("device", "unknown")).partition(":")[0],
        "dataset checksum": facts.get("dataset_checksum"),
        "GAN checksum": facts.get("gan_checksum"),
        "code of the GAN": facts.get("gan_code"),
    }
    found |= {f"protocol of {name}": record.protocol.get(name) for name in record.cell["metrics"]}
    return found | {f"code of {name}": facts.get("metric_code", {}).get(name) for name in record.cell["metrics"]}


def check_comparable(record: Record, here: Mapping[str, Any]) -> None:
    """Check that a new record may stand beside a committed one.

    Args:
        record: a committed record.
        here: ``conditions`` of the new one.

    Raises:
        BenchError: a condition differs; names it and both values.
    """
    stated = conditions(record)
    for what, value in here.items():
        if _plain(stated.get(what)) != _plain(value):
            raise BenchError(
                f"{title_of(record.cell['method'])} (seed {record.cell['seed']}) in the committed records and a "
                f"measurement here cannot share a table: {what} differs: {_short(stated.get(what))} there, "
                f"{_short(value)} here"
            )
    for track in TRACKS:
        if record.metrics.get(track) and image_table(record, track) is None:
            raise BenchError(
                f"{title_of(record.cell['method'])} (seed {record.cell['seed']}) in the committed records cannot be "
                f"compared: values of each image of {track} are not there"
            )


def check_conditions(table: CommittedTable, planned: Sequence[Planned], store: Store) -> None:
    """Check, before anything is fitted, that the cells of a plan will be measured as the committed ones were.

    Opens datasets and generators, and therefore imports torch.

    Raises:
        BenchError: see ``check_comparable``.
    """
    from bench.core.environment import prepare_device
    from bench.harness.context import HarnessContext

    prepare_device(device())
    bench = HarnessContext(store, device())
    cells = {digest(_where(each.cell)): each for each in planned}
    found = {place: _here(bench, each) for place, each in cells.items()}
    for record in table.done:
        check_comparable(record, found[_place(record)])


def _here(bench: Any, planned: Planned) -> dict[str, Any]:
    """Return the ``conditions`` of a cell that has not been measured yet."""
    from bench.harness.context import load_data
    from bench.harness.provenance import code_facts
    from bench.harness.train_stage import train
    from bench.metrics.evaluation import open_metrics

    cell = planned.cell
    gan, _ = train(bench, cell, planned.keys)  # reads it: its file is there
    code = code_facts(cell, gan)
    protocols = {m.name: m.protocol() for m in open_metrics(cell.metrics)}
    return {
        "nonce": cell.nonce,
        "device": bench.device,
        "dataset checksum": load_data(bench, cell).test.checksum,
        "GAN checksum": gan.checksum(),
        "code of the GAN": code["gan_code"],
        **{f"protocol of {name}": protocols[name] for name in cell.metrics},
        **{f"code of {name}": code["metric_code"][name] for name in cell.metrics},
    }


def _place(record: Record) -> str:
    return digest(_where(cell_from(record.cell)))


def _where(cell: Cell) -> list[Any]:
    """Return what places a cell among those of its method: dataset, GAN, seed and budget."""
    parts = [[each.name, dict(each.options)] for each in (cell.dataset, cell.gan)]
    return [*parts, cell.seed, budget_numbers(vars(cell.budget))]


def _default_folder(suite: Suite, budget: str | None = None) -> Path:
    return results_folder() / suite.name / suite.budget(budget).name


def _read(suite: Suite, place: Path) -> CommittedTable | None:
    for folder in (place / "records", place):
        if holds_records(folder):
            table = CommittedTable(suite, folder, tuple(in_order(suite, read_records(folder))))
            return table if table.done else None
    return None


def _is_rankable(name: str) -> bool:
    suite = open_suite(name)
    try:
        table = _read(suite, _default_folder(suite))
        return table is not None and all(table.generator(r) and r.cell.get("nonce") for r in table.done)
    except BenchError:  # records of a newer version, or of a generator that does not ship any more
        return False


def _advice() -> str:
    known = rankable_suites()
    return f"A method can be ranked in: {', '.join(known)}" if known else "No other suite has records to rank in"


def _plain(value: Any) -> Any:
    """Return a value as it is read back from a record."""
    return json.loads(json.dumps(finite(value)))


def _short(value: Any) -> str:
    text = "not stated" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _copy(kept: Path, target: Path) -> None:
    """Copy a stored artefact under another name, then rename it."""
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(kept, temporary)
        temporary.rename(target)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}") from error
