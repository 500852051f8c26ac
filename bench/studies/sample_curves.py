"""Metrics over the number of images: table, the 1/N line of FID, verdicts, figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.reports import plotting
from bench.reports.verdicts import Evidence, Statement, Verdict, all_of, at_most, verdict, with_span, within
from bench.statistics import Floats, Interval, t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METRICS = ("psnr", "ssim", "fid", "fid_unpaired", "kid")
SMALL, LARGE = 1_000, 10_000
SHARE = 0.10
"""Allowed relative difference of FID on 1,000 images from FID on 10,000 (our choice)."""
DECIBELS = 0.3
"""Allowed difference of PSNR between 100 and 10,000 images (our choice)."""
C27 = Statement("C27", "dfi §3.2", "FID of reconstructions is reliable even for few test images.")
C36 = Statement("C36", "recycling §4", "The reconstruction error hardly changes from 100 to 10,000 test images.")
NORMAL = 1.96


@dataclass(frozen=True)
class SampleSizeCurves:
    """Values of every subset, and the spread of PSNR over single images.

    Attributes:
        values: metric -> size -> one value a subset.
        disjoint: size -> True if its subsets are disjoint.
        psnr_sd: standard deviation of PSNR over images, and its bootstrap interval.
    """

    values: Mapping[str, Mapping[int, Floats]]
    disjoint: Mapping[int, bool]
    psnr_sd: float
    psnr_sd_interval: Interval

    @classmethod
    def of(cls, rows: Iterable[tuple[int, bool, dict[str, float]]], psnr: Floats, seed: int) -> SampleSizeCurves:
        """Collect the values of every subset, and PSNR of every image ``[N]``."""
        found = list(rows)
        sizes = dict.fromkeys(size for size, _, _ in found)
        values = {m: {n: np.array([v[m] for size, _, v in found if size == n]) for n in sizes} for m in METRICS}
        rng = np.random.RandomState(seed)
        spreads = [psnr[rng.randint(len(psnr), size=len(psnr))].std(ddof=1) for _ in range(500)]
        low, high = np.quantile(spreads, [0.025, 0.975])
        return cls(
            values, {size: d for size, d, _ in found}, float(psnr.std(ddof=1)), Interval(float(low), float(high))
        )

    @property
    def sizes(self) -> list[int]:
        """Return the numbers of images, rising; the last is all of them."""
        return list(self.disjoint)

    def means(self, metric: str) -> Floats:
        """Return the mean over the subsets of each size."""
        return np.array([values.mean() for values in self.values[metric].values()])

    def spreads(self, metric: str) -> Floats:
        """Return the standard deviation over the subsets of each size; NaN for a single one."""
        return np.array([v.std(ddof=1) if len(v) > 1 else np.nan for v in self.values[metric].values()])

    def line(self, metric: str) -> tuple[float, float]:
        """Fit f and a of f + a / n to the values of every subset by least squares; unpaired sides hold n / 2 each."""
        held = 2 if metric == "fid_unpaired" else 1
        x = np.concatenate([np.full(len(v), held / n) for n, v in self.values[metric].items()])
        slope, start = np.polyfit(x, np.concatenate(list(self.values[metric].values())), 1)
        return float(start), float(slope)

    def frame(self) -> Any:
        """Return one row per size."""
        import pandas as pd

        columns: dict[str, Any] = {
            "images": self.sizes,
            "subsets": [len(self.values["psnr"][n]) for n in self.sizes],
            "disjoint": ["yes" if self.disjoint[n] else "no" for n in self.sizes],
        }
        for metric in METRICS:
            columns[metric] = self.means(metric)
            columns[f"{metric}_sd"] = self.spreads(metric)
        return pd.DataFrame(columns)

    def words(self, kid_subset: int) -> list[str]:
        """Describe the computation of subsets, intervals and lines."""
        (paired, a), (unpaired, b) = self.line("fid"), self.line("fid_unpaired")
        return [
            "Subsets of a size are disjoint where so many fit, else drawn at random without replacement within each; "
            "overlapping subsets are more alike than fresh ones would be.",
            "fid: images against their own reconstructions. fid_unpaired: one half of a subset's images against the "
            "reconstructions of its other half, n / 2 on each side, as FID between unrelated sets is taken.",
            f"FID = f + a / n, n images a side, by least squares: paired f = {paired:.4g}, a = {a:.4g}; unpaired "
            f"f = {unpaired:.4g}, a = {b:.4g}.",
            f"KID: 100 subsets of {kid_subset} images at every n, so that n changes their choice and not their size. "
            f"Near n = {kid_subset} both sides hold the same images, alike pair by pair, which lowers KID.",
            f"Thresholds of ours: FID on {SMALL:,} images within {SHARE:.0%} of all; PSNR within {DECIBELS} dB.",
        ]

    def verdicts(self) -> tuple[Verdict, ...]:
        """Evaluate C27 and C36."""
        return verdict(C27, [self._fid()]), verdict(C36, [self._psnr()])

    def _fid(self) -> Evidence:
        last = self.sizes[-1]
        question = f"FID on {SMALL:,} images is within {SHARE:.0%} of FID on {last:,}"
        if SMALL not in self.values["fid"] or last < 2 * SMALL:
            reason = f"it takes size {SMALL:,} and at least {2 * SMALL:,} test images, here are {last:,}"
            return Evidence(question, "not measured", reason)
        whole = float(self.values["fid"][last][0])
        shares = self.values["fid"][SMALL] / whole - 1
        interval = t_interval(shares)
        inside = int((np.abs(shares) <= SHARE).sum())
        count, kind = len(shares), "disjoint" if self.disjoint[SMALL] else "overlapping"
        unpaired = self.values["fid_unpaired"]
        apart = float(unpaired[SMALL].mean() / unpaired[last].mean() - 1)
        percent = with_span(100 * float(shares.mean()), t_interval(100 * shares), "+")
        detail = (
            f"{percent} % over {count} {kind} subsets, of which {inside} lie within; "
            f"unpaired sets differ by {apart:+.1%}"
        )
        return Evidence(question, within(interval, SHARE), detail, _stand_in(last))

    def _psnr(self) -> Evidence:
        """PSNR of a subset of n of N images is within 1.96 sd √((1/n)(1 - n/N)) of that of all in 95 of 100 cases."""
        last = self.sizes[-1]
        sizes = [size for size in self.sizes if size < last]
        reach = {n: NORMAL * np.sqrt((1 - n / last) / n) for n in sizes}
        sd = self.psnr_sd_interval
        outcomes = [at_most(Interval(sd.low * r, sd.high * r), DECIBELS) for r in reach.values()]
        first = next((n for n, o in zip(sizes, outcomes, strict=True) if o == "holds"), None)
        shown = ", ".join(f"{self.psnr_sd * r:.2f} dB at {n:,}" for n, r in list(reach.items())[:4])
        seen = max(float(np.abs(self.values["psnr"][n] - self.values["psnr"][last][0]).max()) for n in sizes)
        means = self.means("psnr")
        detail = (
            f"95 of 100 subsets lie within {shown} of all images (sd {self.psnr_sd:.2f} dB an image); it holds from "
            f"{'no size' if first is None else f'{first:,} images'} up; largest move seen {seen:.2f} dB, of the mean "
            f"over subsets {np.abs(means - means[-1]).max():.2f} dB"
        )
        question = f"PSNR on n images is within {DECIBELS} dB of PSNR on {last:,}, in 95 of 100 subsets, for each n"
        return Evidence(question, all_of(outcomes), detail, _stand_in(last))


def _stand_in(last: int) -> str:
    return "" if last == LARGE else f"{last:,} images stand in for {LARGE:,}"


def draw(found: SampleSizeCurves, where: str) -> Figure:
    """Draw four panels over the number of images."""
    figure = plotting.canvas(8.0, 5.8, f"Sample size: {where}")
    panels = figure.subplots(2, 2).ravel()
    _panel(panels[0], found, metrics=["psnr"], label="PSNR, dB (higher is better)", tolerance=DECIBELS)
    _panel(panels[1], found, ["ssim"], "SSIM (higher is better)")
    whole = float(found.values["fid"][found.sizes[-1]][0])
    _panel(panels[2], found, metrics=["fid", "fid_unpaired"], label="FID (lower is better)", tolerance=SHARE * whole)
    _panel(panels[3], found, ["kid"], "KID (lower is better)")
    return figure


LABELS = {
    "fid": "paired: images, their own reconstructions",
    "fid_unpaired": "unpaired: images, reconstructions of others",
}


def _panel(axes: Axes, found: SampleSizeCurves, metrics: Sequence[str], label: str, tolerance: float = 0.0) -> None:
    colours = {"fid": plotting.ORANGE, "fid_unpaired": plotting.GREY, "kid": plotting.GREEN, "ssim": plotting.VIOLET}
    sizes = np.array(found.sizes, float)
    if tolerance:
        last = float(found.values[metrics[0]][found.sizes[-1]][0])
        shown = f"±{tolerance:g} dB" if metrics[0] == "psnr" else f"±{SHARE:.0%}"
        axes.axhspan(last - tolerance, last + tolerance, color=plotting.GREY, alpha=0.13, linewidth=0, label=shown)
    for metric in metrics:
        held = 2 if metric == "fid_unpaired" else 1
        colour = colours.get(metric, plotting.BLUE)
        for size, values in found.values[metric].items():
            axes.plot([size / held] * len(values), values, ".", color=colour, alpha=0.35, markersize=4)
        plotting.curve(
            axes, sizes / held, y=found.means(metric), colour=colour, label=LABELS.get(metric, "mean of subsets")
        )
        if metric.startswith("fid"):
            start, slope = found.line(metric)
            x = np.geomspace(sizes[0], sizes[-1], 60) / held
            axes.plot(
                x, start + slope / x, ":", color=colour, linewidth=1.2, label=f"{start:.3g} + {slope:.3g}/n (fit)"
            )
    axes.set_xscale("log")
    plotting.dress(axes, "images on each side n (log); dots: subsets", label)
    plotting.legend(axes)
