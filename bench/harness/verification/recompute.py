"""Recomputation of metrics from stored codes by outside libraries: of sampled images, and of whole sets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.core.record_values import rows_of
from bench.harness.verification.entries import StoredEntry
from bench.harness.verification.findings import CheckTally, Finding
from bench.harness.verification.generators import Contradiction, NotHere, StoredDecoder, Workshop
from bench.harness.verification.outside import OUTSIDE, OutsideMetric, SampledPairs, tensor_of
from bench.harness.verification.outside_sets import OUTSIDE_SETS, OutsideSetMetric, set_metric
from bench.metrics.base import to_u8
from bench.metrics.evaluation import batch_size
from bench.reports.gallery import gallery

SETS = 4
"""Records of a folder whose distances of whole sets are recomputed; each needs all of its images."""
PIXELS_APART = 0.01
"""Share of pixels of stored pictures that may round to the next level."""


@dataclass
class Recomputation:
    """Metrics of the sampled records of one folder, computed anew.

    Attributes:
        place: name of the folder, for findings.
        workshop: opens generators, datasets and codes.
        rng: draws the sample.
        sample: images of each record and track.
        sets: records whose set metrics are computed.
    """

    place: str
    workshop: Workshop
    rng: np.random.Generator
    sample: int
    sets: int = SETS
    metrics: dict[str, CheckTally] = field(default_factory=dict)
    widest: dict[str, float] = field(default_factory=dict)
    pictures: CheckTally = field(default_factory=lambda: CheckTally("pictures"))
    opened: CheckTally = field(default_factory=lambda: CheckTally("generator, data and codes"))
    absent: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    def add(self, entry: StoredEntry) -> None:
        """Recompute the metrics of one record."""
        try:
            decoder = self.workshop.decoder(entry)
        except NotHere as reason:
            text = " ".join(str(reason).split())
            kind = text.replace(entry.title, "a record")
            self.absent[kind] = self.absent.get(kind, 0) + 1
            return
        except Contradiction as fault:
            self.opened.fault(str(fault))
            return
        self.opened.note("")
        try:
            for track in decoder.targets:
                if track in decoder.codes and track in entry.content["metrics"]:
                    self._add_track(entry, decoder, track)
            if "own" in entry.content["metrics"] and "own" not in decoder.targets:
                self._skip("own images, which another kind of device drew")
            self._add_pictures(entry, decoder)
        except BenchError as error:
            self.opened.fault(f"{entry.title}: {error}")

    def findings(self) -> list[Finding]:
        """Return one finding for each metric, and what was not here or not checked."""
        count = self.opened.good
        good = f"those of {count} records have the stated checksums"
        found = self.opened.findings(good, self.place)
        for name, tally in sorted(self.metrics.items()):
            far = f", at most {self.widest[name]:.2g} apart" if name in self.widest else ""
            found += tally.findings(f"{tally.good:,} values agree{far}", self.place)
        found += self.pictures.findings(
            f"those of {self.pictures.good} records are what their codes give", self.place
        )
        found += [
            Finding("not here", "codes", f"{text} ({number})", self.place) for text, number in self.absent.items()
        ]
        for text, number in self.unknown.items():
            found.append(Finding("not checked", "metrics", f"{text} ({number})", self.place))
        return found

    # ------------------------------------------------------------------------------------------------- parts

    def _skip(self, what: str) -> None:
        self.unknown[what] = self.unknown.get(what, 0) + 1

    def _tally(self, name: str, outside: OutsideMetric | OutsideSetMetric) -> CheckTally:
        check = f"{name} ({outside.package})"
        return self.metrics.setdefault(check, CheckTally(check))

    def _widen(self, tally: CheckTally, gap: float) -> None:
        self.widest[tally.check] = max(self.widest.get(tally.check, 0.0), gap)

    def _add_track(self, entry: StoredEntry, decoder: StoredDecoder, track: str) -> None:
        count = len(decoder.codes[track])
        rows = np.sort(self.rng.choice(count, min(self.sample, count), replace=False))
        pairs, columns = _pairs(decoder, track, rows), entry.columns
        stated = entry.content["metrics"][track]
        for name in stated:
            base = name.partition("@")[0]
            outside = OUTSIDE.get(base)
            if columns is None or name not in columns or outside is None:
                continue
            values = columns[name][rows_of(columns, track)][rows].astype(np.float64)
            self._compare(entry, f"{track}/{name}", outside=outside, stated=values, pairs=pairs, half=decoder.half)
        whole = count == len(decoder.targets[track])
        for name in [n for n in stated if n.partition("@")[0] not in OUTSIDE]:
            if name.partition("@")[0] not in OUTSIDE_SETS:
                self._skip(f"{name}: no outside library here has it; --rerun measures it again")
            elif not whole:
                self._skip(f"{name}: only the codes of some images are here")
            elif self.sets > 0:
                self._compare_set(entry, decoder, track, name)
        self.sets -= track == "test" and any(n.partition("@")[0] in OUTSIDE_SETS for n in stated)

    def _compare(
        self,
        entry: StoredEntry,
        where: str,
        outside: OutsideMetric,
        stated: NDArray[np.float64],
        pairs: SampledPairs,
        half: bool,
    ) -> None:
        name = where.partition("/")[2]
        tally = self._tally(name, outside)
        try:
            computed = outside.compute(pairs, name.partition("@")[2])
            ceiling = entry.content["protocol"].get(name, {}).get("ceiling")
            computed = computed if ceiling is None else np.minimum(computed, ceiling)
        except ImportError as error:
            self._skip(f"{name}: {error}")
            return
        slack = outside.half if half else 1.0
        for row, (one, other) in enumerate(zip(stated, computed, strict=True)):
            allowed = slack * (outside.absolute + outside.relative * abs(other))
            same = one == other or abs(one - other) <= allowed or _both_beyond(one, other, name)
            if math.isfinite(one) and math.isfinite(other):
                self._widen(tally, abs(one - other))
            text = f"{entry.title}: {where} of sampled image {row} is {one:.6g}, recomputed {other:.6g}"
            tally.note("" if same else text)

    def _compare_set(self, entry: StoredEntry, decoder: StoredDecoder, track: str, name: str) -> None:
        outside = OUTSIDE_SETS[name.partition("@")[0]]
        tally = self._tally(name, outside)
        sides = _whole(decoder, track)
        summary = entry.content["metrics"][track][name]
        try:
            computed, spread = set_metric(name, sides)
        except ImportError as error:
            self._skip(f"{name}: {error}")
            return
        allowed = (outside.half if decoder.half else 1.0) * (
            outside.absolute + outside.relative * abs(computed)
        ) + spread
        gap = abs(float(summary["value"]) - computed)
        self._widen(tally, gap)
        text = f"{entry.title}: {track}/{name} is {summary['value']:.6g}, recomputed {computed:.6g}"
        tally.note("" if gap <= allowed else text)

    def _add_pictures(self, entry: StoredEntry, decoder: StoredDecoder) -> None:
        stored = gallery(entry.record())
        if stored is None or "test" not in decoder.codes:
            return
        target, output = stored
        rows = np.arange(min(len(target), len(decoder.codes["test"])))
        expected = _pairs(decoder, "test", rows).levels
        if target.shape[1:] != expected[0].shape[1:]:
            self.pictures.fault(f"{entry.title}: its pictures have another size")
            return
        far = np.abs(output[: len(rows)].astype(int) - expected[1].astype(int))
        levels = 8 if decoder.half else 1
        same = np.array_equal(target[: len(rows)], expected[0])
        same = same and far.max() <= levels and (far > 0).mean() <= PIXELS_APART * levels**2
        self.pictures.note("" if same else f"{entry.title}: its pictures are not what its codes give")


def _both_beyond(one: float, other: float, name: str) -> bool:
    """Return True if a PSNR of identical images meets one of images that differ by rounding in a few pixels."""
    return name == "psnr" and max(one, other) == math.inf and min(one, other) > 60


@torch.no_grad()
def _pairs(decoder: StoredDecoder, track: str, rows: NDArray[np.intp]) -> SampledPairs:
    images, index = decoder.targets[track], torch.from_numpy(rows)
    device = next(iter(decoder.gan.generator.parameters())).device
    codes = decoder.codes[track][index].to(device)
    parts = [decoder.gan.decode(part) for part in codes.split(batch_size(images.shape))]
    truth = decoder.true_codes if track == "own" else None
    return SampledPairs(
        target=tensor_of(images.floats(index.to(images.data.device))),
        output=tensor_of(torch.cat(parts)),
        codes=codes.double().cpu().numpy(),
        true_codes=None if truth is None else truth[index.to(truth.device)].double().cpu().numpy(),
        labels=None if images.labels is None else images.labels[index].cpu().numpy(),
        prior=decoder.gan.prior,
    )


@torch.no_grad()
def _whole(decoder: StoredDecoder, track: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield targets and outputs of all images of a track, batch by batch, as uint8."""
    images, codes = decoder.targets[track], decoder.codes[track]
    device = next(iter(decoder.gan.generator.parameters())).device
    for rows, target in images.batches(batch_size(images.shape)):
        yield to_u8(target).cpu(), to_u8(decoder.gan.decode(codes[rows].to(device))).cpu()
