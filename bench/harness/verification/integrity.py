"""Checks of single records that need no generator: files, checksums, summaries, keys, seeds, budget, protocols."""

from __future__ import annotations

import json
import platform
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench.core.environment import PACKAGES, commit, package_version
from bench.core.errors import BenchError
from bench.core.options import create
from bench.core.record_schema import CHECKSUM
from bench.core.record_values import rows_of
from bench.core.types import Metric
from bench.gans.zoo import runs_code
from bench.harness.context import seed_of
from bench.harness.keys import KeyMaker
from bench.harness.provenance import metric_code
from bench.harness.verification.entries import StoredEntry
from bench.harness.verification.findings import CheckTally, Finding

SEEDED = ("train", "fit", "invert")


@dataclass
class IntegrityChecks:
    """Checks of the records of one folder, fed one record at a time.

    Attributes:
        place: name of the folder, for findings.
    """

    place: str
    records: CheckTally = field(default_factory=lambda: CheckTally("records"))
    values: CheckTally = field(default_factory=lambda: CheckTally("checksums and summaries"))
    keys: CheckTally = field(default_factory=lambda: CheckTally("keys and seeds"))
    budget: CheckTally = field(default_factory=lambda: CheckTally("budget"))
    protocols: CheckTally = field(default_factory=lambda: CheckTally("protocols"))
    states: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    unsigned: int = 0
    summaries: int = 0

    def add(self, entry: StoredEntry) -> bool:
        """Check a record; return True if its fields and files can be used further."""
        fault = entry.fault()
        self.records.note(fault and f"{entry.path.name}: {fault}")
        if fault:
            return False
        self.states[entry.content["status"]] += 1
        self.unsigned += CHECKSUM not in entry.content
        if not entry.done:
            return True
        fault = entry.fault_of_files()
        self.values.note(fault and f"{entry.title}: {fault}")
        self.summaries += sum(map(len, entry.content["metrics"].values()))
        if fault:
            return False
        self.budget.note(_prefixed(entry, _fault_of_budget(entry)))
        self._add_protocols(entry)
        self._add_keys(entry)
        made = entry.content.get("environment", {})
        torch = made.get("versions", {}).get("torch", "unknown")
        changed = " with changes" if made.get("dirty") else ""
        threads = made.get("threads", "?")
        self.versions[f"torch {torch}, {threads} threads, commit {made.get('commit', 'unknown')[:12]}{changed}"] += 1
        return True

    def findings(self) -> list[Finding]:
        """Return one finding a check."""
        states = ", ".join(f"{count} {state}" for state, count in self.states.items())
        unsigned = f"; {self.unsigned} of an older version have no checksum of their fields" if self.unsigned else ""
        good = f"{states}; names, keys and types fit the schema{unsigned}"
        found = self.records.findings(good, self.place)
        stored = f"{self.summaries:,} summaries of {self.values.good} records follow from their values"
        found += self.values.findings(stored, self.place)
        found += self.budget.findings(f"{self.budget.good} records have the images that it asks for", self.place)
        found += self.protocols.findings(f"{self.protocols.good} are those of this version", self.place)
        found += self.keys.findings(f"{self.keys.good} follow from the cells", self.place)
        for what, count in self.other.items():
            found.append(
                Finding("not checked", "keys and seeds" if "key" in what else "protocols", f"{count} {what}")
            )
        if self.versions:
            made = "; ".join(f"{text} ({count})" for text, count in self.versions.most_common(4))
            found.append(Finding("ok", "made with", made, self.place))
        return [Finding(each.outcome, each.check, each.detail, self.place) for each in found]

    # ------------------------------------------------------------------------------------------------- parts

    @cached_property
    def _maker(self) -> KeyMaker:
        return KeyMaker()

    @cached_property
    def _metrics(self) -> dict[str, tuple[Any, bool, str] | None]:
        return {}

    def _metric(self, name: str) -> tuple[Any, bool, str] | None:
        """Return protocol, direction and code of a metric here; None if it cannot be had."""
        if name not in self._metrics:
            try:
                opened: Metric = create("metric", name)
                protocol = json.loads(json.dumps(opened.protocol()))
                self._metrics[name] = protocol, opened.higher_is_better, metric_code(name, self._maker.reader)
            except BenchError:
                self._metrics[name] = None
        return self._metrics[name]

    def _add_protocols(self, entry: StoredEntry) -> None:
        stated, facts = entry.content.get("protocol", {}), entry.facts
        for name, protocol in stated.items():
            here = self._metric(name)
            if here is None:
                self.other["protocols of metrics that are not registered here"] += 1
                continue
            code = facts.get("metric_code", {}).get(name)
            fault = ""
            if facts.get("higher_is_better", {}).get(name, here[1]) != here[1]:
                fault = f"{name} is better in the other direction"
            elif protocol != here[0] and code == here[2]:
                fault = f"the protocol of {name} is not that of its code"
            if protocol != here[0] and not fault:
                self.other["protocols of another version: their numbers cannot share a table with this one's"] += 1
            else:
                self.protocols.note(_prefixed(entry, fault))

    def _add_keys(self, entry: StoredEntry) -> None:
        facts = entry.facts
        try:
            seeds = {stage: seed_of(stage, entry.cell) for stage in SEEDED}
            keys = self._maker.keys(entry.cell)
        except (BenchError, TypeError, KeyError) as error:
            self.other[f"keys not computed: {' '.join(str(error).split())[:100]}"] += 1
            return
        wrong = [s for s, seed in facts.get("seeds", {}).items() if s in seeds and seeds[s] != seed]
        fault = f"the seed of {wrong[0]} is not the one of its cell" if wrong else ""
        changed = [s for s, key in facts.get("keys", {}).items() if getattr(keys, s, key) != key]
        if keys.cell != entry.key and not self._made_by_this_code(entry):
            self.other["keys and seeds of other code or versions, which cannot be computed here"] += 1
            return
        if not fault and (keys.cell != entry.key or changed):
            fault = f"its key{f' of {changed[0]}' if changed else ''} does not follow from its cell"
        self.keys.note(_prefixed(entry, fault))

    def _made_by_this_code(self, entry: StoredEntry) -> bool:
        """Return True if a record states this commit without changes, these versions, and this kind of device."""
        made, here = entry.content.get("environment", {}), commit()
        foreign = entry.facts.get("plugin") or entry.facts.get("measured_by") or runs_code(entry.cell.gan.name)
        return (
            not foreign
            and (made.get("commit"), made.get("dirty")) == here
            and not here[1]
            and made.get("versions") == _versions()
            and str(made.get("device", "")).startswith(f"{self._maker.device}:")
        )


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: package_version(name) for name in PACKAGES}}


def _prefixed(entry: StoredEntry, fault: str) -> str:
    return fault and f"{entry.title}: {fault}"


def _fault_of_budget(entry: StoredEntry) -> str:
    """Compare the numbers of images with those of the budget."""
    budget, columns = entry.content["cell"]["budget"], entry.columns
    for track in entry.content["metrics"]:
        asked = int(budget.get(f"{track}_images", 0))
        stored = len(rows_of(columns, track)) if columns is not None else 0
        if asked and stored and stored != asked:
            return f"{stored} {track} images have values, its budget asks for {asked}"
    facts = entry.facts
    words = {"code_dim": 1, "trained_parameters": 0}
    low = [name for name, least in words.items() if name in facts and facts[name] < least]
    return f"{low[0]} is {facts[low[0]]}" if low else ""
