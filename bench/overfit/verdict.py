"""From numbers to words: what is wrong with a generator, or why it cannot be told. Every verdict has its reasons.

The three faults are those of Creswell and Bharath (2018, section VII): memorised training samples, dropped modes,
collapse. A fault is only found where a test says so; its absence is only said where the tests could have seen it.
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
Fault = Literal["memorisation", "collapse", "mode dropping"]
State = Literal["found", "not found", "cannot tell", "not looked for"]

COLLAPSED = 0.25
"""Samples this much nearer to each other than unseen images are, or of this share of their variance, are alike."""
STRICT_ALPHA = 0.001
"""Level of what a reader would not expect: training images that are recovered worse, or better by a weak search."""


@dataclass(frozen=True)
class FaultFinding:
    """One fault: whether it was found, and why that is said."""

    fault: Fault
    state: State
    because: tuple[str, ...]


@dataclass(frozen=True)
class OverfitVerdict:
    """What is said of a generator.

    Attributes:
        outcome: one of ``OUTCOMES``. Of several faults the first in their order; the others are in ``findings``.
        findings: one for each fault.
        advice: what would decide more.
    """

    outcome: Outcome
    findings: tuple[FaultFinding, ...]
    advice: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the outcome is what it is: of the faults that decide it."""
        decisive: dict[Outcome, State] = {"no sign found at this power": "not found", "cannot tell": "cannot tell"}
        wanted = decisive.get(self.outcome, "found")
        return tuple(text for finding in self.findings if finding.state == wanted for text in finding.because)


def judge(
    errors: ErrorStatistics, sets: SetStatistics | None = None, modes: ModeStatistics | None = None
) -> OverfitVerdict:
    """Decide.

    - *memorises*: training images are recovered better at p < ``ALPHA`` by a search that passes its gate, or at
      p < ``STRICT_ALPHA`` by one that does not; or samples are copies at p < ``ALPHA``, for which no search is
      needed. The gate guards silence, not findings: whether an image was trained on says nothing of its error if
      nothing was memorised, and this holds of a weak search too.
    - *collapsed*: samples are alike.
    - *drops modes*: the search passes its gate, and a kind of images is missing.
    - *no sign found at this power*: nothing of this, by a search that passes its gate, on sets that are alike and
      large enough for a large effect to show.
    - *cannot tell*: anything else.

    Args:
        errors: of recovery.
        sets: of samples; None leaves copies, collapse and the likeness of both sets out.
        modes: None leaves missing modes out.
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
    """The gap with its interval, effect size and p."""
    gap, tests = errors.gap, errors.separation
    return (
        f"gap {gap.value:+.3f} [{gap.interval.low:+.3f}, {gap.interval.high:+.3f}], Cliff's delta "
        f"{tests.cliffs_delta:+.3f}, p = {tests.p:.2g}"
    )


def power_words(found: Detectable, counts: tuple[int, int]) -> str:
    """What these numbers of images could have shown."""
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
            f"training images are recovered worse than unseen ones ({gap_words(errors)}): the two sets are of "
            "different kinds, or stand in each other's place"
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
    """How training images are recovered better, if that is not chance."""
    tests, gate = errors.separation, errors.gate
    if tests.p >= (ALPHA if gate.passed else STRICT_ALPHA):
        return ()
    few = tests.better_p > tests.tail_p and tests.cliffs_delta < NEGLIGIBLE_EFFECT
    what = (
        f"{tests.tail_share:.0%} of the lowest errors are of training images: a few of them are known by heart"
        if few
        else "training images are recovered better than unseen ones"
    )
    found = f"{what}: {gap_words(errors)}"
    if gate.passed:
        return (found,)
    return (
        found,
        f"the search finds only {gate.rate:.1%} of the generator's own images again, so that the gap may be larger "
        "than it shows; that there is one does not hang on it",
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
        return FaultFinding("collapse", "not looked for", ("samples were not compared",))
    v = sets.variety
    text = (
        f"samples are {v.nearest:.2f} times as far from each other as unseen images (median to the nearest), their "
        f"variance is {v.variance:.2f} of theirs"
    )
    return FaultFinding("collapse", "found" if min(v.nearest, v.variance) < COLLAPSED else "not found", (text,))


def _dropping(gate: Gate, modes: ModeStatistics | None, collapsed: bool) -> FaultFinding:
    if modes is None:
        return FaultFinding("mode dropping", "not looked for", ("no kinds of images were told apart",))
    if collapsed:
        return FaultFinding("mode dropping", "not looked for", ("samples are alike, so that most kinds are missing",))
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
        f"the search finds {gate.rate:.1%} [{gate.interval.low:.1%}, {gate.interval.high:.1%}] of the generator's "
        f"own images again (error below {gate.recovered_below:g}); {gate.needed:.0%} are needed before its errors "
        "say that nothing was memorised"
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
        f"{few} images of each kind show nothing below a Cliff's delta of {errors.detectable.delta:.2f}; "
        f"{images_needed(LARGE_EFFECT)} of each are needed for a large effect ({LARGE_EFFECT:g})"
    )


def _differ(sets: SetStatistics) -> str:
    return (
        f"training and unseen images can be told apart without any generator (1-NN accuracy "
        f"{sets.alike.accuracy:.3f}, p = {sets.alike.p:.2g}), so that a gap may come from that; draw both from one "
        "pool"
    )


def _advice(errors: ErrorStatistics, sets: SetStatistics | None, findings: tuple[FaultFinding, ...]) -> list[str]:
    texts = []
    if not errors.gate.passed:
        texts.append(
            "a stronger search: more steps (--steps), more starts (--search 'lbfgs?starts=4'), or another one "
            "(--search lm); or a milder threshold (--recovered), if no search finds its own images"
        )
    if findings[0].state == "not found":
        half = errors.detectable.delta / 2
        texts.append(f"--n {images_needed(half):,} would show an effect half as large (Cliff's delta {half:.2f})")
    if sets is not None and sets.alike.differ:
        texts.append("training and unseen images drawn at random from one pool")
    return texts
