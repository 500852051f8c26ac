"""The window in SCGAN's images compared with inversion of the window alone: numbers, verdict and figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from bench.core.types import Gan, Images
from bench.gans.scgan_networks import Window, networks_of
from bench.harness.bound_method import batch_size
from bench.metrics.base import to_u8
from bench.reports import plotting
from bench.reports.published import printed_paper
from bench.reports.verdicts import Evidence, Statement, Verdict, verdict, with_span, within
from bench.statistics import (
    RESAMPLES,
    Floats,
    Interval,
    bootstrap_means,
    jackknife_interval,
    percentile_interval,
    percentile_intervals,
)
from bench.studies.base import StudyRequest
from bench.studies.feature_networks import GROUPS, OF_PAPERS, DistortedFeatures, fid_intervals

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

C22 = Statement("C22", "dfi §4.8", "SCGAN redraws its window as well as plain DFI: LPIPS and FID hardly differ.")
TOLERANCE = {"lpips": 0.005, "fid": 1.0}
"""Tolerances for "hardly differ"; the printed values differ by 0.0027 and 0.46 at most."""
BASELINE, CROP, OTHER = "y_center", "y_crop", "y_crop of another image"
PRINTED = {BASELINE: "dfi_center", CROP: "scgan_crop"}
MEANING = {
    BASELINE: "DFI of the window, drawn by the GAN of windows (baseline)",
    CROP: "the window in SCGAN's image",
    OTHER: "the same with the next image's code (floor)",
}
VARIED, DRAWS = 128, 8
"""Number of images whose surroundings are generated several times, and number of times."""
EXAMPLES = 4


@dataclass(frozen=True)
class Drawn:
    """Reconstructions of the windows of test images.

    Attributes:
        windows: name -> uint8 ``[N, C, side, side]``.
        code_errors: name -> ``[N]``, mean |ẑ - CN(D(window))|: the distance of its code from that of the input.
        over_edges: standard deviation over draws of z_edge, "window" and "surroundings"; pixels in [-1, 1].
        over_images: standard deviation over images, likewise.
    """

    windows: Mapping[str, Tensor]
    code_errors: Mapping[str, Floats]
    over_edges: Mapping[str, float]
    over_images: Mapping[str, float]

    def at(self, rows: slice) -> Iterator[Tensor]:
        """Yield rows of every kind of window."""
        for windows in self.windows.values():
            yield windows[rows]


@torch.no_grad()
def reconstruct(gan: Gan, images: Images, request: StudyRequest) -> Drawn:
    """Invert the window of every image, and decode it alone and with surroundings of a random z_edge.

    Raises:
        NotApplicable: the GAN has no window.
    """
    generator, discriminator = networks_of(gan)
    window = generator.window
    codes = torch.cat([gan.encode(x.to(request.device)) for _, x in images.batches(batch_size(gan))])
    inferred = codes.chunk(2, 1)[0]
    edges = _edges(len(images), inferred.shape[1], 1, request)[0]
    windows: dict[str, list[Tensor]] = {name: [] for name in MEANING}
    errors: dict[str, list[Tensor]] = {name: [] for name in MEANING}
    rows = torch.arange(len(images), device=inferred.device)
    for part in rows.split(batch_size(gan)):
        z, other, edge = inferred[part], inferred[(part + 1) % len(images)], edges[part]
        full, centre = generator.parts(torch.cat([z, edge], 1))
        foreign = generator.full(torch.cat([other, edge], 1))
        gan.calls += 2 * len(part)
        made = {BASELINE: centre, CROP: window.crop(full), OTHER: window.crop(foreign)}
        for name, drawn in made.items():
            windows[name].append(to_u8(drawn).cpu())
            errors[name].append((discriminator.infer(drawn) - z).abs().mean(1).cpu())
        request.progress("draw around windows", int(part[-1]) + 1, len(images), {})
    return Drawn(
        {name: torch.cat(parts) for name, parts in windows.items()},
        {name: torch.cat(parts).double().numpy() for name, parts in errors.items()},
        *_spreads(gan, inferred[:VARIED], request),
    )


def _edges(count: int, dim: int, draws: int, request: StudyRequest) -> Tensor:
    """Draw z_edge ``[draws, count, dim]`` with the request's seed, the same on every device."""
    rng = torch.Generator().manual_seed(request.seed)
    return torch.randn((draws, count, dim), generator=rng).to(request.device)


