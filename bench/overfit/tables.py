"""Tables and JSON of an examination, with a description of what each statistic detects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from bench.overfit.examination import GROUPS, OverfitReport
from bench.overfit.neighbours import CAN_SEE
from bench.overfit.statistics import QUANTILES, Spread
from bench.overfit.verdict import gap_words, power_words, shown
from bench.statistics import Interval

NAMES = {"train": "training images", "test": "unseen images", "own": "generated images"}
Row = tuple[str, ...]
MANY_OUTSIDE = 0.05
"""Share of codes outside of the prior's support above which the report notes it."""


def error_rows(e: OverfitReport) -> Iterator[Row]:
    """Yield the recovery errors of each group: name, n, median, mean, quantiles, share recovered, log P(z)."""
    spreads = {"train": e.statistics.train, "test": e.statistics.test, "own": e.statistics.own}
    for name in GROUPS:
        found, spread = e.errors[name], spreads[name]
        recovered = float((found.errors < e.settings.recovered_below).mean())
        inside = found.log_prob[found.log_prob > -math.inf]
        likely = f"{inside.mean():.1f}" if len(inside) else "–"
        outside = 1 - len(inside) / len(found.log_prob)
        yield (NAMES[name], str(spread.n), *_numbers(spread), f"{recovered:.1%}", likely, f"{outside:.0%}")


def error_columns() -> Row:
    """Return the headings of ``error_rows``."""
    return ("images", "n", "median", "mean", *(f"{q:.0%}" for q in QUANTILES), "recovered", "log P(z)", "outside")


def number_rows(e: OverfitReport) -> Iterator[Row]:
    """Yield every statistic: name, value, and what it detects and does not."""
    s, t, c = e.statistics, e.statistics.separation, e.sets
    yield (
        "signed gap of medians",
        f"{s.gap.value:+.4f} {span(s.gap.interval)}",
        "Above 0: training images are recovered better. Not: a few memorised images among many.",
    )
    yield (
        "Kolmogorov-Smirnov",
        f"{t.ks:.3f}, p = {t.ks_p:.2g}",
        "Any difference of the two distributions, of either sign.",
    )
    yield (
        "Mann-Whitney",
        f"p = {t.mann_whitney_p:.2g}, one-sided {t.better_p:.2g}",
        "One-sided: training errors are lower on the whole.",
    )
    yield "Cliff's delta", f"{t.cliffs_delta:+.3f}", "Effect size: .147 small, .33 medium, .474 large."
    yield (
        "AUC of membership",
        f"{t.auc:.3f}",
        "Accuracy of a low error as a predictor that an image was trained on; .5 is chance.",
    )
    yield (
        "training images in the lowest 5 %",
        f"{t.tail_share:.1%}, p = {t.tail_p:.2g}",
        "A few memorised images, which do not change a median.",
    )
    gate = s.gate
    yield (
        "gate: generated images recovered",
        f"{gate.rate:.1%} {span(gate.interval)}, {gate.needed:.0%} needed",
        "Power of the search: share of images with a known code that it recovers. Below it, no gap is no evidence.",
    )
    yield (
        "copying",
        f"{c.copying.share:.1%} nearer to training images, {c.copying.expected:.1%} by chance, p = {c.copying.p:.2g}",
        CAN_SEE["copying"],
    )
    yield "AuthPct", f"{c.auth_pct:.1f} %", CAN_SEE["auth_pct"]
    yield "C_T", f"{c.c_t:+.2f}", CAN_SEE["c_t"]
    yield "1-NN accuracy", f"{c.one_nn.accuracy:.3f}", CAN_SEE["one_nn"]
    yield "precision", f"{c.precision:.3f}", CAN_SEE["precision"]
    yield "recall", f"{c.recall:.3f}", CAN_SEE["recall"]
    yield (
        "variety",
        f"distances {c.variety.nearest:.2f}, variance {c.variety.variance:.2f} of unseen images'",
        CAN_SEE["variety"],
    )
    yield (
        "training against unseen",
        f"1-NN accuracy {c.alike.accuracy:.3f}, p = {c.alike.p:.2g}",
        "A test that both are draws from one pool; if not, a gap between them cannot be interpreted.",
    )


def kind_rows(e: OverfitReport) -> Iterator[Row]:
    """Yield classes of images: name, share of real images, share of samples, median error, missing or not."""
    for k in e.modes.kinds:
        error = "–" if math.isnan(k.median_error) else f"{k.median_error:.4f}"
        yield k.name, f"{k.real_share:.1%}", f"{k.own_share:.1%}", error, "missing" if k.missing else ""


def curve_rows(e: OverfitReport) -> Iterator[Row]:
    """Yield the gap at each search budget."""
    for p in e.curve:
        gap = f"{p.gap.value:+.3f} {span(p.gap.interval)}"
        yield str(p.steps), str(p.images), gap, f"{p.train:.4g}", f"{p.test:.4g}", f"{p.recovered:.0%}"


def how(e: OverfitReport) -> list[str]:
    """Return the measurement protocol, one sentence per item."""
    search = e.settings.search
    options = ", ".join(f"{k} = {v}" for k, v in sorted(search.method.options.items()))
    power = power_words(e.statistics.detectable, (e.statistics.train.n, e.statistics.test.n))
    texts = [
        f"Recovery error: least mean squared error that {search.method.name} ({options or 'as it is'}) reaches in "
        f"{search.steps} steps, pixels in [-1, 1]; seed {search.seed}; the same for every group.",
        f"Power: {power}.",
        f"Samples: {e.sets.counts[0]:,} of the GAN against {e.sets.counts[1]:,} training and {e.sets.counts[2]:,} "
        "unseen images, as pixels.",
        f"Gap: (median unseen - median training) / the larger of them; {e.statistics.gap.interval.level:.0%} "
        "bootstrap interval over images. It does not cover other training seeds.",
    ]
    outside = float(np.mean([np.isneginf(found.log_prob).mean() for found in e.errors.values()]))
    if outside > MANY_OUTSIDE:
        texts.append(
            f"{outside:.0%} of the codes lie outside of the prior's support, where the GAN never samples; "
            "--search 'lbfgs?stretch=0.9&clipping=project' keeps them inside."
        )
    return texts


def content(e: OverfitReport, environment: dict[str, Any]) -> dict[str, Any]:
    """Return the examination as JSON; per-image errors are in a file of their own."""
    return {
        "gan": e.title,
        "data": e.data,
        "verdict": {
            "outcome": e.verdict.outcome,
            "reasons": list(e.verdict.reasons),
            "findings": [asdict(f) for f in e.verdict.findings],
            "advice": list(e.verdict.advice),
        },
        "n": e.settings.n,
        "search": e.settings.search.facts(),
        "errors": asdict(e.statistics),
        "samples": asdict(e.sets),
        "kinds": {"basis": e.modes.basis, "kinds": [asdict(k) for k in e.modes.kinds]},
        "curve": [asdict(p) for p in e.curve],
        "remarks": list(e.remarks),
        "facts": dict(e.facts),
        "cost": dict(e.cost),
        "environment": environment,
    }


def headline(e: OverfitReport) -> str:
    """Return the verdict in one line."""
    return f"{e.title}: {shown(e.verdict.outcome)} ({gap_words(e.statistics)})"


def span(interval: Interval) -> str:
    """Format an interval in brackets."""
    return f"[{interval.low:.3g}, {interval.high:.3g}]"


def _numbers(spread: Spread) -> Row:
    return tuple(f"{v:.3g}" for v in (spread.median, spread.mean, *spread.quantiles))
