"""The test bench of the examination: thresholds, tables, verdicts, and a run that is cut off."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binom, chi2_contingency, norm

from bench.core.errors import BenchError, DataError, UnknownName
from bench.core.types import ComponentSpec, Dataset, Images
from bench.overfit.reference_generators import ReferenceGenerator
from bench.overfit.reference_pool import split_pool
from bench.overfit.statistics import ALPHA
from bench.studies.base import StudyRequest
from bench.studies.memorisation import Memorisation
from bench.studies.memorisation_cases import PLANS, Case, list_cases, real_images
from bench.studies.memorisation_figure import draw
from bench.studies.memorisation_rules import (
    NORMAL,
    RULES,
    Findings,
    less_authentic,
    nearer_than_chance,
    rate_interval,
)

KNOWN, IDLE = {"p": 1e-6, "delta": 0.8, "outcome": "memorises"}, {"p": 0.4, "delta": 0.02, "outcome": "no sign"}


SMALL = ("sizes=[40]", "n=40", "unseen=80", "without=[1]", "search=lbfgs?stretch=0.9&probes=0")


def row(suspect, family, images, steps=40, draw=0, p=0.4, delta=0.02, outcome="no sign", **more):
    found = {
        "suspect": suspect, "family": family, "images": images, "steps": steps, "draw": draw, "without": [],
        "missing": [], "outcome": outcome, "gate": 1.0, "passed": True, "gap": delta, "gap_low": delta - 0.1,
        "gap_high": delta + 0.1, "cliffs_delta": delta, "auc": (1 + delta) / 2, "ks_p": p, "mann_whitney_p": p,
        "better_p": p, "tail_p": p, "p": p, "train_median": 0.01, "unseen_median": 0.02, "own_median": 1e-9,
        "copying_p": p, "auth_pct": 50.0, "auth_unseen": 50.0, "auth_counts": [2000, 2000], "c_t": 0.0,
        "one_nn_train": 0.5, "one_nn_count": 400, "precision": 0.5 + draw / 100, "recall": 0.5 + draw / 100,
        "nearest": 1.0, "variance": 1.0,
    }  # fmt: skip
    return found | more


def bench(accused=1, draws=20, weak=None, **other):
    """Rows of one memoriser at two sizes, and honest draws of which some are accused."""
    rows = []
    for steps, known in ((4, weak or IDLE), (40, KNOWN)):
        rows.append(row("glo-64", "glo", 64, steps, **known))
        rows.append(row("glo-all", "glo", 0, steps))
        states = [KNOWN if k < accused and steps == 40 else IDLE for k in range(draws)]
        rows += [row("honest-0", "honest", 0, steps, k, **state) for k, state in enumerate(states)]
    rows += [row(name, name.split("-")[0], **({"images": 0} | values)) for name, values in other.items()]
    return Findings(rows, (4, 40), (64, 0))


@pytest.mark.parametrize("authentic", [50.0, 47.5, 46.0, 40.0, 60.0])
def test_authenticity_is_compared_as_two_proportions(authentic):
    table = [[authentic * 20, 2000 - authentic * 20], [800, 800]]
    p = chi2_contingency(table, correction=False).pvalue / 2
    expected = authentic < 50 and p < ALPHA
    assert less_authentic(row("a", "gan", 0, auth_pct=authentic, auth_counts=[2000, 1600])) == expected


def test_nothing_is_less_authentic_than_nothing():
    assert not less_authentic(row("a", "gan", 0, auth_pct=0.0, auth_unseen=0.0))


@pytest.mark.parametrize("right", [160, 176, 177, 200, 300])
def test_neighbours_are_counted_as_coins(right):
    expected = binom.cdf(right, 400, 0.5) < ALPHA
    assert nearer_than_chance(row("a", "gan", 0, one_nn_train=right / 400, one_nn_count=400)) == expected


def test_thresholds_are_those_of_alpha():
    assert norm.sf(NORMAL) == pytest.approx(ALPHA, rel=1e-3)
    assert rate_interval(0, 20).high == pytest.approx(1 - 0.025 ** (1 / 20))
    assert rate_interval(20, 20).low == pytest.approx(0.025 ** (1 / 20))
    assert (rate_interval(0, 0).low, rate_interval(0, 0).high) == (0, 1)


def test_training_errors_that_are_higher_are_no_memorisation():
    low, high = (row("a", "gan", 0, p=1e-9, delta=d, better_p=1.0) for d in (0.5, -0.5))
    for rule in RULES[:4]:
        assert rule.found(low, ())
        assert not rule.found(high, ())


@pytest.mark.parametrize(("p", "passed", "expected"), [(5e-3, True, True), (5e-3, False, False), (1e-4, False, True)])
def test_below_the_gate_the_level_is_stricter(p, passed, expected):
    found = row("a", "gan", 0, p=p, delta=0.5, passed=passed)
    assert [rule.found(found, ()) for rule in RULES[4:6]] == [True, expected]


def test_calibrated_statistics_leave_the_judged_generator_out():
    recall = next(rule for rule in RULES if rule.name.startswith("recall"))
    values = [0.50, 0.52, 0.51, 0.49, 0.10]
    honest = [row(f"h-{k}", "honest", 0, recall=v) for k, v in enumerate(values)]
    assert [recall.found(r, honest) for r in honest] == [False, False, False, False, True]
    assert recall.found(row("g", "glo", 64, recall=0.1), honest[:4])
    assert not recall.found(row("g", "glo", 64, recall=0.1), honest[:2])
    twin = row("h-4", "honest", 0, draw=1, recall=0.11)
    assert [recall.found(r, [*honest, twin]) for r in (honest[4], twin)] == [True, True]
    assert not recall.found(row("g", "glo", 64, recall=0.1, auth_counts=[2000, 599]), honest[:4])


def test_the_table_names_sizes_and_counts_false_alarms():
    table = bench().table().set_index(["statistic", "steps"])
    strong, weak = (table.loc[("rank and tail test, p < .01", steps)] for steps in ("40", "4"))
    assert (strong["glo"], weak["glo"], strong["gan"]) == ("64", "-", "-")
    assert (strong["false alarms"], strong["rate"]) == ("1 of 20", 0.05)
    assert strong["rate_high"] == pytest.approx(0.2487, abs=1e-4)
    assert weak["false alarms"] == "0 of 20"
    assert len(table) == 6 * 2 + 6
    assert table.loc[("copying, p < .01", "none")]["glo"] == "64"


@pytest.mark.parametrize(
    ("accused", "draws", "outcome"),
    [(0, 72, "holds"), (0, 71, "cannot tell"), (0, 20, "cannot tell"), (1, 20, "cannot tell"), (6, 20, "fails")],
)
def test_few_draws_do_not_show_that_honest_ones_are_spared(accused, draws, outcome):
    verdict = next(v for v in bench(accused, draws).verdicts() if v.claim.id == "M2")
    assert verdict.outcome == outcome
    assert f"{accused} of {draws}" in verdict.evidence[0].detail


def test_verdicts_ask_for_the_right_fault():
    right = bench(
        0,
        80,
        **{
            "collapsed-1": {"outcome": "collapsed"},
            "dropping-1": {"outcome": "drops modes", "without": ["bag"], "missing": ["bag", "coat"]},
        },
    )
    assert [v.outcome for v in right.verdicts()] == ["holds"] * 4
    wrong = bench(
        0, 80, weak=KNOWN, **{"dropping-1": {"outcome": "drops modes", "without": ["bag"], "missing": ["coat"]}}
    )
    assert [v.outcome for v in wrong.verdicts()] == ["holds", "holds", "fails", "cannot tell"]
    unsure = bench(**{"copier-64": {"images": 64, "outcome": "cannot tell"}}).verdicts()
    assert (unsure[0].outcome, unsure[2].outcome) == ("cannot tell", "not measured")


def test_the_figure_shows_every_statistic_and_fills_what_was_found():
    found = bench()
    figure = draw(found, "boxes")
    upper, lower = figure.subfigs
    cells, bars = lower.axes[0].patches, lower.axes[-1].patches
    lines = found.lines()
    assert len(cells) == 2 * len(lines)
    filled = [p.get_facecolor()[2] > p.get_facecolor()[0] + 0.1 for p in cells]
    expected = [found.share(rule, steps, family="glo", images=n) > 0.5 for rule, steps in lines for n in (64, 0)]
    assert filled == expected
    assert any(filled)
    assert [bar.get_width() for bar in bars] == [found.false_alarms(*line)[0] / 20 for line in lines]
    assert [label.get_text() for label in upper.axes[0].get_xticklabels()] == ["64", "all"]


def test_the_figure_is_hollow_where_the_search_fails_its_gate():
    found = bench()
    for each in found.at(4, family="glo", images=64):
        each["passed"] = False
    points = [line for line in draw(found, "boxes").subfigs[0].axes[0].lines if line.get_marker() == "o"]
    hollow = [(x, y) for line in points if line.get_markerfacecolor() == "white" for x, y in line.get_xydata()]
    full = [(x, y) for line in points if line.get_markerfacecolor() != "white" for x, y in line.get_xydata()]
    assert hollow == [(0, IDLE["delta"])]
    assert sorted(full) == [(0, KNOWN["delta"]), (1, 0.02), (1, 0.02)]


def test_cases_cover_every_family_and_twenty_honest_trainings():
    cases = list_cases(PLANS["cpu"], (64, 0), (1, 8), seed=3)
    names = {case.suspect.name for case in cases}
    assert {"glo-64", "copier-all", "gan-64", "collapsed-1", "collapsed-5", "dropping-1-8"} <= names
    honest = [case for case in cases if case.honest]
    assert (
        len({case.partition for case in honest}) == len({case.suspect.seed for case in honest}) == len(honest) == 20
    )
    assert not [c for c in list_cases(PLANS["cpu"], (64,), (), 0) if c.suspect.family == "dropping"]


def test_draws_share_no_image_and_keep_their_roles():
    shapes = np.arange(1, 61, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 4, 4), np.uint8)
    images = Images(torch.from_numpy(shapes))
    pool, data = split_pool([images], 20, seed=0), Dataset("numbers", images, images, (), test=images)
    whole, few = ReferenceGenerator("gan"), ReferenceGenerator("glo", 12)
    shown = [real_images(Case(whole, True, 0, draw, 4), pool, data) for draw in range(4)]
    for found, known in (([r.train for r in shown], pool.train), ([r.test for r in shown], pool.unseen)):
        assert torch.equal(torch.cat([part.data for part in found]), known.data)
    alone = real_images(Case(few), pool, data)
    assert torch.equal(alone.train.data, pool.train.data[:12])
    assert torch.equal(alone.test.data, pool.unseen.data)
    with pytest.raises(DataError, match="too few for 21 draws"):
        real_images(Case(whole, True, 0, 0, 21), pool, data)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"size": "huge"}, UnknownName, "smoke"),
        ({"search_steps": (9, 3)}, ValueError, "rising"),
        ({"trainings": -1}, ValueError, "at least 1"),
        ({"early": -1}, ValueError, "early = -1"),
    ],
)
def test_options_that_make_no_plan(options, error, words):
    with pytest.raises(error, match=words):
        Memorisation(**options)


def test_requests_that_cannot_be_met():
    with pytest.raises(BenchError, match="pixels"):
        Memorisation().run(StudyRequest(network="lpips"))
    digits = StudyRequest(dataset=ComponentSpec("digits"))
    with pytest.raises(DataError, match="no such classes"):
        Memorisation("smoke", without=(11,)).run(digits)
    with pytest.raises(DataError, match="no such classes"):
        Memorisation("smoke", without=(-1,)).run(digits)
    for few in ({"n": 20}, {"sizes": (20, 0)}, {"unseen": 40}):
        with pytest.raises(DataError, match="20 images of each group are too few"):
            Memorisation("smoke", **few).run(digits)


def test_a_run_is_repeated_from_what_is_stored(call, boxes, tmp_path, monkeypatch, csv):
    words = ("study", "memorisation", "--dataset", "boxes?test=230", "--plugin", boxes, "--option", "size=smoke")
    more = [word for option in SMALL for word in ("--option", option)]
    outs = [tmp_path / name for name in ("one", "two")]
    monkeypatch.setattr("bench.overfit.examination.SAMPLES", 100)
    monkeypatch.setattr("bench.overfit.neighbours.PERMUTATIONS", 99)
    code, text, errors = call(*words, *more, "--out", outs[0])
    assert code == 0, errors
    assert "M2" in text
    monkeypatch.setattr("bench.overfit.examination.examine_gan", lambda *a, **k: pytest.fail("examined twice"))
    monkeypatch.setattr("bench.overfit.reference_generators.train_gan", lambda *a, **k: pytest.fail("trained twice"))
    assert call(*words, *more, "--out", outs[1])[0] == 0
    for name in ("table.csv", "study.json", "README.md", "figure.png"):
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes(), name
    table = csv(outs[0])
    assert set(table["steps"]) == {"1", "2", "none"}
    cases = csv(outs[0], "table-verdict-on-each-suspect.csv")
    assert list(cases["suspect"][:3]) == ["glo-40", "copier-40", "gan-40"]
    assert (cases["suspect"] == "honest-0").sum() == 2
    assert np.isfinite(cases["gap"]).all()
    assert cases["gate"].between(0, 1).all()
    assert not math.isnan(table["rate"].iloc[0])
    monkeypatch.setattr("bench.overfit.recovery.search_code", lambda name: ["as if the search had changed"])
    monkeypatch.setattr("bench.overfit.examination.examine_gan", _examined_again)
    code, _, errors = call(*words, *more, "--out", outs[1])
    assert code == 2
    assert "examined again" in errors


def _examined_again(*args, **kwargs):
    raise BenchError("examined again")
