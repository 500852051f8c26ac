"""The conditions under which the numbers of one table were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.core.types import Record
from bench.reports.groups import ResultGroup, image_table, title_of


@dataclass(frozen=True)
class Context:
    """The conditions printed above a table: everything that two numbers must share to be comparable."""

    dataset: str
    dataset_options: Mapping[str, Any]
    dataset_checksum: str
    gan: str
    gan_options: Mapping[str, Any]
    budget: Mapping[str, Any]
    seeds: tuple[int, ...]
    images: Mapping[str, int]
    protocol: Mapping[str, Any]
    device: str
    versions: tuple[str, ...]
    commits: tuple[str, ...]
    dirty: bool
    nonce: str = ""
    measured_by: tuple[str, ...] = ()


def context_of(group: ResultGroup) -> Context:
    """Return the conditions of a group; fields that its records do not state are empty."""
    done = [r for r in group.records if r.status == "done"]
    environments = [r.environment for r in done]
    versions = [", ".join(f"{k} {v}" for k, v in sorted(e.get("versions", {}).items())) for e in environments]
    return Context(
        dataset=title_of(group.dataset),
        dataset_options=group.dataset.get("options") or {},
        dataset_checksum=next((str(r.facts["dataset_checksum"]) for r in done if "dataset_checksum" in r.facts), ""),
        gan=title_of(group.gan),
        gan_options=group.gan.get("options") or {},
        budget=group.budget,
        seeds=tuple(sorted({int(r.cell["seed"]) for r in group.records} | {c.seed for c in group.missing})),
        images=_image_counts(done),
        protocol={metric: protocol for r in done for metric, protocol in r.protocol.items()},
        device=next((str(e["device"]) for e in environments if "device" in e), ""),
        versions=tuple(dict.fromkeys(v for v in versions if v)),
        commits=tuple(dict.fromkeys(str(e["commit"]) for e in environments if e.get("commit"))),
        dirty=any(e.get("dirty") for e in environments),
        nonce=next((str(r.cell["nonce"]) for r in done if r.cell.get("nonce")), ""),
        measured_by=tuple(dict.fromkeys(part for r in done for part in r.facts.get("measured_by", ()))),
    )


def _image_counts(records: Sequence[Record]) -> dict[str, int]:
    """Return the number of images of each track: rows of the per-image file, else the largest count of a metric."""
    counts: dict[str, int] = {}
    for record in records:
        for track, summaries in record.metrics.items():
            stored = image_table(record, "own" if track == "own" else "test")
            stated = [int(s["n"]) for s in summaries.values() if "n" in s]
            count = len(stored) if stored is not None else max(stated, default=0)
            counts[track] = max(counts.get(track, 0), count)
    return counts
