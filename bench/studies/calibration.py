"""Calibration of ranks by simulation: false differences between equal methods, and differences that are seen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.core.registry import study
from bench.statistics import CrossedMean, Floats, better_pairs, crossed_mean, rank_sets, seed_pool
from bench.studies.base import Study, StudyRequest, StudyResult

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

UNLIKE = (0.3, 0.4, 0.5, 0.8, 1.0, 1.2, 1.5, 1.9)
"""Factors of a method's spread over seeds where methods differ in it, by 6."""
GAPS = tuple(0.25 * step for step in range(1, 11))
"""Advantages of the better method, in dB, for which its detection is counted."""
SEEN = 0.8
"""Share of detections at which a difference counts as seen."""
ASKED = """
Ranks hold if equal methods are not called different, and are of use if different ones are. Methods are drawn whose
spreads over training seeds and images are known; the leaderboard's own rules compare and rank them.
"""


@dataclass(frozen=True)
class TableSize:
    """The size of a table; ``unlike``: whether the methods differ in their spread over seeds."""

    methods: int
    seeds: int
    images: int
    unlike: bool

    @property
    def words(self) -> str:
        """The setting in words."""
        spreads = "unlike" if self.unlike else "equal"
        return f"{self.methods} methods, {self.seeds} seeds, {self.images:,} images, {spreads} spreads"


@dataclass(frozen=True)
class CalibrationCounts:
    """Counts over draws of one setting.

    Attributes:
        shared: share of draws in which all equal methods may have rank 1.
        pairs: share of pairs of equal methods that are called different.
        power: for each of ``GAPS``, the share of the other methods from which one is told that is so much better.
    """

    setting: TableSize
    shared: float
    pairs: float
    power: Floats

    @property
    def seen(self) -> float:
        """The smallest advantage in dB that is told in ``SEEN`` of pairs, interpolated; NaN beyond ``GAPS``."""
        rising = np.maximum.accumulate(self.power)
        if rising[-1] < SEEN:
            return float("nan")
        return float(np.interp(SEEN, np.concatenate([[0.0], rising]), (0.0, *GAPS)))