def _spreads(gan: Gan, inferred: Tensor, request: StudyRequest) -> tuple[dict[str, float], dict[str, float]]:
    """Return standard deviations over z_edge at fixed windows, and over images at fixed draws; means over pixels."""
    generator, _ = networks_of(gan)
    edges = _edges(len(inferred), inferred.shape[1], DRAWS, request)
    made = torch.stack([_full(gan, torch.cat([inferred, edge], 1)) for edge in edges])
    inside = generator.window.paste(torch.zeros_like(made[0, :1]), torch.ones(()))[0, 0] > 0
    masks = {"window": inside, "surroundings": ~inside}
    over_edges, over_images = made.std(0).mean((0, 1)), made.std(1).mean((0, 1))
    first = {name: float(over_edges[mask].mean()) for name, mask in masks.items()}
    return first, {name: float(over_images[mask].mean()) for name, mask in masks.items()}


def _full(gan: Gan, codes: Tensor) -> Tensor:
    """Return y_full ``[B, C, H, W]`` of codes, whatever the output of the GAN."""
    generator, _ = networks_of(gan)
    gan.calls += len(codes)
    return torch.cat([generator.full(part) for part in codes.split(batch_size(gan))])


@dataclass(frozen=True)
class Crops:
    """LPIPS and FID of every kind of window ``[K]``, with their replicates ``[R, K]``."""

    lpips: Floats
    lpips_replicates: Floats
    fid: Floats
    fid_replicates: Floats
    drawn: Drawn
    networks: Mapping[str, str]

    @classmethod
    def of(cls, found: DistortedFeatures, drawn: Drawn, networks: Mapping[str, str], request: StudyRequest) -> Crops:
        """Compute the values from features of the windows."""
        replicates = bootstrap_means(found.lpips, seed=request.seed)
        fid, without = found.distances(request.seed, request.progress)
        return cls(found.lpips.mean(1), replicates, fid=fid, fid_replicates=without, drawn=drawn, networks=networks)

    @property
    def lpips_intervals(self) -> list[Interval]:
        """Return bootstrap intervals over images."""
        return percentile_intervals(self.lpips_replicates)

    @property
    def fid_intervals(self) -> list[Interval]:
        """Return jackknife intervals."""
        return fid_intervals(self.fid, self.fid_replicates)

    def frame(self) -> Any:
        """Return one row per kind of window, with the published values where they exist."""
        import pandas as pd

        values = printed()
        columns: dict[str, Any] = {"window": list(MEANING)}
        for name, found, intervals in (
            ("lpips", self.lpips, self.lpips_intervals),
            ("fid", self.fid, self.fid_intervals),
        ):
            columns[name] = found
            columns[f"{name}_low"] = [each.low for each in intervals]
            columns[f"{name}_high"] = [each.high for each in intervals]
        columns["code_error"] = [float(self.drawn.code_errors[kind].mean()) for kind in MEANING]
        for dataset, metric in values:
            here = values[dataset, metric]
            columns[f"published_{metric}_{dataset}"] = [here.get(kind, np.nan) for kind in MEANING]
        return pd.DataFrame(columns)

    def variation(self) -> Any:
        """Return the variation over z_edge in the window, and around it."""
        import pandas as pd

        edges, images = self.drawn.over_edges, self.drawn.over_images
        return pd.DataFrame(
            {
                "part": list(edges),
                "sd_over_z_edge": list(edges.values()),
                "sd_over_images": list(images.values()),
                "share": [edges[part] / max(images[part], 1e-12) for part in edges],
            }
        )

    def words(self) -> list[str]:
        """Describe the measurement."""
        return [
            "Input window against y_center = G_center(ẑ), and against y_crop, the window in G_full(ẑ ⊕ z_edge); "
            "ẑ = CN(D_center(input window)), z_edge drawn once for each image. Windows are rounded to 8 bits.",
            "; ".join(f"{name}: {meaning}" for name, meaning in MEANING.items()) + ".",
            f"LPIPS: mean over images, {RESAMPLES:,} bootstrap resamples of the images, the same for both sides of a "
            "difference (95 % percentile interval).",
            f"FID: equal N; 95 % interval from a delete-a-group jackknife over {GROUPS} groups of images.",
            "code_error: mean |ẑ - CN(D_center(window))|, for y_crop what G_full was trained to make small; a mean "
            "over the numbers of a code (ours), where the paper's norm is a sum. Taken before rounding.",
            f"What z_edge changes: standard deviations over {DRAWS} draws at one image's window, and over images, "
            "each with its own draw; of pixels in [-1, 1].",
        ]

    def verdict(self) -> Verdict:
        """Evaluate C22: both differences are within the tolerance."""
        first, second = list(MEANING).index(BASELINE), list(MEANING).index(CROP)
        gaps = {
            "lpips": (self.lpips, percentile_interval(np.diff(self.lpips_replicates[:, [first, second]])[:, 0])),
            "fid": (self.fid, self._fid_gap(first, second)),
        }
        evidence = []
        for metric, (values, interval) in gaps.items():
            gap = float(values[second] - values[first])
            tolerance, remark = self._tolerance(metric, float(values[first]))
            question = f"{metric.upper()} of y_crop is within {tolerance:.3g} of y_center's"
            detail = f"{values[second]:.4g} against {values[first]:.4g}: {with_span(gap, interval, '+')}"
            evidence.append(Evidence(question, within(interval, tolerance), detail, remark))
        return verdict(C22, evidence, _printed_agree())

    def _tolerance(self, metric: str, baseline: float) -> tuple[float, str]:
        """Return the tolerance for this network, and the reason that it differs from that of the paper's network."""
        network, least = self.networks[metric], TOLERANCE[metric]
        if network == OF_PAPERS[metric]:
            return least, ""
        theirs = float(np.mean([values[BASELINE] for (_, name), values in printed().items() if name == metric]))
        remark = (
            f"{network} stands in for {OF_PAPERS[metric]} and has another scale, so {least:g} is taken as the same "
            f"share of y_center's value ({least / theirs:.1%})"
        )
        return least / theirs * baseline, remark

    def _fid_gap(self, first: int, second: int) -> Interval:
        gap = float(self.fid[second] - self.fid[first])
        return jackknife_interval(gap, self.fid_replicates[:, second] - self.fid_replicates[:, first])


