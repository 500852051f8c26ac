"""LPIPS and FID over the size of shifts: table, verdicts on the claims of dfi section 3.2, figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.reports import plotting
from bench.reports.formatting import shown_metric
from bench.reports.published import printed_paper
from bench.reports.verdicts import Evidence, Statement, Verdict, all_of, at_least, at_most, verdict, with_span, within
from bench.statistics import (
    RESAMPLES,
    Floats,
    Interval,
    bootstrap_means,
    jackknife_interval,
    partition,
    percentile_interval,
    percentile_intervals,
)
from bench.studies.base import StudyRequest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.studies.feature_networks import DistortedFeatures

KINDS = ("raw", "reflect")
NAMES = {"raw": "raw", "reflect": "reflected"}
LARGEST_GAP = 0.002
"""Largest difference of LPIPS with AlexNet; the printed curves differ by 0.0009 at most."""
HEADROOM = 1.45
"""Height of the LPIPS panel relative to its curves, so that the legend covers none."""
PAPER_SIDE, PAPER_MOST = 128, 12
"""Side of the paper's window and its largest shift, in pixels."""
NEGLIGIBLE = 2.0
"""FID with Inception that the paper calls almost negligible."""
C24 = Statement("C24", "dfi §3.2, Fig. 5", "LPIPS hardly differs between raw and reflection padding.")
C25 = Statement("C25", "dfi §3.2, Fig. 5", "FID is almost negligible for raw shifts, and larger for reflected ones.")
C26 = Statement("C26", "dfi §3.2, Fig. 5", "LPIPS increases with the size of the shift.")