@study("calibration")
@dataclass
class Calibration(Study):
    """Share of equal methods that a leaderboard calls different, and the difference that it sees, by simulation.

    The score of an image is the sum of parts that are normal and independent: method and seed; method and image; and
    method, seed and image. Their spreads are those of PSNR in the acyclic suite.

    Attributes:
        draws: number of simulated tables of each setting.
        methods: number of methods.
        seeds: numbers of training seeds.
        images: number of test images.
        seed_sd: standard deviation over seeds of a method's mean, in dB, beside what the seed does to all methods.
        image_sd: standard deviation of each of a method's two parts over images, in dB.
    """

    draws: int = 1000
    methods: int = 8
    seeds: tuple[int, ...] = (2, 3, 5, 10)
    images: int = 1000
    seed_sd: float = 0.16
    image_sd: float = 0.61

    def __post_init__(self) -> None:
        if self.draws < 1 or self.methods < 2 or self.images < 2 or not self.seeds or min(self.seeds) < 2:
            sizes = f"draws = {self.draws}, methods = {self.methods}, images = {self.images}"
            raise ValueError(f"{sizes}, seeds = {list(self.seeds)}: expected 1, 2, 2 and 2 or more")
        if min(self.seed_sd, self.image_sd) <= 0:
            raise ValueError(f"seed_sd = {self.seed_sd}, image_sd = {self.image_sd}: above 0, please")

    def run(self, request: StudyRequest) -> StudyResult:
        """Draw the tables and count; the dataset and the network of the request are not used."""
        found = []
        for number, setting in enumerate(self.settings):
            request.progress(setting.words, number, len(self.settings), {})
            found.append(self.count(setting, np.random.default_rng([request.seed, number])))
        per_seed = self.image_sd / np.sqrt(self.images)
        return StudyResult(
            title="Calibration of ranks",
            dataset="simulated",
            network="",
            asked=ASKED,
            measured=(
                f"{self.draws:,} tables of each setting; spread over seeds {self.seed_sd:g} dB, over images "
                f"2 × {self.image_sd:g} dB ({per_seed:.2g} dB of a mean).",
                "Ranks: all pairs over seeds and images, Holm's correction, 95 % confidence, as in leaderboards.",
                f"*seen*: advantage that one method needs to be told from the others in {SEEN:.0%} of cases.",
            ),
            tables={"False differences and power": frame(found)},
            verdicts=(),
            protocol={"images": self.images, "options": self.options(), "seed": request.seed},
            draw=lambda: draw(found),
            caption="Left: tables of equal methods in which some are called different; the dashed line is the level. "
            "Right: share of the other methods from which a better one is told.",
        )

    @property
    def settings(self) -> list[TableSize]:
        """All sizes: every number of seeds with equal and unlike spreads, other numbers of methods and images."""
        table = [
            TableSize(self.methods, seeds, self.images, unlike) for unlike in (False, True) for seeds in self.seeds
        ]
        middle = sorted(self.seeds)[min(1, len(self.seeds) - 1)]
        few = [TableSize(methods, middle, self.images, False) for methods in (2, 4, 16) if methods != self.methods]
        return [*table, *few, TableSize(self.methods, middle, max(2, self.images // 10), False)]

    def count(self, setting: TableSize, rng: np.random.Generator) -> CalibrationCounts:
        """Draw tables of equal methods, and count how often some are told apart, also with one that is better."""
        shared, pairs, power = [], [], np.zeros((self.draws, len(GAPS)))
        for place in range(self.draws):
            scores = self.scores(setting, rng)
            gaps = compared(scores)
            better = better_pairs(setting.methods, gaps)
            shared.append(all(ranks.low == 1 for ranks in rank_sets(better)))
            pairs.append(better.sum() / len(gaps))
            for column, gap in enumerate(GAPS):
                raised = {(i, j): CrossedMean(m.value + gap * (i == 0), m.parts) for (i, j), m in gaps.items()}
                power[place, column] = better_pairs(setting.methods, raised)[0].sum() / (setting.methods - 1)
        return CalibrationCounts(setting, float(np.mean(shared)), float(np.mean(pairs)), power.mean(0))

    def scores(self, setting: TableSize, rng: np.random.Generator) -> Floats:
        """Return the scores ``[M, S, N]`` of equal methods in dB."""
        spread = np.resize(UNLIKE, setting.methods) if setting.unlike else np.ones(setting.methods)
        shape = setting.methods, setting.seeds, setting.images
        scores = rng.normal(size=(*shape[:2], 1)) * (self.seed_sd * spread)[:, None, None]
        images = rng.normal(size=(shape[0], 1, shape[2])) + rng.normal(size=shape)
        return np.asarray(scores + self.image_sd * images)


def compared(scores: Floats) -> dict[tuple[int, int], CrossedMean]:
    """Return the mean difference of each pair of methods in scores ``[M, S, N]``, as a leaderboard computes it."""
    pool = seed_pool(scores.mean(2))
    return {
        (i, j): crossed_mean((scores[i] - scores[j]).mean(1), [scores[i] - scores[j]], pool)
        for i, j in itertools.combinations(range(len(scores)), 2)
    }


def frame(found: Sequence[CalibrationCounts]) -> pd.DataFrame:
    """Return one row for each setting."""
    import pandas as pd

    rows = []
    for each in found:
        told = dict(zip(GAPS, each.power, strict=True))
        size = each.setting
        rows.append(
            {
                "methods": size.methods,
                "seeds": size.seeds,
                "images": size.images,
                "spreads": "unlike" if size.unlike else "equal",
                "all share rank 1": each.shared,
                "pairs called different": each.pairs,
                "told at .5 dB": told[0.5],
                "told at 1 dB": told[1.0],
                "seen, dB": each.seen,
            }
        )
    return pd.DataFrame(rows)


def draw(found: Sequence[CalibrationCounts]) -> Figure:
    """Draw the share of tables with a false difference, and the power at each number of seeds."""
    from bench.reports import plotting

    figure = plotting.canvas(9, 3.6, "Calibration of ranks")
    left, right = figure.subplots(1, 2)
    plotting.dress(left, "training seeds", "tables with a false difference", "equal methods")
    plotting.dress(right, "advantage of one method, dB", "told from the others", "one better method")
    first = found[0].setting
    like = [each for each in found if (each.setting.methods, each.setting.images) == (first.methods, first.images)]
    for unlike, colour in ((False, plotting.BLUE), (True, plotting.ORANGE)):
        line = sorted((e.setting.seeds, 1 - e.shared) for e in like if e.setting.unlike == unlike)
        left.plot(*zip(*dict(line).items(), strict=True), "o-", color=colour, label="unlike" if unlike else "equal")
    left.axhline(0.05, color="#888888", linestyle="--", linewidth=1)
    left.set_ylim(0, max(0.1, *(1.2 * (1 - each.shared) for each in like)))
    left.legend(title="spreads over seeds", frameon=False)
    seen: set[int] = set()
    for each in like:
        if not each.setting.unlike and each.setting.seeds not in seen:
            seen.add(each.setting.seeds)
            right.plot((0.0, *GAPS), (0.0, *each.power), label=f"{each.setting.seeds} seeds")
    right.axhline(SEEN, color="#888888", linestyle="--", linewidth=1)
    right.legend(frameon=False)
    return figure
