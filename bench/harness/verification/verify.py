"""Verification of a folder of results: every check in turn, one folder of records after the other."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.core.errors import BenchError
from bench.core.files import digest
from bench.core.paths import device
from bench.core.record_schema import fields_checksum
from bench.harness.verification.entries import StoredEntry, entries
from bench.harness.verification.findings import Finding, exit_code
from bench.harness.verification.integrity import IntegrityChecks
from bench.harness.verification.places import RecordsPlace, records_places
from bench.harness.verification.tables import check_tables
from bench.reports.groups import groups

SAMPLE = 20
"""Images of each record and track whose metrics are recomputed."""
DECODED = 200
"""Records of a folder whose codes are decoded; of more records these are drawn at random."""
NOT_RECOMPUTED = (
    "times, memory and generator calls, which only the process saw that measured them; what methods declare of "
    "themselves; the training of generators and methods"
)
"""What no verification of stored files can tell."""


@dataclass
class Verification:
    """The result of a verification.

    Attributes:
        root: what was verified.
        seed: seed of the sample of records and images.
        sample: images of each record and track.
        findings: one for each check and folder.
        records: checksum of the fields of each record, by folder and key.
    """

    root: Path
    seed: int
    sample: int
    findings: list[Finding] = field(default_factory=list)
    records: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """See ``bench.harness.verification.findings.exit_code``."""
        return exit_code(self.findings)


def verify(
    root: Path,
    sample: int = SAMPLE,
    seed: int | None = None,
    *,
    rerun: int = 0,
    told: Callable[[Finding], None] = lambda finding: None,
) -> Verification:
    """Verify every folder of records at or below a folder.

    Args:
        root: results of anybody: a report, a store, or a folder of these.
        sample: images of each record and track whose metrics are recomputed from codes; 0 for none.
        seed: seed of the sample; drawn at random if None, so that nobody knows the sample before.
        rerun: cells of each folder that are fitted, inverted and measured again.
        told: callback for each finding as soon as it is known.

    Raises:
        StoreError: there are no records.
    """
    done = Verification(root, secrets.randbits(32) if seed is None else seed, sample)
    for place in records_places(root):
        for finding in _of_place(place, done, rerun):
            done.findings.append(finding)
            told(finding)
    last = Finding("not checked", "everywhere", NOT_RECOMPUTED)
    done.findings.append(last)
    told(last)
    return done


def _of_place(place: RecordsPlace, done: Verification, rerun: int) -> Iterator[Finding]:
    rng = np.random.default_rng([done.seed, int(digest(place.name), 16) % 2**32])
    checks, usable = IntegrityChecks(place.name), []
    try:
        for entry in entries(place):
            if checks.add(entry):
                done.records[f"{place.name}/{entry.key}"] = fields_checksum(entry.content)
                usable += [entry.key] if entry.done else []
        yield from checks.findings()
    except BenchError as error:
        yield Finding("FAIL", "records", str(error), place.name)
        return
    whole = not any(tally.faults for tally in (checks.records, checks.values))
    if whole:
        yield from _of_tables(place, bool(place.reports))
    else:
        yield Finding("not checked", "leaderboards", "records above failed", place.name)
    chosen = set(usable) if len(usable) <= DECODED else set(rng.choice(sorted(usable), DECODED, replace=False))
    if done.sample and chosen:
        yield from _recomputed(place, chosen, rng, done.sample)
    if len(chosen) < len(usable):
        text = f"codes of {len(chosen)} of {len(usable):,} records were decoded, drawn with seed {done.seed}"
        yield Finding("not checked", "sample", text, place.name)
    if rerun and usable:
        from bench.harness.verification.rerun import run_again

        yield from run_again(place, usable, rng, rerun)


def _chosen(place: RecordsPlace, keys: set[str]) -> Iterator[StoredEntry]:
    return (entry for entry in entries(place) if entry.key in keys)


def _of_tables(place: RecordsPlace, reported: bool) -> Iterator[Finding]:
    """Check that records may share tables, and leaderboard files, if there are any."""
    if not reported:
        yield from _comparable(place)
        return
    records = [entry.record() for entry in entries(place)]
    yield from _comparable(place)
    yield from check_tables(place, records)
    if place.other_files:
        yield Finding("not checked", "further files", ", ".join(place.other_files), place.name)


def _comparable(place: RecordsPlace) -> Iterator[Finding]:
    try:
        found = groups([entry.record() for entry in entries(place)])
    except BenchError as error:
        yield Finding("FAIL", "comparable", str(error), place.name)
        return
    yield Finding("ok", "comparable", f"the records of each of {len(found)} tables may share it", place.name)


def _recomputed(place: RecordsPlace, keys: set[str], rng: np.random.Generator, sample: int) -> Iterator[Finding]:
    from bench.core.environment import prepare_device
    from bench.harness.verification.generators import open_workshop
    from bench.harness.verification.recompute import Recomputation

    prepare_device(device())
    found = Recomputation(place.name, open_workshop(device()), rng, sample)
    ordered = sorted(_chosen(place, keys), key=lambda entry: (entry.facts.get("gan_checksum", ""), entry.key))
    for entry in ordered:
        found.add(entry)
    yield from found.findings()
