"""Verdicts: the faults of a generator, or the reasons why the tests are inconclusive.

The three faults are those of Creswell and Bharath (2018, section VII): memorised training samples, dropped modes,
collapse. A fault is reported only where a test is significant; its absence only where the tests had enough power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from bench.overfit.modes import ModeStatistics
from bench.overfit.neighbours import SetStatistics
from bench.overfit.power import ALPHA, LARGE_EFFECT, NEGLIGIBLE_EFFECT, Detectable, images_needed
from bench.overfit.statistics import ErrorStatistics, Gate

Outcome = Literal["memorises", "collapsed", "drops modes", "no sign found at this power", "cannot tell"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
SHOWN = {"no sign found at this power": "no evidence at this power", "cannot tell": "inconclusive"}
"""Words of pages and tables for outcomes that ``overfit.json`` keeps under older ones."""


def shown(outcome: str) -> str:
    """Word under which an outcome is shown."""
    return SHOWN.get(outcome, outcome)


Fault = Literal["memorisation", "collapse", "mode dropping"]
State = Literal["found", "not found", "cannot tell", "not looked for"]

COLLAPSED = 0.25
"""Samples are collapsed below this ratio of their distances, or of their variance, to those of unseen images."""
STRICT_ALPHA = 0.001
"""Level for unexpected results: training images that are recovered worse, or better by a search below its gate."""


@dataclass(frozen=True)
class FaultFinding:
    """The finding on one fault, with its reasons."""

    fault: Fault
    state: State
    because: tuple[str, ...]


@dataclass(frozen=True)
class OverfitVerdict:
    """The verdict on a generator.

    Attributes:
        outcome: one of ``OUTCOMES``; of several faults, the first in their order.
        findings: one finding per fault.
        advice: changes that would make the tests more conclusive.
    """

    outcome: Outcome
    findings: tuple[FaultFinding, ...]
    advice: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reasons of the findings that decide the outcome."""
        decisive: dict[Outcome, State] = {"no sign found at this power": "not found", "cannot tell": "cannot tell"}
        wanted = decisive.get(self.outcome, "found")
        return tuple(text for finding in self.findings if finding.state == wanted for text in finding.because)


def overfit_verdict(
    errors: ErrorStatistics, sets: SetStatistics | None = None, modes: ModeStatistics | None = None
) -> OverfitVerdict:
    """Decide the outcome.

    - *memorises*: training images are recovered better at p < ``ALPHA`` by a search that passes its gate, or at
      p < ``STRICT_ALPHA`` by one that does not; or samples are copies at p < ``ALPHA``, for which no search is
      needed. The gate is required for the absence of memorisation, not for its presence: without memorisation,
      errors do not depend on membership, whatever the search.
    - *collapsed*: samples are nearly identical.
    - *drops modes*: the search passes its gate, and a class of images is missing.
    - *no sign found at this power*: none of these, by a search that passes its gate, on sets that are exchangeable
      and large enough to detect a large effect.
    - *cannot tell*: anything else.

    Args:
        errors: statistics of recovery errors.
        sets: statistics of samples; None leaves out copies, collapse and the comparison of both real sets.
        modes: statistics of classes; None leaves out missing modes.
    """
    collapse = _collapse(sets)
    findings = (_memorisation(errors, sets), collapse, _dropping(errors.gate, modes, collapse.state == "found"))
    names: dict[Fault, Outcome] = {
        "memorisation": "memorises",
        "collapse": "collapsed",
        "mode dropping": "drops modes",
    }
    found = [names[f.fault] for f in findings if f.state == "found"]
    if found:
        outcome = found[0]
    elif any(f.state == "cannot tell" for f in findings):
        outcome = "cannot tell"
    else:
        outcome = "no sign found at this power"
    return OverfitVerdict(outcome, findings, tuple(_advice(errors, sets, findings)))


def gap_words(errors: ErrorStatistics) -> str:
    """Format the gap with its interval, effect size and p."""
    gap, tests = errors.gap, errors.separation
    return (
        f"gap {gap.value:+.3f} [{gap.interval.low:+.3f}, {gap.interval.high:+.3f}], Cliff's delta "
        f"{tests.cliffs_delta:+.3f}, p = {tests.p:.2g}"
    )


def power_words(found: Detectable, counts: tuple[int, int]) -> str:
    """Describe the effect that these numbers of images can detect."""
    gap = ""
    if not math.isnan(found.gap):
        gap = f", a gap of {found.gap:.2f} if all training errors were lower by one factor"
    return (
        f"{counts[0]} training and {counts[1]} unseen images show a Cliff's delta of {found.delta:.2f} with "
        f"probability {found.power:g}{gap}"
    )


