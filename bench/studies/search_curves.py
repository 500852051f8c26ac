"""Curves of quality against time: the best result of each method up to a time, without extrapolation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.reports import plotting
from bench.reports.verdicts import with_span
from bench.statistics import Floats, Interval, mean_interval, paired_interval
from bench.studies.search_points import COSTS, TRACKS, SearchPoint, Track

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "os^vDP*X<>ph"
QUALITY: Mapping[Track, str] = {"test": "psnr", "own": "recovered"}
UNITS: Mapping[Track, str] = {"test": "PSNR of test images, dB", "own": "generated images recovered, share"}


@dataclass(frozen=True)
class Curve:
    """The curve of one method on test or generated images; points in the order of their times.

    Attributes:
        times: milliseconds an image ``[K]``, rising.
        values: quality of each image ``[K, N]``, higher is better, at the best point so far by its mean.
        between: True if values between two points are interpolated; otherwise the earlier point is used.
    """

    times: Floats
    values: Floats
    between: bool = True

    @classmethod
    def of(cls, times: Sequence[float], values: Sequence[Floats], between: bool = True) -> Curve:
        """Keep the best point so far; points that took longer and are worse do not change it."""
        order = np.argsort(times, kind="stable")
        best: list[Floats] = []
        for place in order:
            worse = best and values[place].mean() <= best[-1].mean()
            best.append(best[-1] if worse else values[place])
        return cls(np.array(times, np.float64)[order], np.stack(best), between)

    def at(self, time: float) -> Floats | None:
        """Return the quality of each image ``[N]`` at a time; None before the first point.

        Between two points it is linear in the logarithm of time, if ``between`` is set; after the last point it is
        constant.
        """
        after = int(np.searchsorted(self.times, time, side="right"))
        if not after:
            return None
        if after == len(self.times) or not self.between:
            return np.asarray(self.values[after - 1])
        early, late = np.log(self.times[after - 1 : after + 1])
        share = (math.log(time) - early) / (late - early)
        return np.asarray((1 - share) * self.values[after - 1] + share * self.values[after])


@dataclass(frozen=True)
class SearchCurves:
    """All methods of one run.

    Attributes:
        points: of all methods.
        clock: "processor" or "wall".
        recovered: mean squared error below which a generated image counts as recovered.
        curves: track -> method -> curve.
    """

    points: Sequence[SearchPoint]
    clock: str
    recovered: float
    curves: Mapping[Track, Mapping[str, Curve]]

    @classmethod
    def of(cls, points: Sequence[SearchPoint], clock: str, recovered: float) -> SearchCurves:
        """Build the curves from measured points."""
        made: dict[Track, dict[str, Curve]] = {track: {} for track in TRACKS}
        for method in dict.fromkeys(point.method for point in points):
            own = [point for point in points if point.method == method]
            for track in TRACKS:
                times = [point.cost[track][f"{clock}_ms"] for point in own]
                values = [quality(point, track, recovered) for point in own]
                made[track][method] = Curve.of(times, values, between=track == "test")
        return cls(points, clock, recovered, made)

    def tables(self, times: Sequence[float]) -> dict[str, pd.DataFrame]:
        """Return tables at equal time on test and on generated images, then every measured point."""
        return {
            "At equal time: PSNR of test images, dB": self._at_equal_time("test", times),
            "At equal time: own images recovered, share": self._at_equal_time("own", times),
            "Measured points": self._measured(),
        }

    def _at_equal_time(self, track: Track, times: Sequence[float]) -> pd.DataFrame:
        import pandas as pd

        rows = []
        for method, curve in self.curves[track].items():
            row: dict[str, Any] = {"method": method}
            for time in times:
                values, name = curve.at(time), f"{time:g} ms"
                interval = None if values is None else mean_interval(values)
                row[name] = math.nan if values is None else float(values.mean())
                row[f"{name}_low"], row[f"{name}_high"] = _ends(interval)
            rows.append(row)
        return pd.DataFrame(rows)

    def _measured(self) -> pd.DataFrame:
        import pandas as pd

        rows = []
        for point in self.points:
            row: dict[str, Any] = {"method": point.method, "steps": point.steps}
            for track in TRACKS:
                row |= {f"{track} {name}": value for name, value in _cost(point, track).items()}
                values = quality(point, track, self.recovered)
                row[QUALITY[track]] = float(values.mean())
                row[f"{QUALITY[track]}_low"], row[f"{QUALITY[track]}_high"] = _ends(mean_interval(values))
            row["psnr median"] = float(np.median(point.psnr("test")))
            row["own mse median"] = float(np.median(point.mse["own"]))
            row |= {"setup_s": point.setup_seconds, "fit_s": point.fit_seconds}
            rows.append(row)
        return pd.DataFrame(rows)

    def per_image(self) -> pd.DataFrame:
        """Return every image of every point with the point's cost, from which all tables can be computed."""
        import pandas as pd

        costs = pd.DataFrame(
            [
                {"method": p.method, "steps": p.steps, "track": track, **_cost(p, track)}
                for p in self.points
                for track in TRACKS
            ]
        )
        rows = pd.concat([p.rows().assign(method=p.method, steps=p.steps) for p in self.points], ignore_index=True)
        return rows.merge(costs, on=["method", "steps", "track"])

    def discussion(self, times: Sequence[float]) -> str:
        """Return a Markdown list of the best method at each time, and of those that do not differ significantly."""
        return "\n".join(f"- {line}" for track in TRACKS for time in times for line in self._leader(track, time))

    def _leader(self, track: Track, time: float) -> Iterator[str]:
        found = {m: v for m, c in self.curves[track].items() if (v := c.at(time)) is not None}
        if not found:
            yield f"{time:g} ms, {UNITS[track]}: no method has a point so early."
            return
        ranked = sorted(found, key=lambda method: -found[method].mean())
        best, rest = ranked[0], ranked[1:]
        if found[best].mean() == found[ranked[-1]].mean() and rest:
            yield f"{time:g} ms, {UNITS[track]}: {found[best].mean():.4g} for every method ({len(ranked)})."
            return
        gaps = {method: paired_interval(found[best], found[method]) for method in rest}
        tied = [method for method, gap in gaps.items() if gap is None or gap.contains(0.0)]
        below = next((method for method in rest if method not in tied), None)
        line = f"{time:g} ms, {UNITS[track]}: **{best}** leads with {found[best].mean():.4g}"
        if tied:
            line += f", not distinguished from {', '.join(tied)}"
        gap = gaps[below] if below else None
        if below and gap:
            line += f"; {below} is {with_span(float(found[best].mean() - found[below].mean()), gap)} below"
        yield f"{line}."


