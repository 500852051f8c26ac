"""Stored values of an examination in the memorisation study, and baselines of statistics without a threshold."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.core.types import Gan
    from bench.overfit.inputs import Real
    from bench.overfit.neighbours import SetStatistics
    from bench.overfit.statistics import ErrorStatistics

Row = dict[str, Any]


def error_values(found: ErrorStatistics) -> Row:
    """Return the values of ``ErrorStatistics`` that a row stores."""
    tests, gap = found.separation, found.gap
    return {
        "gate": found.gate.rate,
        "passed": found.gate.passed,
        "gap": gap.value,
        "gap_low": gap.interval.low,
        "gap_high": gap.interval.high,
        **asdict(tests),
        "p": tests.p,
        "train_median": found.train.median,
        "unseen_median": found.test.median,
        "own_median": found.own.median,
    }


def set_values(found: SetStatistics) -> Row:
    """Return the values of ``SetStatistics`` that a row stores."""
    return {
        "copying_share": found.copying.share,
        "copying_expected": found.copying.expected,
        "copying_p": found.copying.p,
        "auth_pct": found.auth_pct,
        "c_t": found.c_t,
        "one_nn_unseen": found.one_nn.accuracy,
        "precision": found.precision,
        "recall": found.recall,
        "nearest": found.variety.nearest,
        "variance": found.variety.variance,
        "alike_p": found.alike.p,
    }


def baselines(real: Real, gan: Gan, seed: int, device: str) -> Row:
    """Compute AuthPct of unseen images, as of a perfect GAN, and 1-NN accuracy of samples and training images."""
    from bench.metrics.base import to_u8
    from bench.overfit.distances import flat, nearest
    from bench.overfit.examination import SAMPLES, own_samples
    from bench.overfit.neighbours import auth_pct, one_nn

    train, unseen = (flat(images.data.numpy()) for images in (real.train, real.test))
    few = min(SAMPLES, len(train))
    own = flat(to_u8(own_samples(gan, few, seed, device).data).numpy())
    authentic = auth_pct(train, nearest(unseen[:SAMPLES], train))
    return {
        "auth_unseen": authentic,
        "auth_counts": [SAMPLES, min(SAMPLES, len(unseen))],
        "one_nn_train": one_nn(own, train[:few]).accuracy,
        "one_nn_count": 2 * few,
    }