def _memorisation(errors: ErrorStatistics, sets: SetStatistics | None) -> FaultFinding:
    tests, gate = errors.separation, errors.gate
    reversed_order = tests.cliffs_delta < 0 and tests.mann_whitney_p < STRICT_ALPHA
    if sets is not None and sets.alike.differ:
        return FaultFinding("memorisation", "cannot tell", (_differ(sets),))
    if reversed_order:
        text = (
            f"training images are recovered worse than unseen ones ({gap_words(errors)}): the two sets differ in "
            "distribution, or are interchanged"
        )
        return FaultFinding("memorisation", "cannot tell", (text,))
    reasons = (*_better(errors), *_copies(sets))
    if reasons:
        return FaultFinding("memorisation", "found", reasons)
    if not gate.passed:
        return FaultFinding("memorisation", "cannot tell", _below_gate(errors))
    if errors.detectable.delta > LARGE_EFFECT:
        return FaultFinding("memorisation", "cannot tell", (_too_few(errors),))
    power = power_words(errors.detectable, (errors.train.n, errors.test.n))
    nothing = f"training images are recovered no better than unseen ones: {gap_words(errors)}"
    return FaultFinding("memorisation", "not found", (nothing, power))


def _better(errors: ErrorStatistics) -> tuple[str, ...]:
    """Return the reasons that training images are recovered better, if that is significant."""
    tests, gate = errors.separation, errors.gate
    if tests.p >= (ALPHA if gate.passed else STRICT_ALPHA):
        return ()
    few = tests.better_p > tests.tail_p and tests.cliffs_delta < NEGLIGIBLE_EFFECT
    what = (
        f"{tests.tail_share:.0%} of the lowest errors are of training images: a few of them are memorised"
        if few
        else "training images are recovered better than unseen ones"
    )
    found = f"{what}: {gap_words(errors)}"
    if gate.passed:
        return (found,)
    return (
        found,
        f"the search recovers only {gate.rate:.1%} of the generated images, so that the true gap may be larger; its "
        "presence does not depend on the search",
    )


def _copies(sets: SetStatistics | None) -> tuple[str, ...]:
    if sets is None or sets.copying.p >= ALPHA:
        return ()
    c = sets.copying
    return (
        f"{c.share:.1%} of samples are nearer to a training image than to any unseen one, {c.expected:.1%} would be "
        f"so by chance, p = {c.p:.2g}",
    )


def _collapse(sets: SetStatistics | None) -> FaultFinding:
    if sets is None:
        return FaultFinding("collapse", "not looked for", ("no statistics of samples were computed",))
    v = sets.variety
    text = (
        f"samples are {v.nearest:.2f} times as far from each other as unseen images (median to the nearest), their "
        f"variance is {v.variance:.2f} of theirs"
    )
    return FaultFinding("collapse", "found" if min(v.nearest, v.variance) < COLLAPSED else "not found", (text,))


def _dropping(gate: Gate, modes: ModeStatistics | None, collapsed: bool) -> FaultFinding:
    if modes is None:
        return FaultFinding("mode dropping", "not looked for", ("images were not divided into classes",))
    if collapsed:
        text = "samples are nearly identical, so that most classes are missing"
        return FaultFinding("mode dropping", "not looked for", (text,))
    if modes.missing and gate.passed:
        texts = (
            f"{k.name}: {k.own_share:.1%} of samples, {k.real_share:.1%} of unseen images, which are recovered to a "
            f"median error of {k.median_error:.3g}: worse than the others, or than others as near to training images "
            f"(p = {k.error_p:.2g})"
            for k in modes.missing
        )
        return FaultFinding("mode dropping", "found", tuple(texts))
    if modes.missing:
        names = ", ".join(k.name for k in modes.missing)
        return FaultFinding("mode dropping", "cannot tell", (f"rare among samples, but the search fails: {names}",))
    return FaultFinding("mode dropping", "not found", (f"none of {len(modes.kinds)} {modes.basis} is missing",))


def _below_gate(errors: ErrorStatistics) -> tuple[str, ...]:
    gate, tests = errors.gate, errors.separation
    text = (
        f"the search recovers {gate.rate:.1%} [{gate.interval.low:.1%}, {gate.interval.high:.1%}] of the generated "
        f"images (error below {gate.recovered_below:g}); {gate.needed:.0%} are needed before the absence of a gap is "
        "evidence"
    )
    if tests.p >= ALPHA:
        return (text,)
    return (
        text,
        f"even so, training images are recovered better ({gap_words(errors)}): a stronger search may confirm it",
    )


def _too_few(errors: ErrorStatistics) -> str:
    few = min(errors.train.n, errors.test.n)
    return (
        f"{few} images of each group cannot detect a Cliff's delta below {errors.detectable.delta:.2f}; "
        f"{images_needed(LARGE_EFFECT)} of each are needed for a large effect ({LARGE_EFFECT:g})"
    )


def _differ(sets: SetStatistics) -> str:
    return (
        f"training and unseen images can be distinguished without any generator (1-NN accuracy "
        f"{sets.alike.accuracy:.3f}, p = {sets.alike.p:.2g}), so that a gap may come from that; draw both from one "
        "pool"
    )


def _advice(errors: ErrorStatistics, sets: SetStatistics | None, findings: tuple[FaultFinding, ...]) -> list[str]:
    texts = []
    if not errors.gate.passed:
        texts.append(
            "a stronger search: more steps (--steps), more starts (--search 'lbfgs?starts=4'), or another one "
            "(--search lm); or a milder threshold (--recovered), if no search recovers generated images"
        )
    if findings[0].state == "not found":
        half = errors.detectable.delta / 2
        texts.append(f"--n {images_needed(half):,} would show an effect half as large (Cliff's delta {half:.2f})")
    if sets is not None and sets.alike.differ:
        texts.append("training and unseen images drawn at random from one pool")
    return texts
