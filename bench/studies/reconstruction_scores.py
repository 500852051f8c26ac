"""Average precision of classifiers trained on reconstructions: tables, verdict and figure. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.reports import plotting
from bench.reports.published import printed_paper
from bench.reports.verdicts import Evidence, Statement, Verdict, at_least, verdict, with_span
from bench.statistics import Floats, percentile_interval, resample_counts

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SETS = ("original", "tile", "full")
"""Image sets that classifiers are trained on and tested on."""
LOSS = 0.05
"""Loss of mAP on originals by training on reconstructions that C50 allows."""
C50 = Statement(
    "C50",
    "invgan Table 2",
    "A classifier of attributes trained on full reconstructions loses at most .05 mAP on originals against one "
    "trained on originals, and beats one trained on tiled reconstructions.",
)
DRAWS = 1_000
"""Number of bootstrap samples of the test images, for each of which average precision is computed."""
CHUNK = 2**23
"""Values held in memory at a time."""


def average_precisions(truth: NDArray[np.bool_], scores: Floats, counts: NDArray[np.uint8]) -> Floats:
    """Compute the average precision of one attribute for weighted images, ``[R]``; NaN without positive images.

    It is the sum of precision times the step in recall, without interpolation and with equal scores taken together:
    scikit-learn's ``average_precision_score`` with ``counts`` as weights, for all weightings at once.

    Args:
        truth: bool ``[N]``, True for images with the attribute.
        scores: scores ``[N]`` of the attribute; higher is more probable.
        counts: weights of the images ``[R, N]``.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    has = truth[order].astype(np.float64)
    found = np.empty(len(counts))
    step = max(1, CHUNK // len(order))
    for start in range(0, len(counts), step):
        weights = counts[start : start + step][:, order].astype(np.float64)
        hits, shown = ((weights * each).cumsum(1)[:, ends] for each in (has, np.ones_like(has)))
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(shown > 0, hits / shown, 0.0)
            recall = np.diff(hits, axis=1, prepend=0.0) / hits[:, -1:]
        found[start : start + step] = (precision * recall).sum(1)
    return found


@dataclass(frozen=True)
class Scores:
    """Average precision of every attribute, by training set and test set.

    Attributes:
        names: names of the K attributes or classes.
        values: ``[3, 3, K]``: training set, test set, attribute; sets in the order of ``SETS``.
        replicates: mAP ``[R, 3, 3]`` of bootstrap samples of the test images, the same samples for all pairs of sets.
    """

    names: tuple[str, ...]
    values: Floats
    replicates: Floats

    @classmethod
    def of(cls, truth: NDArray[np.bool_], logits: Floats, names: tuple[str, ...], seed: int = 0) -> Scores:
        """Compute average precision from the logits of classifiers.

        Args:
            truth: ``[N, K]``; an attribute that all test images have, or none, is left out.
            logits: ``[3, 3, N, K]``.
            names: names of the K attributes or classes.
            seed: seed of the bootstrap.

        Raises:
            DataError: no attribute is left.
        """
        kept = np.flatnonzero(truth.any(0) & ~truth.all(0))
        if not len(kept):
            raise DataError("the test images differ in no attribute")
        counts = resample_counts(len(truth), DRAWS, seed)
        once = np.ones((1, len(truth)), np.uint8)
        values, replicates = np.empty((3, 3, len(kept))), np.empty((3, 3, len(kept), DRAWS))
        for learnt, seen in np.ndindex(3, 3):
            for place, k in enumerate(kept):
                scores = logits[learnt, seen, :, k]
                values[learnt, seen, place] = average_precisions(truth[:, k], scores, once)[0]
                replicates[learnt, seen, place] = average_precisions(truth[:, k], scores, counts)
        drawn = np.nanmean(replicates, axis=2)
        return cls(tuple(names[k] for k in kept), values, drawn.transpose(2, 0, 1))

    def frame(self) -> pd.DataFrame:
        """Return one row per pair of sets: mAP with interval, spread over attributes, and the published value."""
        import pandas as pd

        theirs, rows = printed(), []
        for learnt, seen in np.ndindex(3, 3):
            interval = percentile_interval(self.replicates[:, learnt, seen])
            low, high = (np.nan, np.nan) if interval is None else (interval.low, interval.high)
            each, pair = self.values[learnt, seen], (SETS[learnt], SETS[seen])
            rows.append(
                {
                    "learnt from": pair[0],
                    "looked at": pair[1],
                    "map": each.mean(),
                    "map_low": low,
                    "map_high": high,
                    "sd_over_attributes": each.std(ddof=1) if len(each) > 1 else np.nan,
                    "published_CelebA": theirs[pair][0],
                    "published_CelebA_sd": theirs[pair][1],
                }
            )
        return pd.DataFrame(rows)

    def by_attribute(self) -> pd.DataFrame:
        """Return average precision on originals, one row per attribute, one column per training set."""
        import pandas as pd

        columns = {name: self.values[place, 0] for place, name in enumerate(SETS)}
        return pd.DataFrame({"attribute": list(self.names), **columns})

    def verdict(self) -> Verdict:
        """Evaluate C50 on originals: full against originals, and full against tiles."""
        theirs = printed()
        return verdict(C50, self._evidence(), theirs_hold(theirs))

    def _evidence(self) -> Iterator[Evidence]:
        for other, least, words in (
            ("original", -LOSS, f"at most {LOSS:g} below that of learning from originals"),
            ("tile", 0.0, "above that of learning from tiled ones"),
        ):
            first, second = SETS.index("full"), SETS.index(other)
            gap = float(self.values[first, 0].mean() - self.values[second, 0].mean())
            interval = percentile_interval(self.replicates[:, first, 0] - self.replicates[:, second, 0])
            detail = (
                f"{self.values[first, 0].mean():.4f} against {self.values[second, 0].mean():.4f}: "
                f"{with_span(gap, interval, '+')}"
            )
            yield Evidence(
                f"mAP on originals after full reconstructions is {words}", at_least(interval, least), detail
            )


def printed() -> dict[tuple[str, str], tuple[float, float]]:
    """Return Table 2 of the paper: training set and test set -> mAP and its deviation over attributes."""
    table = printed_paper("invgan").table("Table2")
    assert table is not None
    rows = {row.method: (row.value, row.std or np.nan) for row in table.rows}
    return {(a, b): rows[f"train {a}, evaluate {b}"] for a in SETS for b in SETS}


def theirs_hold(theirs: Mapping[tuple[str, str], tuple[float, float]]) -> bool:
    """Return True if the published values agree with the claim."""
    full, tile, original = (theirs[name, "original"][0] for name in ("full", "tile", "original"))
    return full >= original - LOSS and full > tile


def draw(found: Scores, shown: Mapping[str, NDArray[Any]], where: str) -> Figure:
    """Draw test images and their reconstructions (above), and mAP of every pair of sets (below)."""
    count = len(next(iter(shown.values())))
    figure = plotting.canvas(1.1 * count + 1.2, 6.4, f"Classifiers that learn from reconstructions\n{where}")
    upper, lower = plotting.halves(figure, (1.0, 1.0))
    grid = upper.subplots(len(shown), count, squeeze=False, gridspec_kw={"wspace": 0.04, "hspace": 0.04})
    for row, (name, images) in zip(grid, shown.items(), strict=True):
        plotting.strip(row, images, [""] * count, name)
    left, right = lower.subplots(1, 2, gridspec_kw={"width_ratios": (1.0, 1.3)})
    means = found.values.mean(2).T
    left.imshow(means, cmap="Blues", vmin=min(0.5, means.min()), vmax=1.0)
    for seen, learnt in np.ndindex(3, 3):
        dark = means[seen, learnt] > 0.8
        left.text(learnt, seen, f"{means[seen, learnt]:.3f}", ha="center", va="center", fontsize=8.5,
                  color="white" if dark else "black")  # fmt: skip
    left.set_xticks(range(3), SETS)
    left.set_yticks(range(3), SETS)
    plotting.dress(left, "learnt from", "looked at", "mAP").grid(False)
    order = np.argsort(found.values[0, 0])
    colours = (plotting.GREY, plotting.ORANGE, plotting.BLUE)
    for place, (name, colour) in enumerate(zip(SETS, colours, strict=True)):
        right.plot(found.values[place, 0][order], range(len(order)), "o", color=colour, label=name, markersize=4)
    right.set_yticks(range(len(order)), [found.names[k] for k in order])
    plotting.dress(right, "average precision on originals", "", "by attribute")
    right.set_ylim(-2, len(order) - 0.3)  # below the points, room for the legend
    plotting.legend(right, "lower center", columns=len(SETS))
    return figure
