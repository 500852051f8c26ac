"""Each verdict from numbers that are planted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bench.overfit import neighbours as nb
from bench.overfit.modes import mode_statistics
from bench.overfit.statistics import error_statistics
from bench.overfit.verdict import OUTCOMES, overfit_verdict

RNG = np.random.default_rng(0)
PLAIN = RNG.lognormal(-3, 0.8, 300)
FOUND, LOST = np.full(300, 1e-9), np.full(300, 1e-3)


def shuffled():
    return np.random.default_rng(1).lognormal(-3, 0.8, 300)


@pytest.fixture(scope="module")
def sets():
    rows = [np.random.default_rng(seed).normal(size=(200, 5)).astype(np.float32) for seed in range(3)]
    return nb.set_statistics(*rows)


def with_variety(sets, nearest, variance):
    return dataclasses.replace(sets, variety=nb.Variety(nearest, variance))


def test_memorises_when_training_errors_are_lower(sets):
    found = overfit_verdict(error_statistics(shuffled() / 3, PLAIN, FOUND), sets)
    assert found.outcome == "memorises"
    assert "recovered better" in found.reasons[0]


def test_memorises_when_a_few_are_known_by_heart():
    train = shuffled()
    train[:25] = 1e-9
    found = overfit_verdict(error_statistics(train, PLAIN, FOUND))
    assert found.outcome == "memorises"
    assert "a few of them are memorised" in found.reasons[0]


def test_below_the_gate_silence_says_nothing(sets):
    found = overfit_verdict(error_statistics(shuffled(), PLAIN, LOST), sets)
    assert found.outcome == "cannot tell"
    assert "recovers 0.0%" in found.reasons[0]
    assert "--steps" in found.advice[0]


def test_below_the_gate_a_gap_has_to_be_clearer(sets):
    outcomes = {}
    for factor in (1.15, 1.3):
        errors = error_statistics(shuffled() / factor, PLAIN, LOST)
        outcomes[factor] = overfit_verdict(errors, sets), errors.separation.p
    weak, clear = outcomes[1.15], outcomes[1.3]
    assert 0.001 < weak[1] < 0.01
    assert weak[0].outcome == "cannot tell"
    assert "stronger search may confirm" in weak[0].reasons[1]
    assert clear[1] < 0.001
    assert clear[0].outcome == "memorises"
    assert "recovers only 0.0% of the generated images" in clear[0].reasons[1]


def test_copies_need_no_search(sets):
    copied = dataclasses.replace(sets, copying=nb.Copying(0.9, 0.5, 2e-4))
    assert overfit_verdict(error_statistics(shuffled(), PLAIN, LOST), copied).outcome == "memorises"


def test_no_sign_says_what_would_have_shown(sets):
    found = overfit_verdict(error_statistics(shuffled(), PLAIN, FOUND), sets)
    assert found.outcome == "no sign found at this power"
    assert "300 training and 300 unseen images show a Cliff's delta of 0.1" in found.reasons[1]
    assert "--n " in found.advice[0]


@pytest.mark.parametrize(("nearest", "variance"), [(0.05, 1.0), (1.0, 0.1)])
def test_collapsed_when_samples_are_alike(sets, nearest, variance):
    assert (
        overfit_verdict(error_statistics(shuffled(), PLAIN, FOUND), with_variety(sets, nearest, variance)).outcome
        == "collapsed"
    )


def test_two_kinds_of_real_images_cannot_be_compared(sets):
    differ = dataclasses.replace(sets, alike=nb.Alike(0.7, 2e-4))
    found = overfit_verdict(error_statistics(shuffled() / 3, PLAIN, FOUND), differ)
    assert found.outcome == "cannot tell"
    assert "draw both from one pool" in found.reasons[0]


def test_training_images_recovered_worse_are_no_memorisation():
    found = overfit_verdict(error_statistics(PLAIN * 3, shuffled(), FOUND))
    assert found.outcome == "cannot tell"
    assert "gap -" in found.reasons[0]


def test_few_images_cannot_show_even_a_large_effect():
    found = overfit_verdict(error_statistics(shuffled()[:15], PLAIN[:15], FOUND))
    assert found.outcome == "cannot tell"
    assert "needed for a large effect" in found.reasons[0]


def kinds(own, worse, near=1.0):
    """The last of five kinds: errors ``worse`` times as large, distances to training images ``near`` times."""
    real = np.repeat(np.arange(5), 60)
    errors = np.where(real == 4, worse, 1.0) * shuffled()
    return mode_statistics(real, own, errors, np.where(real == 4, near, 1.0), list("abcde"))


def test_a_kind_is_missing_if_it_is_rare_and_out_of_reach(sets):
    whole, lacking = np.repeat(np.arange(5), 100), np.repeat(np.arange(4), 125)
    errors = error_statistics(shuffled(), PLAIN, FOUND)
    found = overfit_verdict(errors, sets, kinds(lacking, 6.0))
    assert found.outcome == "drops modes"
    assert found.reasons[0].startswith("e: 0.0% of samples, 20.0% of unseen images")
    for own, worse in ((lacking, 1.0), (whole, 6.0)):
        assert overfit_verdict(errors, sets, kinds(own, worse)).outcome == "no sign found at this power"
    lost = error_statistics(shuffled(), PLAIN, LOST)
    assert overfit_verdict(lost, sets, kinds(lacking, 6.0)).outcome == "cannot tell"


def test_a_kind_that_is_easy_to_draw_is_missing_if_training_images_are_much_nearer():
    lacking = np.repeat(np.arange(4), 125)
    assert [k.name for k in kinds(lacking, 1.0, 0.4).missing] == ["e"]
    assert not kinds(lacking, 1.0, 1.0).missing
    assert not kinds(np.repeat(np.arange(5), 100), 1.0, 0.4).missing
    few = np.concatenate([lacking, np.full(40, 4)])
    assert [k.name for k in kinds(few, 6.0).missing] == ["e"]
    assert not kinds(np.concatenate([lacking, np.full(80, 4)]), 6.0).missing


def test_distances_of_zero_leave_the_errors_to_speak():
    found = kinds(np.repeat(np.arange(4), 125), 6.0, 0.0)
    assert np.isfinite([k.error_p for k in found.kinds]).all()
    assert [k.name for k in found.missing] == ["e"]


def test_a_collapse_leaves_kinds_out(sets):
    lacking = kinds(np.repeat(np.arange(4), 125), 6.0)
    found = overfit_verdict(error_statistics(shuffled(), PLAIN, FOUND), with_variety(sets, 0.1, 0.5), lacking)
    assert found.outcome == "collapsed"
    assert [f.state for f in found.findings] == ["not found", "found", "not looked for"]


def test_faults_are_told_apart_and_all_named(sets):
    both = overfit_verdict(error_statistics(shuffled() / 3, PLAIN, FOUND), with_variety(sets, 0.1, 0.5))
    assert both.outcome == "memorises"
    assert [f.state for f in both.findings] == ["found", "found", "not looked for"]
    assert {both.outcome} <= set(OUTCOMES)
