"""Two point clouds in a plane: their overlap and widths, verdict and figure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.reports import plotting
from bench.reports.verdicts import Evidence, Statement, Verdict, at_least, verdict, with_span
from bench.statistics import Floats, Interval, partition, percentile_interval
from bench.studies.base import StudyRequest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

C29 = Statement(
    "C29",
    "dfi §4.6, Fig. 17",
    "In the plane of D's first two components real and generated images overlap, the real ones wider (LSGAN).",
)
SHARED = 0.5
"""Smallest overlap of two clouds that count as overlapping (our choice)."""
SMOOTHING = 0.5
"""Factor of Scott's width, which is derived for a single Gaussian; a cloud of several classes has finer structure."""
SHOWN = 2000
"""Largest number of real, and of generated, points in the figure."""
LEVELS = (0.5, 0.9)
"""Shares of a cloud inside its contours."""


@dataclass(frozen=True)
class Plane:
    """Real and generated images in the plane, ``[N, 2]`` each.

    Attributes:
        shares: shares of the variance of the union on each axis.
        replicates: statistic -> ``[R]`` over resampled images.
        ceiling: overlap of two random halves of the real images.
    """

    real: Floats
    fake: Floats
    shares: tuple[float, float]
    bins: int
    replicates: dict[str, Floats]
    ceiling: float

    @classmethod
    def of(cls, real: Tensor, fake: Tensor, bins: int, resamples: int, request: StudyRequest) -> Plane:
        """Project features ``[N, F]`` of real and generated images."""
        request.progress("components", 0, 1, {})
        left, right, shares = project(real, fake, request.seed)
        grid = Grid.around(np.concatenate([left, right]), bins)
        rng = np.random.RandomState(request.seed)
        found: dict[str, list[float]] = {"overlap": [], "variance ratio": [], "area ratio": []}
        for number in range(resamples):
            a, b = (side[rng.randint(len(side), size=len(side))] for side in (left, right))
            for name, value in statistics_of(a, b, grid).items():
                found[name].append(value)
            if number % 50 == 49:
                request.progress("resample images", number + 1, resamples, {})
        halves = [left[rows] for rows in partition(len(left), 2, request.seed)]
        arrays = {name: np.array(values) for name, values in found.items()}
        return cls(
            left,
            right,
            shares=shares,
            bins=bins,
            replicates=arrays,
            ceiling=overlap(*(grid.density(half) for half in halves)),
        )

    @cached_property
    def grid(self) -> Grid:
        """Return the bins of the plane."""
        return Grid.around(np.concatenate([self.real, self.fake]), self.bins)

    @cached_property
    def values(self) -> dict[str, float]:
        """Return every statistic on all images."""
        return statistics_of(self.real, self.fake, self.grid)

    def interval(self, name: str) -> Interval | None:
        """Return the interval over images, shifted by the difference between estimate and median of replicates.

        Resampling repeats images and so lowers an overlap slightly; the shift corrects for it.
        """
        middle = percentile_interval(self.replicates[name])
        if middle is None:
            return None
        shift = self.values[name] - float(np.median(self.replicates[name]))
        return Interval(middle.low + shift, middle.high + shift, middle.level)

    def frame(self) -> Any:
        """Return one row per statistic."""
        import pandas as pd

        intervals = [self.interval(name) for name in self.values]
        rows = pd.DataFrame(
            {
                "statistic": [NAMES[name] for name in self.values],
                "value": list(self.values.values()),
                "value_low": [i.low if i else np.nan for i in intervals],
                "value_high": [i.high if i else np.nan for i in intervals],
            }
        )
        more = {
            "overlap of two halves of the real images": self.ceiling,
            "total variance, real": float(self.real.var(0, ddof=1).sum()),
            "total variance, generated": float(self.fake.var(0, ddof=1).sum()),
            "share of the union's variance, component 1": self.shares[0],
            "share of the union's variance, component 2": self.shares[1],
        }
        rest = pd.DataFrame({"statistic": list(more), "value": list(more.values())})
        return pd.concat([rows, rest.reindex(columns=rows.columns)], ignore_index=True)

    def words(self) -> list[str]:
        """Describe the computation of overlap, width and intervals."""
        return [
            "The plane is that of the first two principal components of both sets together, "
            f"{self.shares[0]:.1%} and {self.shares[1]:.1%} of the variance.",
            f"Overlap: the integral of the smaller of both densities, 0 apart to 1 alike; densities from "
            f"{self.bins}x{self.bins} bins, smoothed by a gaussian of half of Scott's width. Two random halves of "
            f"the real images overlap by {self.ceiling:.3f}.",
            "Width: total variance in the plane, and area (root of the determinant of the covariance), as ratios of "
            "real over generated.",
            f"Intervals: 95 %, {len(self.replicates['overlap']):,} bootstrap resamples of the images of each set, "
            "in a fixed plane, shifted to the estimate.",
            f"Thresholds of ours: overlap of at least {SHARED}, both ratios above 1.",
        ]

    def verdict(self, gan: str) -> Verdict:
        """Evaluate C29: the clouds overlap, and the real images are wider by variance and by area."""
        remark = "" if "lsgan" in gan else f"{gan} stands in for an LSGAN"
        tests = [("overlap", SHARED, f"real and generated images overlap by {SHARED} or more")]
        tests += [(f"{what} ratio", 1.0, f"the {what} of real images is larger") for what in ("variance", "area")]
        evidence = []
        for name, threshold, question in tests:
            interval = self.interval(name)
            detail = f"{NAMES[name]} {with_span(self.values[name], interval)}"
            evidence.append(Evidence(question, at_least(interval, threshold), detail, remark))
        return verdict(C29, evidence)