def printed() -> dict[tuple[str, str], dict[str, float]]:
    """Return the values of section 4.8 by dataset and metric: kind of window -> value."""
    tables = {table.name: table for table in printed_paper("dfi").tables}
    kinds = {method: kind for kind, method in PRINTED.items()}
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in tables["Sec4.8"].rows:
        found.setdefault((row.dataset, row.metric), {})[kinds[row.method]] = row.value
    return found


def _printed_agree() -> bool:
    """Return True if the published values are within the tolerance on each dataset."""
    return all(abs(row[CROP] - row[BASELINE]) <= TOLERANCE[metric] for (_, metric), row in printed().items())


@dataclass(frozen=True)
class WindowImages:
    """Test images and their reconstructions, uint8, one column ``[k, C, H, W]`` per heading."""

    columns: Mapping[str, np.ndarray[Any, Any]]
    window: Window


@torch.no_grad()
def pictures(gan: Gan, images: Images, edges: int, request: StudyRequest) -> WindowImages:
    """Return test image, input window, y_center, y_full of several z_edge, and y_glue of the last of them."""
    generator, _ = networks_of(gan)
    x = images.floats(slice(0, EXAMPLES)).to(request.device)
    inferred = gan.encode(x).chunk(2, 1)[0]
    columns = {"test image": x, "input window": generator.window.crop(x)}
    for number, edge in enumerate(_edges(len(x), inferred.shape[1], edges, request), 1):
        parts = generator.parts(torch.cat([inferred, edge], 1))
        gan.calls += len(x)
        columns["y_center"] = parts.centre
        columns[f"y_full, z_edge {number}"] = parts.full
    columns[f"y_glue, z_edge {edges}"] = generator.glued(parts)
    return WindowImages({name: to_u8(column).cpu().numpy() for name, column in columns.items()}, generator.window)


def draw(found: Crops, shown: WindowImages, where: str) -> Figure:
    """Draw LPIPS and FID of every kind of window (above), and examples (below)."""
    width = 1.15 * len(shown.columns)
    rows = len(next(iter(shown.columns.values())))
    figure = plotting.canvas(width, 2.4 + 1.2 * rows, f"SCGAN's window: {where}")
    upper, lower = plotting.halves(figure, (1.6, 1.1 * rows))
    left, right = upper.subplots(1, 2)
    for axes, name, values, intervals in (
        (left, "LPIPS", found.lpips, found.lpips_intervals),
        (right, "FID", found.fid, found.fid_intervals),
    ):
        colours = (plotting.BLUE, plotting.ORANGE, plotting.GREY)
        reach = np.array([[v - i.low, i.high - v] for v, i in zip(values, intervals, strict=True)]).clip(0).T
        axes.barh(list(MEANING), values, xerr=reach, color=colours, height=0.6, error_kw={"linewidth": 1.0})
        axes.invert_yaxis()
        plotting.dress(axes, f"{name}, 95 % (lower is closer)", "")
    grid = lower.subplots(rows, len(shown.columns), squeeze=False, gridspec_kw={"wspace": 0.04, "hspace": 0.04})
    for place, (heading, column) in enumerate(shown.columns.items()):
        for row in range(rows):
            plotting.strip([grid[row][place]], column[row : row + 1], [heading if row == 0 else ""])
            if column.shape[-1] == 2 * shown.window.side:
                grid[row][place].add_patch(_frame(shown.window))
    return figure


def _frame(window: Window) -> Rectangle:
    """Return the outline of the window."""
    from matplotlib.patches import Rectangle

    corner = (window.left - 0.5, window.top - 0.5)
    return Rectangle(corner, window.side, window.side, fill=False, linewidth=0.8, edgecolor="#d03030")
