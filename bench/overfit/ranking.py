"""Ranking of several GANs by the recovery error of the same unseen images (creswell, Table I), with ties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.errors import BenchError
from bench.core.files import finite, write_json, write_text
from bench.overfit.examination import OverfitReport
from bench.overfit.tables import span
from bench.overfit.verdict import gap_words, shown
from bench.reports.figure import save_figure
from bench.reports.plotting import BLUE, ORANGE, canvas, dress
from bench.reports.render_markdown import escape, table
from bench.statistics import Interval, mean_interval, paired_interval, tie_groups

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ("rank", "GAN", "unseen: mean error", "median", "more than the best", "gap", "recovered", "verdict")


@dataclass(frozen=True)
class Place:
    """The place of one GAN in a ranking.

    Attributes:
        rank: competition rank; GANs that do not differ significantly from the leader of their group share it.
        title: name of the GAN.
        mean: mean error of unseen images.
        interval: bootstrap interval of the mean over images.
        median: median error of unseen images.
        behind: interval of the mean difference to the first GAN, paired over images; None for the first.
        passed: the search passes its gate on this GAN; otherwise the mean is only an upper bound.
        outcome: outcome of the verdict.
    """

    rank: int
    title: str
    mean: float
    interval: Interval | None
    median: float
    behind: Interval | None
    passed: bool
    outcome: str


def rank(examined: Sequence[OverfitReport]) -> tuple[Place, ...]:
    """Rank GANs by the mean error of unseen images, the lowest first.

    The first GAN leads a group; following ones share its rank as long as the 95 % interval of the paired difference
    to it contains 0; the first that is significantly worse leads the next group.

    Raises:
        BenchError: there are fewer than two GANs, two have the same name, or their images, numbers of images or
            searches differ, so that errors cannot be compared.
    """
    if len(examined) < 2:
        raise BenchError("--compare needs two GANs or more")
    first = examined[0]
    for e in examined[1:]:
        same = e.facts["data"]["test_checksum"] == first.facts["data"]["test_checksum"]
        if not same or e.settings != first.settings:
            raise BenchError(f"{e.title} and {first.title} were examined on other images or with other searches")
    if len({e.title for e in examined}) < len(examined):
        raise BenchError("--compare: a GAN is named twice")
    order = sorted(examined, key=lambda e: float(e.errors["test"].errors.mean()))

    def tied(leader: OverfitReport, other: OverfitReport) -> bool:
        gap = paired_interval(other.errors["test"].errors, leader.errors["test"].errors)
        return gap is None or gap.contains(0)

    return tuple(_place(r, e, order[0]) for r, e in zip(tie_groups(order, tied), order, strict=True))


def write_ranking(
    examined: Sequence[OverfitReport], folder: Path, environment: Mapping[str, Any]
) -> tuple[Place, ...]:
    """Write README.md, ranking.json and figure.png of a comparison, beside the reports of the GANs.

    Raises:
        StoreError: the folder cannot be written.
    """
    places = rank(examined)
    save_figure(draw(places, examined[0]), folder / "figure.png")
    content = {"data": examined[0].data, "search": examined[0].settings.search.facts(), "n": examined[0].settings.n}
    ranked = {"places": [asdict(p) for p in places], "environment": dict(environment), **content}
    write_json(folder / "ranking.json", finite(ranked))
    write_text(folder / "README.md", markdown(places, examined))
    return places


def rows(places: Sequence[Place], examined: Sequence[OverfitReport]) -> list[tuple[str, ...]]:
    """Return the ranking as text, one row per GAN; columns ``COLUMNS``."""
    known = {e.title: e for e in examined}
    found: list[tuple[str, ...]] = []
    for p in places:
        s = known[p.title].statistics
        mean = f"{p.mean:.4f} {span(p.interval)}" if p.interval else f"{p.mean:.4f}"
        behind = span(p.behind) if p.behind else ""
        gap = f"{s.gap.value:+.3f} {span(s.gap.interval)}"
        gate = f"{s.gate.rate:.0%}{'' if p.passed else ' (below the gate)'}"
        found.append((str(p.rank), p.title, mean, f"{p.median:.4f}", behind, gap, gate, shown(p.outcome)))
    return found


def markdown(places: Sequence[Place], examined: Sequence[OverfitReport]) -> str:
    """Return the ranking as Markdown."""
    first = examined[0]
    lines = [f"# GANs on {escape(first.data)} by the error of unseen images", "", *notes(places, first), ""]
    lines += ["![figure](figure.png)", ""]
    lines += table(COLUMNS, ([escape(c) for c in row] for row in rows(places, examined)))
    lines += ["", *(f"- {escape(e.title)}: {escape(gap_words(e.statistics))}" for e in examined)]
    return "\n".join(lines) + "\n"


def notes(places: Sequence[Place], first: OverfitReport) -> list[str]:
    """Return the notes that explain the table."""
    texts = [
        f"{first.settings.n} unseen images, the same for every GAN; {first.settings.search.method.name}, "
        f"{first.settings.search.steps} steps. Intervals: 95 %, bootstrap over images, differences paired. Equal "
        "ranks: the difference to the leader of the group may be 0.",
    ]
    below = [p.title for p in places if not p.passed]
    if below:
        texts.append(
            f"Below the gate, so that large errors may come from the search: {', '.join(below)}. Their errors are "
            "upper bounds."
        )
    return texts


def draw(places: Sequence[Place], first: OverfitReport) -> Figure:
    """Draw mean errors with intervals; markers are hollow where the search is below its gate."""
    figure = canvas(6.5, 1.2 + 0.4 * len(places), f"{first.data}: error of {first.settings.n} unseen images")
    axes = dress(figure.subplots(), "mean squared error, 95 % interval over images", "")
    for line, p in enumerate(places):
        colour = BLUE if p.passed else ORANGE
        if p.interval:
            axes.plot([p.interval.low, p.interval.high], [line, line], color=colour, linewidth=1.4)
        axes.plot([p.mean], [line], "o", markerfacecolor=colour if p.passed else "white", markeredgecolor=colour)
    axes.set_yticks(np.arange(len(places)), [f"{p.rank}  {p.title}" for p in places], fontsize=8)
    axes.invert_yaxis()
    return figure


def _place(number: int, e: OverfitReport, leader: OverfitReport) -> Place:
    errors, best = e.errors["test"].errors, leader.errors["test"].errors
    behind = None if e is leader else paired_interval(errors, best)
    return Place(
        number,
        e.title,
        mean=float(errors.mean()),
        interval=mean_interval(errors),
        median=float(np.median(errors)),
        behind=behind,
        passed=e.statistics.gate.passed,
        outcome=e.verdict.outcome,
    )