NAMES = {
    "overlap": "overlap coefficient",
    "variance ratio": "total variance, real / generated",
    "area ratio": "area, real / generated",
}


@dataclass(frozen=True)
class Grid:
    """Bins over a rectangle of the plane."""

    x: Floats
    y: Floats

    @classmethod
    def around(cls, points: Floats, bins: int) -> Grid:
        """Return bins that cover all points and a margin of a tenth."""
        low, high = points.min(0), points.max(0)
        margin = 0.1 * np.maximum(high - low, 1e-9)
        edges = [np.linspace(low[i] - margin[i], high[i] + margin[i], bins + 1) for i in range(2)]
        return cls(edges[0], edges[1])

    def density(self, points: Floats) -> Floats:
        """Return the smoothed share of points in each bin ``[bins, bins]``, sum 1 (Scott 1992, eq. 6.42)."""
        from scipy.ndimage import gaussian_filter

        counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], [self.x, self.y])
        width = SMOOTHING * points.std(0, ddof=1) * len(points) ** (-1 / 6)
        steps = np.array([self.x[1] - self.x[0], self.y[1] - self.y[0]])
        smooth = gaussian_filter(counts, width / steps, mode="constant", truncate=4.0)
        return np.asarray(smooth / smooth.sum(), np.float64)


def project(real: Tensor, fake: Tensor, seed: int) -> tuple[Any, Any, tuple[float, float]]:
    """Project both sets ``[N, 2]`` on the first two components of their union; return also the shares of variance.

    The sign of a component is such that its largest loading is positive.
    """
    import torch
    from sklearn.decomposition import PCA

    union = torch.cat([real, fake]).numpy()
    fitted = PCA(n_components=2, svd_solver="arpack", random_state=seed).fit(union)
    largest = np.abs(fitted.components_).argmax(1)
    signs = np.sign(fitted.components_[np.arange(2), largest])
    points = (fitted.transform(union) * signs).astype(np.float64)
    first, second = (float(share) for share in fitted.explained_variance_ratio_)
    return points[: len(real)], points[len(real) :], (first, second)


def overlap(first: Floats, second: Floats) -> float:
    """Return the overlap coefficient of two densities over the same bins: 0 disjoint, 1 equal (Weitzman 1970)."""
    return float(np.minimum(first, second).sum())


def statistics_of(real: Floats, fake: Floats, grid: Grid) -> dict[str, float]:
    """Return the overlap, and the ratios of total variance and of area."""
    spreads = [np.cov(side, rowvar=False) for side in (real, fake)]
    return {
        "overlap": overlap(grid.density(real), grid.density(fake)),
        "variance ratio": float(np.trace(spreads[0]) / np.trace(spreads[1])),
        "area ratio": float(np.sqrt(np.linalg.det(spreads[0]) / np.linalg.det(spreads[1]))),
    }


def draw(plane: Plane, where: str) -> Figure:
    """Draw the plane with both clouds, their contours and marginals."""
    figure = plotting.canvas(6.4, 6.0, f"Features of D, first two components\n{where}")
    grid = figure.add_gridspec(2, 2, width_ratios=[4, 1], height_ratios=[1, 4])
    main = figure.add_subplot(grid[1, 0])
    top, side = figure.add_subplot(grid[0, 0], sharex=main), figure.add_subplot(grid[1, 1], sharey=main)
    for points, colour, name in ((plane.real, plotting.BLUE, "real"), (plane.fake, plotting.ORANGE, "generated")):
        shown = points[:SHOWN]
        main.plot(shown[:, 0], shown[:, 1], ".", color=colour, markersize=3, alpha=0.45, markeredgewidth=0)
        _contours(main, plane.grid, points, colour)
        main.plot([], [], "-", color=colour, label=f"{name}; contours hold 50 % and 90 %")
        style: dict[str, Any] = {"density": True, "histtype": "stepfilled", "alpha": 0.35, "color": colour}
        top.hist(points[:, 0], list(plane.grid.x), **style)
        side.hist(points[:, 1], list(plane.grid.y), orientation="horizontal", **style)
    value, ratio = plane.values["overlap"], plane.values["variance ratio"]
    main.plot([], [], " ", label=f"overlap {value:.2f}, variance real / generated {ratio:.2f}")
    low, high = np.quantile(np.concatenate([plane.real, plane.fake]), [0.001, 0.999], axis=0)
    reach = high - low
    main.set_xlim(low[0] - 0.05 * reach[0], high[0] + 0.05 * reach[0])
    main.set_ylim(low[1] - 0.05 * reach[1], high[1] + 0.2 * reach[1])
    plotting.dress(main, f"component 1 ({plane.shares[0]:.1%})", f"component 2 ({plane.shares[1]:.1%})")
    plotting.legend(main, "upper right")
    for axes in (top, side):
        axes.set_axis_off()
    return figure


def _contours(axes: Axes, grid: Grid, points: Floats, colour: str) -> None:
    """Draw contours that contain given shares of a cloud."""
    density = grid.density(points)
    ranked = np.sort(density.ravel())[::-1]
    held = np.cumsum(ranked)
    levels = sorted({float(ranked[int(np.searchsorted(held, share))]) for share in LEVELS})
    x, y = (grid.x[:-1] + grid.x[1:]) / 2, (grid.y[:-1] + grid.y[1:]) / 2
    axes.contour(x, y, density.T, levels=levels, colors=colour, linewidths=1.3)
