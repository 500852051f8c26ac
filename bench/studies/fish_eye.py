"""LPIPS and FID against the strength of a fish-eye distortion (dfi, section 3.2, figures 2 and 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.registry import study
from bench.core.types import ComponentSpec
from bench.reports import plotting
from bench.reports.verdicts import Evidence, Statement, Verdict, all_of, at_least, verdict, with_span
from bench.statistics import (
    RESAMPLES,
    Floats,
    Interval,
    bootstrap_means,
    jackknife_interval,
    percentile_interval,
    percentile_intervals,
    r_squared,
    slope_changes,
)
from bench.studies.base import Study, StudyRequest, StudyResult, words_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from bench.studies.feature_networks import DistortedFeatures

C23 = Statement(
    "C23",
    "dfi §3.2, Fig. 3",
    "Under a fish-eye lens LPIPS grows linearly with the coefficient, FID slowly at first and then fast.",
)
LINEAR = 0.95
"""Lowest R² of a curve that counts as a straight line (our choice)."""
MILD, HARSH = 0.3, 0.5
"""Coefficients that the paper compares; FID at the first has to be below half of that at the second."""
EXAMPLES = 3


@study("fish-eye")
@dataclass
class FishEye(Study):
    """LPIPS and FID of test images against fish-eye distorted copies of themselves (C23).

    Attributes:
        coefficients: coefficients of the distortion, rising; 0 leaves the image unchanged.
    """

    coefficients: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)

    def __post_init__(self) -> None:
        found = self.coefficients
        if len(found) < 3 or list(found) != sorted(set(found)) or not (found[0] >= 0 and found[-1] <= 1):
            raise ValueError(f"coefficients = {list(found)}: expected 3 or more rising numbers from 0 to 1")

    def run(self, request: StudyRequest) -> StudyResult:
        """Distort the images, compute LPIPS and FID, and evaluate the claim."""
        from bench.studies import feature_networks

        choice = request.dataset or ComponentSpec(self.default_dataset)
        networks = feature_networks.choose_networks(request, ("lpips", "fid"), choice.name)
        data = feature_networks.open_data(choice)
        images = data.test.first(request.count(len(data.test), feature_networks.FEWEST_IMAGES, words_of(choice)))
        extractors = feature_networks.FeatureExtractors(networks, images.shape, request.device)
        found = feature_networks.compare(
            extractors, images.data, self._distort, conditions=len(self.coefficients), progress=request.progress
        )
        measured = LensCurves.of(self.coefficients, found, request)
        sides = "x".join(map(str, images.shape[1:]))
        where = f"{words_of(choice)}, {len(images):,} test images of {sides}"
        return StudyResult(
            title="Fish-eye distortion",
            dataset=words_of(choice),
            network=extractors.title,
            asked=ASKED,
            measured=_how(extractors.shown, where, len(images)),
            tables={"LPIPS and FID by coefficient": measured.frame()},
            verdicts=(measured.verdict(),),
            protocol={
                "images": len(images),
                "shape": list(images.shape),
                "checksum": images.checksum,
                "networks": extractors.protocol(),
                "groups": feature_networks.GROUPS,
                "resamples": RESAMPLES,
                "transform": "bench.studies.transforms.fish_eye, nearest source pixel, black outside",
            },
            draw=lambda: _draw(measured, images.data[:EXAMPLES], f"{where}, {extractors.shown}"),
            caption=f"LPIPS and FID between test images and their distorted copies. {where}; {extractors.shown}.",
            advice="See ganinv study translation for shifts of the same images.",
        )

    def _distort(self, images: Tensor, rows: slice) -> Iterator[Tensor]:
        from bench.studies.transforms import fish_eye

        yield images
        for coefficient in self.coefficients:
            yield fish_eye(images, coefficient)


ASKED = """\
The paper argues that LPIPS is too sensitive to small structural changes and that FID is not: under a fish-eye lens
LPIPS grows in proportion to the coefficient, whereas FID stays low while images look alike and rises when they look
distorted."""


def _how(networks: str, where: str, count: int) -> tuple[str, ...]:
    from bench.studies.feature_networks import GROUPS

    return (
        f"Each of {count:,} test images against its own distorted copy; {where}; {networks}.",
        "Distortion: output pixel at (x, y) in [-1, 1]² shows the source at (x, y) / (1 - c r²); black outside.",
        f"LPIPS: mean over images, {RESAMPLES:,} bootstrap resamples of the images (95 % percentile interval).",
        f"FID: features of originals against those of distorted images, equal N; 95 % interval from a "
        f"delete-a-group jackknife over {GROUPS} groups of images, both sides together.",
        f"Thresholds of ours: R² of at least {LINEAR}; FID({MILD}) under half of FID({HARSH}).",
    )


@dataclass(frozen=True)
class LensCurves:
    """LPIPS and FID over the coefficients ``[K]``, with their replicates ``[R, K]``."""

    coefficients: tuple[float, ...]
    lpips: Floats
    lpips_replicates: Floats
    fid: Floats
    fid_replicates: Floats

    @classmethod
    def of(cls, coefficients: tuple[float, ...], found: DistortedFeatures, request: StudyRequest) -> LensCurves:
        """Compute the curves from features of the images."""
        replicates = bootstrap_means(found.lpips, seed=request.seed)
        fid, without = found.distances(request.seed, request.progress)
        return cls(coefficients, found.lpips.mean(1), lpips_replicates=replicates, fid=fid, fid_replicates=without)

    @property
    def lpips_intervals(self) -> list[Interval]:
        """Return bootstrap intervals over images."""
        return percentile_intervals(self.lpips_replicates)

    @property
    def fid_intervals(self) -> list[Interval]:
        """Return jackknife intervals."""
        from bench.studies.feature_networks import fid_intervals

        return fid_intervals(self.fid, self.fid_replicates)

    def frame(self) -> Any:
        """Return one row per coefficient."""
        import pandas as pd

        lpips, fid = self.lpips_intervals, self.fid_intervals
        return pd.DataFrame(
            {
                "coefficient": self.coefficients,
                "lpips": self.lpips,
                "lpips_low": [i.low for i in lpips],
                "lpips_high": [i.high for i in lpips],
                "fid": self.fid,
                "fid_low": [i.low for i in fid],
                "fid_high": [i.high for i in fid],
            }
        )

    def verdict(self) -> Verdict:
        """Evaluate C23: LPIPS is linear, FID is convex and low where the distortion is mild."""
        return verdict(C23, (self._linear(), self._convex(), self._low_when_mild()))

    def _linear(self) -> Evidence:
        value = float(r_squared(self.coefficients, self.lpips))
        interval = percentile_interval(r_squared(self.coefficients, self.lpips_replicates))
        detail = f"R² {with_span(value, interval)} over images"
        return Evidence(f"LPIPS is linear in c: R² ≥ {LINEAR}", at_least(interval, LINEAR), detail)

    def _convex(self) -> Evidence:
        changes = slope_changes(self.coefficients, self.fid)
        spread = slope_changes(self.coefficients, self.fid_replicates)
        intervals = [jackknife_interval(float(v), spread[:, i]) for i, v in enumerate(changes)]
        shown = ", ".join(with_span(float(v), i, "+") for v, i in zip(changes, intervals, strict=True))
        outcome = all_of(at_least(interval, 0.0) for interval in intervals)
        return Evidence(
            "FID is convex in c: no slope is smaller than the one before", outcome, f"slopes change by {shown}"
        )

    def _low_when_mild(self) -> Evidence:
        question = f"FID({MILD}) is under half of FID({HARSH})"
        places = [i for c in (MILD, HARSH) for i, known in enumerate(self.coefficients) if abs(known - c) < 1e-9]
        if len(places) < 2:
            return Evidence(question, "not measured", f"coefficients {MILD} and {HARSH} were not both measured")
        mild, harsh = places
        left = float(self.fid[harsh] / 2 - self.fid[mild])
        interval = jackknife_interval(left, self.fid_replicates[:, harsh] / 2 - self.fid_replicates[:, mild])
        values = f"FID {self.fid[mild]:.4g} against {self.fid[harsh]:.4g}"
        detail = f"{values}; half of the latter is larger by {with_span(left, interval)}"
        return Evidence(question, at_least(interval, 0.0), detail)


def _draw(found: LensCurves, examples: Tensor, where: str) -> Figure:
    from bench.studies.transforms import fish_eye

    figure = plotting.canvas(8.0, 5.6, f"Fish-eye distortion: {where}")
    upper, lower = plotting.halves(figure, (1.25, 1.0))
    left, right = upper.subplots(1, 2)
    x = np.asarray(found.coefficients)
    slope, start = np.polyfit(x, found.lpips, 1)
    r2 = float(r_squared(x, found.lpips))
    left.plot(x, start + slope * x, "--", color=plotting.GREY, linewidth=1.0, label=f"straight line, R² = {r2:.3f}")
    plotting.curve(
        left, x, y=found.lpips, colour=plotting.BLUE, label="LPIPS, 95 % band", intervals=found.lpips_intervals
    )
    plotting.dress(left, "fish-eye coefficient c", "LPIPS (lower is closer)")
    plotting.curve(
        right,
        x,
        y=found.fid,
        colour=plotting.ORANGE,
        label="FID, 95 % band",
        intervals=found.fid_intervals,
        marker="s",
    )
    for place in np.flatnonzero(np.isclose(x, HARSH)):
        half = float(found.fid[place]) / 2
        right.axhline(half, linestyle=":", color=plotting.GREY, linewidth=1.0, label=f"half of FID({HARSH})")
    plotting.dress(right, "fish-eye coefficient c", "FID (lower is closer)")
    for axes in (left, right):
        plotting.legend(axes, "upper left")
    grid = lower.subplots(len(examples), len(x), squeeze=False, gridspec_kw={"wspace": 0.03, "hspace": 0.03})
    shown = np.stack([fish_eye(examples, c).cpu().numpy() for c in found.coefficients])
    for row in range(len(examples)):
        captions = [f"c = {c:g}" for c in x] if row == 0 else [""] * len(x)
        plotting.strip(list(grid[row]), shown[:, row], captions)
    return figure
