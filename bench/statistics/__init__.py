"""Statistics of per-image and per-seed values: intervals, tests, effect sizes, ranks; pure functions of arrays.

Intervals over images describe how the mean varies over other images of the same kind, for the given networks. The
variation over training seeds is described by the standard deviation over seeds.
"""

from bench.statistics.comparisons import (
    EXACT_SIGN_FLIPS,
    differences,
    effect_size,
    paired_interval,
    sign_flip_p,
    wilcoxon_p,
    win_rate,
)
from bench.statistics.curves import r_squared, slope_changes
from bench.statistics.intervals import (
    LEVEL,
    Floats,
    Interval,
    mean_and_sd,
    over_seeds,
    percentile_interval,
    percentile_intervals,
    t_interval,
)
from bench.statistics.ranks import MOST_ORDERED, competition_ranks, share_of_orders, spearman, tie_groups
from bench.statistics.resampling import (
    RESAMPLES,
    SEED,
    bootstrap_means,
    jackknife_error,
    jackknife_interval,
    mean_interval,
    partition,
    resample_counts,
)

__all__ = [
    "EXACT_SIGN_FLIPS",
    "LEVEL",
    "MOST_ORDERED",
    "RESAMPLES",
    "SEED",
    "Floats",
    "Interval",
    "bootstrap_means",
    "competition_ranks",
    "differences",
    "effect_size",
    "jackknife_error",
    "jackknife_interval",
    "mean_and_sd",
    "mean_interval",
    "over_seeds",
    "paired_interval",
    "partition",
    "percentile_interval",
    "percentile_intervals",
    "r_squared",
    "resample_counts",
    "share_of_orders",
    "sign_flip_p",
    "slope_changes",
    "spearman",
    "t_interval",
    "tie_groups",
    "wilcoxon_p",
    "win_rate",
]