def quality(point: SearchPoint, track: Track, recovered: float) -> Floats:
    """Return the quality ``[N]``: PSNR of test images; 1 for recovered generated images, 0 for others."""
    return point.psnr("test") if track == "test" else (point.mse["own"] < recovered).astype(np.float64)


def draw(found: SearchCurves, where: str, clock: str) -> Figure:
    """Draw PSNR of test images and the share of generated images recovered against time, and the best so far."""
    from matplotlib import colormaps

    figure = plotting.canvas(10.0, 4.8, f"Quality against time: {where}")
    panels = figure.subplots(1, 2)
    for axes, track in zip(panels, TRACKS, strict=True):
        for number, (method, curve) in enumerate(found.curves[track].items()):
            colour = colormaps["tab10" if len(found.curves[track]) <= 10 else "tab20"](number)
            _line(
                axes,
                found,
                track=track,
                method=method,
                curve=curve,
                colour=colour,
                marker=MARKERS[number % len(MARKERS)],
            )
        axes.set_xscale("log")
        plotting.dress(axes, f"{clock} time, ms an image (log)", UNITS[track])
    panels[1].set_ylim(-0.03, 1.03)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=7.5, frameon=False)
    return figure


def _line(axes: Axes, found: SearchCurves, track: Track, method: str, curve: Curve, colour: Any, marker: str) -> None:
    own = [point for point in found.points if point.method == method]
    times = [point.cost[track][f"{found.clock}_ms"] for point in own]
    means = [quality(point, track, found.recovered).mean() for point in own]
    axes.plot(times, means, marker, color=colour, markersize=4, alpha=0.5)
    intervals = [mean_interval(values) or Interval(math.nan, math.nan) for values in curve.values]
    best = curve.values.mean(1)
    if curve.between:
        plotting.curve(axes, curve.times, y=best, colour=colour, label=method, intervals=intervals, marker=marker)
        return
    low, high = [i.low for i in intervals], [i.high for i in intervals]
    axes.fill_between(curve.times, low, high, step="post", color=colour, alpha=0.18, linewidth=0)
    axes.plot(curve.times, best, color=colour, linewidth=1.4, drawstyle="steps-post")


def _ends(interval: Interval | None) -> tuple[float, float]:
    return (math.nan, math.nan) if interval is None else (interval.low, interval.high)


def _cost(point: SearchPoint, track: Track) -> dict[str, float]:
    return {name: float(point.cost[track][name]) for name in COSTS}