@dataclass(frozen=True)
class TranslationCurves:
    """Curves over t = 0 … T, "raw" and "reflect" each ``[T + 1]``, with their replicates ``[R, T + 1]``.

    Attributes:
        side: side of the window, in pixels.
        floor: FID between two random halves of the originals, with the same network.
        networks: networks of the roles "lpips" and "fid".
        comparable: True if published values are comparable, so that they share an axis.
        published: LPIPS of figure 5 by kind.
    """

    lpips: Mapping[str, Floats]
    lpips_replicates: Mapping[str, Floats]
    fid: Mapping[str, Floats]
    fid_replicates: Mapping[str, Floats]
    floor: float
    side: int
    networks: Mapping[str, str]
    comparable: bool
    published: Mapping[str, Floats]

    @classmethod
    def of(
        cls, found: DistortedFeatures, request: StudyRequest, networks: Mapping[str, str], dataset: str, side: int
    ) -> TranslationCurves:
        """Compute the curves from features of the raw conditions, then the reflected ones."""
        import torch

        from bench.metrics.frechet import frechet_distance

        half = len(found.lpips) // 2
        parts = {"raw": slice(0, half), "reflect": slice(half, None)}
        replicates = bootstrap_means(found.lpips, seed=request.seed)
        fid, without = found.distances(request.seed, request.progress)
        halves = [torch.from_numpy(rows) for rows in partition(len(found.original), 2, request.seed)]
        return cls(
            {kind: found.lpips[part].mean(1) for kind, part in parts.items()},
            {kind: replicates[:, part] for kind, part in parts.items()},
            fid={kind: fid[part] for kind, part in parts.items()},
            fid_replicates={kind: without[:, part] for kind, part in parts.items()},
            floor=frechet_distance(*(found.original[rows] for rows in halves)),
            side=side,
            networks=networks,
            comparable=dataset == "celeba" and networks["lpips"] == "alex" and side == PAPER_SIDE,
            published=printed(),
        )

    @property
    def shifts(self) -> range:
        """Return every t."""
        return range(len(self.lpips["raw"]))

    @property
    def decisive_shift(self) -> int:
        """Largest t at which claims are evaluated: the paper's share of the side, at least 1."""
        return min(len(self.shifts) - 1, max(1, PAPER_MOST * self.side // PAPER_SIDE))

    def lpips_intervals(self, kind: str) -> list[Interval]:
        """Return bootstrap intervals over images."""
        return percentile_intervals(self.lpips_replicates[kind])

    def fid_intervals(self, kind: str) -> list[Interval]:
        """Return jackknife intervals."""
        from bench.studies.feature_networks import fid_intervals

        return fid_intervals(self.fid[kind], self.fid_replicates[kind])

    def frame(self) -> Any:
        """Return one row per shift, with the published LPIPS where it is known."""
        import pandas as pd

        columns: dict[str, Any] = {"t": list(self.shifts)}
        for name, values, intervals in (
            ("lpips", self.lpips, self.lpips_intervals),
            ("fid", self.fid, self.fid_intervals),
        ):
            for kind in KINDS:
                found = intervals(kind)
                columns[f"{name}_{kind}"] = values[kind]
                columns[f"{name}_{kind}_low"] = [i.low for i in found]
                columns[f"{name}_{kind}_high"] = [i.high for i in found]
        for kind in KINDS:
            known = self.published[kind]
            columns[f"published_{kind}"] = [known[t] if t < len(known) else np.nan for t in self.shifts]
        return pd.DataFrame(columns)

    def words(self) -> list[str]:
        """Describe the computation of intervals and thresholds."""
        from bench.studies.feature_networks import GROUPS

        lines = [
            f"LPIPS: mean over images, {RESAMPLES:,} paired bootstrap resamples (95 % percentile interval). FID: 95 "
            f"% interval, delete-a-group jackknife over {GROUPS} groups of images.",
            f"Claims are decided for t up to {self.decisive_shift}: the paper shifts windows of {PAPER_SIDE} pixels "
            f"by at most {PAPER_MOST}, and these have {self.side}. Larger shifts are shown and decide nothing.",
            f"Thresholds: C24, a gap of {LARGEST_GAP} through AlexNet (ours); C25, FID {NEGLIGIBLE:g} (the paper's).",
        ]
        if self.networks["lpips"] != "alex":
            tolerance, remark = self._tolerance()
            lines.append(f"C24 through another network: the gap may be {tolerance:.3g}: {remark}.")
        if self.networks["fid"] != "inception":
            lines.append(
                f"C25 through another network: negligible is at most {self.floor:.3g}, the FID between two random "
                "halves of the originals themselves; that bound is ours."
            )
        if not self.comparable:
            lines.append("Printed LPIPS (CelebA 128x128, AlexNet) is drawn for its shape; its values do not compare.")
        return lines

    def verdicts(self) -> tuple[Verdict, ...]:
        """Evaluate C24, C25 and C26, with the agreement of the published LPIPS."""
        gap = float(np.abs(self.published["raw"] - self.published["reflect"]).max())
        rising = all((np.diff(self.published[kind]) > 0).all() for kind in KINDS)
        return (
            verdict(C24, [self._gap()], gap <= LARGEST_GAP),
            verdict(C25, [self._negligible(), self._above()]),
            verdict(C26, [self._rising(kind) for kind in KINDS], rising),
        )

    def _tolerance(self) -> tuple[float, str]:
        """Return the tolerance for these networks, and the reason that it differs from that of AlexNet."""
        if self.networks["lpips"] == "alex":
            return LARGEST_GAP, ""
        ours = float(self.lpips["raw"][self.decisive_shift])
        scaled = self.decisive_shift * PAPER_SIDE / self.side
        theirs = float(np.interp(scaled, range(len(self.published["raw"])), self.published["raw"]))
        remark = (
            f"{shown_metric('lpips@' + self.networks['lpips'])} has another scale than AlexNet's: {LARGEST_GAP} is "
            f"scaled to the same share of it at t = {self.decisive_shift} ({LARGEST_GAP / theirs:.1%} of {ours:.4g})"
        )
        return LARGEST_GAP / theirs * ours, remark

    def _gap(self) -> Evidence:
        tolerance, remark = self._tolerance()
        spread = self.lpips_replicates["raw"] - self.lpips_replicates["reflect"]
        gaps = (self.lpips["raw"] - self.lpips["reflect"])[: self.decisive_shift + 1]
        intervals = [percentile_interval(spread[:, t]) for t in range(len(gaps))]
        worst = int(np.abs(gaps).argmax())
        outcome = all_of(within(interval, tolerance) for interval in intervals)
        detail = f"largest gap raw - reflected {with_span(gaps[worst], intervals[worst], '+')} at t = {worst}"
        return Evidence(
            f"the gap is at most {tolerance:.4g} at each t ≤ {self.decisive_shift}", outcome, detail, remark
        )

    def _negligible(self) -> Evidence:
        inception = self.networks["fid"] == "inception"
        bound = NEGLIGIBLE if inception else self.floor
        shown = shown_metric(f"fid@{self.networks['fid']}")
        remark = "" if inception else f"{shown} against its own sampling floor, not Inception's 2"
        intervals = self.fid_intervals("raw")[: self.decisive_shift + 1]
        worst = int(self.fid["raw"][: self.decisive_shift + 1].argmax())
        outcome = all_of(at_most(interval, bound) for interval in intervals)
        detail = f"largest {with_span(self.fid['raw'][worst], intervals[worst])} at t = {worst}"
        return Evidence(
            f"FID of raw shifts is at most {bound:.4g} at each t ≤ {self.decisive_shift}", outcome, detail, remark
        )

    def _above(self) -> Evidence:
        gaps = self.fid["reflect"] - self.fid["raw"]
        spread = self.fid_replicates["reflect"] - self.fid_replicates["raw"]
        intervals = [jackknife_interval(float(gaps[t]), spread[:, t]) for t in self.shifts[1:]]
        outcomes = [at_least(interval, 0.0) for interval in intervals]
        least = int(gaps[1 : self.decisive_shift + 1].argmin())
        gap = with_span(gaps[least + 1], intervals[least], "+")
        detail = f"smallest gap {gap} at t = {least + 1}{self._beyond(outcomes)}"
        question = (
            f"FID of reflected shifts is larger than that of raw ones at each t from 1 to {self.decisive_shift}"
        )
        return Evidence(question, all_of(outcomes[: self.decisive_shift]), detail)

    def _rising(self, kind: str) -> Evidence:
        steps = np.diff(self.lpips[kind])
        spread = np.diff(self.lpips_replicates[kind], axis=1)
        intervals = [percentile_interval(spread[:, t]) for t in range(len(steps))]
        outcomes = [at_least(interval, 0.0) for interval in intervals]
        least = int(steps[: self.decisive_shift].argmin())
        step = with_span(steps[least], intervals[least], "+")
        detail = f"smallest step {step}, to t = {least + 1}{self._beyond(outcomes)}"
        question = f"LPIPS of {NAMES[kind]} shifts rises at each t up to {self.decisive_shift}"
        return Evidence(question, all_of(outcomes[: self.decisive_shift]), detail)

    def _beyond(self, outcomes: Sequence[str]) -> str:
        """Describe the outcome at shifts beyond the evaluated ones."""
        rest = outcomes[self.decisive_shift :]
        if not rest:
            return ""
        counts = ", ".join(f"{rest.count(each)} {each}" for each in dict.fromkeys(rest))
        return f"; beyond, of {len(rest)} larger t: {counts}"


def printed() -> dict[str, Floats]:
    """Return LPIPS of figure 5 by kind, at t = 0 … 12."""
    tables = {table.name: table for table in printed_paper("dfi").tables}
    values = {row.method: row.value for row in tables["Fig5"].rows}
    count = len(values) // len(KINDS)
    return {kind: np.array([values[f"{kind}_t{t}"] for t in range(count)]) for kind in KINDS}


def draw(found: TranslationCurves, examples: Mapping[str, np.ndarray[Any, Any]], where: str) -> Figure:
    """Draw both curves side by side, and examples below."""
    figure = plotting.canvas(8.0, 5.6, f"Random translation: {where}")
    upper, lower = plotting.halves(figure, (1.8, 1.0))
    left, right = upper.subplots(1, 2)
    _lpips_panel(left, found)
    for kind, colour, marker in zip(KINDS, (plotting.GREEN, plotting.ORANGE), ("o", "s"), strict=True):
        name = NAMES[kind]
        plotting.curve(
            right,
            found.shifts,
            y=found.fid[kind],
            colour=colour,
            label=f"FID, {name}",
            intervals=found.fid_intervals(kind),
            style="-",
            marker=marker,
        )
    bound = NEGLIGIBLE if found.networks["fid"] == "inception" else found.floor
    what = "the paper's bound, 2" if found.networks["fid"] == "inception" else "two halves of the originals"
    right.axhline(bound, linestyle=":", color=plotting.GREY, linewidth=1.0, label=what)
    plotting.dress(right, "largest shift t, pixels", "FID (lower is closer)")
    _shade(right, found)
    plotting.legend(right, "upper left")
    count = len(next(iter(examples.values())))
    grid = lower.subplots(1, count * len(examples), squeeze=False)[0]
    for number in range(count):
        part = grid[number * len(examples) : (number + 1) * len(examples)]
        plotting.strip(list(part), np.stack([shown[number] for shown in examples.values()]), list(examples))
    return figure


def _lpips_panel(axes: Axes, found: TranslationCurves) -> None:
    for kind, colour, marker in zip(KINDS, (plotting.BLUE, plotting.VIOLET), ("o", "s"), strict=True):
        name = NAMES[kind]
        style = "-" if kind == "raw" else "--"
        values, intervals = found.lpips[kind], found.lpips_intervals(kind)
        plotting.curve(
            axes,
            found.shifts,
            y=values,
            colour=colour,
            label=f"LPIPS, {name}",
            intervals=intervals,
            style=style,
            marker=marker,
        )
    plotting.dress(axes, "largest shift t, pixels", "LPIPS (lower is closer)")
    axes.set_ylim(top=HEADROOM * axes.get_ylim()[1])
    _shade(axes, found)
    known = found.published["raw"]
    beside = axes if found.comparable else axes.twinx()
    label = "published, raw: CelebA, AlexNet" + ("" if found.comparable else " (right axis)")
    plotting.curve(beside, range(len(known)), y=known, colour=plotting.GREY, label=label, style=":", marker="x")
    handles, labels = axes.get_legend_handles_labels()
    if not found.comparable:
        beside.set_ylabel("published LPIPS", fontsize=8, color=plotting.GREY)
        beside.tick_params(labelsize=7.5, colors=plotting.GREY)
        beside.spines["top"].set_visible(False)
        low, high = axes.get_ylim()
        top = HEADROOM * 1.05 * known.max()
        beside.set_ylim(top * low / high, top)  # align the zeros of both axes
        more, texts = beside.get_legend_handles_labels()
        handles, labels = [*handles, *more], [*labels, *texts]
    axes.legend(handles, labels, fontsize=7.5, frameon=False, loc="upper left")


def _shade(axes: Axes, found: TranslationCurves) -> None:
    """Mark the shifts at which claims are not evaluated."""
    if found.decisive_shift < len(found.shifts) - 1:
        ends = (found.decisive_shift, len(found.shifts) - 1)
        axes.axvspan(
            *ends, color=plotting.GREY, alpha=0.12, linewidth=0, label="beyond the paper's share of the side"
        )
