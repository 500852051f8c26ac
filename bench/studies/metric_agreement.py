"""Rank correlations of metrics over the stored records of a suite (dfi 3.2, recycling 4). No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, unknown
from bench.core.files import digest
from bench.core.registry import study
from bench.core.types import Cell, ComponentSpec, Record
from bench.harness.suite import Suite
from bench.reports.groups import ResultGroup, groups, title_of
from bench.studies.agreement_cells import MeasuredCells
from bench.studies.base import Study, StudyRequest, StudyResult


@study("metric-agreement")
@dataclass
class MetricAgreement(Study):
    """Rank correlation of all metrics over the cells of a suite, with a test that PSNR and SSIM mislead (C34).

    Attributes:
        suite: suite whose records are read; name or path.
        budget: budget of the suite; "" for its default.
        records: folder of records to read in place of the store.
        method: method whose PSNR ranks GANs for C34.
        tracks: "test" images, "own" (generated images), or both.
        resamples: resamples of the pairs of GAN and method, for intervals.
    """

    suite: str = "agreement"
    budget: str = ""
    records: str = ""
    method: str = "dfi"
    tracks: tuple[str, ...] = ("test", "own")
    resamples: int = 1000

    def __post_init__(self) -> None:
        if not self.tracks or not set(self.tracks) <= {"test", "own"}:
            raise ValueError(f"tracks = {list(self.tracks)}: expected test, own or both")
        if self.resamples < 100:
            raise ValueError(f"resamples = {self.resamples}: an interval needs 100 or more")

    def options(self) -> dict[str, Any]:
        """Return the options as JSON; the protocol identifies records by their keys, not by their folder."""
        return super().options() | {"records": "a folder" if self.records else "the store"}

    def check_stored(self) -> None:
        """Check that the suite has records."""
        self._stored()

    def _stored(self) -> tuple[Suite, list[Record], list[Cell]]:
        from bench.harness.lookup import stored

        return stored(self.suite, self.budget or None, Path(self.records) if self.records else None)

    def run(self, request: StudyRequest) -> StudyResult:
        """Read the records, correlate the metrics, and evaluate the claims; no model is run."""
        from bench.studies.agreement_claims import top_two, verdicts
        from bench.studies.agreement_matrix import Agreement, draw

        if request.network or request.images:
            raise BenchError("metric-agreement reads stored records: leave out --network and --images")
        opened, found, missing = self._stored()
        family = one_family(groups(found), request.dataset)
        cells = MeasuredCells.of(family, self.tracks)
        everything = Agreement.of(cells, self.resamples, request)
        contenders = Agreement.of(cells.contenders(), self.resamples, request) if cells.mixed else None
        name, budget = title_of(family[0].dataset), str(family[0].budget["name"])
        gone = sum(not cell_done(r) for g in family for r in g.records) + len(missing)
        where = (
            f"suite {opened.name}, {name}, budget {budget}: {len(cells.units):,} cells, {len(family)} GANs, "
            f"{len({unit[1] for unit in cells.units})} methods"
        )
        ranks = top_two(family, self.method)
        return StudyResult(
            title="Agreement of metrics",
            dataset=f"{name}, suite {opened.name}, budget {budget}",
            network=", ".join(cells.networks),
            asked=ASKED,
            measured=(f"{where}; {gone} cells failed or are missing.", *WORDS, *cells.left_out),
            tables={
                "PSNR and SSIM against the other metrics": everything.against(("psnr", "ssim"), contenders),
                "Spearman's correlation of all metrics": everything.frame(),
            },
            verdicts=verdicts(everything, ranks, self.method),
            protocol={
                "cells": [r.key for g in family for r in g.records if cell_done(r)],
                "checksum": next(
                    (r.facts.get("dataset_checksum") for g in family for r in g.records if r.facts), None
                ),
                "metrics": list(cells.metrics),
                "resamples": self.resamples,
            },
            draw=lambda: draw(everything, where),
            caption=f"Spearman's correlation over cells, each metric turned so that higher is better. {where}. "
            "A dot marks a correlation whose interval contains 0.",
            advice=f"ganinv report {self.suite} prints the records that this is drawn from.",
            folder_name=f"{name}-{opened.name}",
        )


ASKED = """\
Both papers distrust single metrics. dfi argues that PSNR and SSIM do not reflect perceptual quality, and reports
LPIPS, attribute consistency (FAC) and FID beside them. recycling proposes the PSNR of reconstructions as a measure
of GANs, and finds that its two best GANs overlap with the two best by Inception score and by MS-SSIM of pairs of
generated images."""

WORDS = (
    "A cell is one GAN, method and seed. Every metric is turned so that higher is better, then ranked over the cells "
    "that have it; a correlation of 1 means the same order. Metrics of generated images begin with own/.",
    "Intervals: 95 %, bootstrap over pairs of GAN and method, whose seeds stay together. They say what other pairs "
    "like these would give; cells that share a GAN are not independent, so that they are rather too narrow.",
    "Order: average linkage on 1 - correlation, so that metrics that agree stand together.",
)


def cell_done(record: Record) -> bool:
    """Return True if a cell has values."""
    return record.status == "done"


def one_family(found: Sequence[ResultGroup], dataset: ComponentSpec | None) -> list[ResultGroup]:
    """Return the groups of one dataset and budget, measured under one protocol.

    Args:
        found: one group per dataset, GAN and budget.
        dataset: the dataset, where there are several.

    Raises:
        UnknownName: no such dataset among the records.
        BenchError: there are several datasets or budgets, or protocols differ between GANs.
    """
    wanted = list(found)
    if dataset is not None:
        names = {name for group in found for name in (title_of(group.dataset), group.dataset["name"])}
        if dataset.name not in names:
            raise unknown("dataset", dataset.name, names, "--dataset")
        wanted = [g for g in found if dataset.name in {title_of(g.dataset), g.dataset["name"]}]
    kinds = {digest([g.dataset, g.budget]): f"{title_of(g.dataset)} at budget {g.budget['name']}" for g in wanted}
    if len(kinds) != 1:
        raise BenchError(
            f"metric-agreement compares cells of one dataset and budget, got {', '.join(kinds.values())}"
        )
    seen: dict[str, tuple[Any, str]] = {}
    for group in wanted:
        for record in filter(cell_done, group.records):
            stated = {f"protocol of {m}": p for m, p in record.protocol.items()}
            stated["dataset checksum"] = record.facts.get("dataset_checksum")
            for what, value in stated.items():
                first, other = seen.setdefault(what, (value, group.title))
                if first != value:
                    raise BenchError(f"cannot rank cells together, {what} differs: {other} and {group.title}")
    return wanted
