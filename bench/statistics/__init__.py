"""Statistics of per-image and per-seed values: intervals, tests, effect sizes, ranks; pure functions of arrays.

Methods are compared over training seeds and images at once (``bench.statistics.crossed``). Intervals over images
alone describe how a mean varies over other images of the same kind, for the given networks.
"""

from bench.statistics.comparisons import (
    differences,
    effect_size,
    holm,
    paired_interval,
    win_rate,
)
from bench.statistics.crossed import (
    LEAST_P,
    CrossedMean,
    SeedPool,
    VariancePart,
    additive_effects,
    better_pairs,
    crossed_mean,
    image_part,
    p_values,
    seed_pool,
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
from bench.statistics.ranks import (
    MOST_ORDERED,
    RankSet,
    competition_ranks,
    rank_sets,
    share_of_orders,
    spearman,
    tie_groups,
)
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
    "LEAST_P",
    "LEVEL",
    "MOST_ORDERED",
    "RESAMPLES",
    "SEED",
    "CrossedMean",
    "Floats",
    "Interval",
    "RankSet",
    "SeedPool",
    "VariancePart",
    "additive_effects",
    "better_pairs",
    "bootstrap_means",
    "competition_ranks",
    "crossed_mean",
    "differences",
    "effect_size",
    "holm",
    "image_part",
    "jackknife_error",
    "jackknife_interval",
    "mean_and_sd",
    "mean_interval",
    "over_seeds",
    "p_values",
    "paired_interval",
    "partition",
    "percentile_interval",
    "percentile_intervals",
    "r_squared",
    "rank_sets",
    "resample_counts",
    "seed_pool",
    "share_of_orders",
    "slope_changes",
    "spearman",
    "t_interval",
    "tie_groups",
    "win_rate",
]
