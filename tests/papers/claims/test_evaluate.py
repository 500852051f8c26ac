"""Each kind of test against closed forms: what holds, what fails, what cannot be told, and what was not measured."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from bench.core.errors import BenchError
from bench.papers.claims.operators import read_test
from bench.papers.claims.scope import ClaimScope, scopes
from bench.papers.claims.subjects import subject
from bench.reports.estimates import Contrast, estimate
from bench.reports.groups import groups
from bench.reports.published import DatasetMapping, MetricMapping, PrintedPaper
from bench.reports.quantities import Measurement, Quantity, read

ROLES = {
    "psnr": MetricMapping("psnr", True, ("psnr",)),
    "lpips": MetricMapping("lpips", False, ("lpips",)),
    "fid": MetricMapping("fid", False, ("fid",)),
    "time": MetricMapping("time", False, ("cost/invert_ms_per_image",)),
    "parameters": MetricMapping("parameters", False, ("facts/trained_parameters",)),
    "le": MetricMapping("le", False, ("own/code_mse",)),
    "fac": MetricMapping("fac", True, ("fac",), ("label_accuracy",)),
}
NOISE = np.random.default_rng(0).normal(0, 0.1, 200)


@pytest.fixture
def scope(make):
    """Methods with these psnr (per image) and fid (a set metric, a little different for each seed), on one GAN."""

    def made(psnr, fid=None, seeds=(0, 1, 2), spread=0.01, **more) -> ClaimScope:
        records = []
        for (name, value), seed in itertools.product(psnr.items(), seeds):
            sets = {} if fid is None else {"fid@x": fid[name] + spread * seed}
            images = {"psnr": value + NOISE * (1 + 0.01 * len(name))}
            records.append(make(name, seed, images=images, sets=sets, **more))
        return scope_of(records)

    return made


@pytest.fixture
def gans(make):
    """DFI on several GANs of several datasets, by (dataset, GAN)."""

    def made(values, **more) -> list:
        records = []
        for (dataset, gan), value in values.items():
            cell = {
                "dataset": {"name": dataset, "options": {}, "label": ""},
                "gan": {"name": gan, "options": {}, "label": ""},
            }
            facts = {"dataset_checksum": dataset, "gan_checksum": f"{dataset}{gan}"}
            for seed in (0, 1):
                key = f"{dataset}-{gan}-{seed}".replace("/", "-")
                images = {"psnr": value + NOISE}
                records.append(make("dfi", seed, images=images, cell=cell, facts=facts, key=key, **more))
        return groups(records)

    return made


def paper_of(datasets=None, gans=None) -> PrintedPaper:
    return PrintedPaper("p", ROLES, (), datasets or {}, gans or {})


def scope_of(records) -> ClaimScope:
    return ClaimScope(tuple(groups(records)), paper_of())


def answers(scope, **atom):
    return list(read_test(atom, "here").evaluate(scope))


def outcomes(scope, **atom):
    return [e.outcome for e in answers(scope, **atom)]


DIFFERENCE = Contrast((1.0, -1.0))


def search(rows, shown="x"):
    """The measurement of a method that is not trained, with these per-image values ``[S, N]``."""
    return Measurement(dict(enumerate(rows.mean(1))), rows, shown, kind="search")


def test_differences_of_searches_on_one_seed_are_student_s_over_images():
    a, b = NOISE + 1, np.random.default_rng(1).normal(0, 0.1, 200)
    found = estimate([search(a[None]), search(b[None])], DIFFERENCE)
    expected = stats.ttest_rel(a, b)
    assert (found.value, found.basis) == (pytest.approx((a - b).mean()), "images")
    low, high = expected.confidence_interval(0.95)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))
    assert found.p(0.99) == pytest.approx(stats.ttest_1samp(a - b, 0.99).pvalue, rel=1e-6)


def test_differences_of_set_metrics_are_student_s_over_seeds():
    a, b = np.array([1.0, 3.0, 2.0]), np.array([0.5, 1.0, 1.5])
    found = estimate([Measurement(dict(enumerate(v))) for v in (a, b)], DIFFERENCE)
    low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (found.basis, found.interval.low, found.interval.high) == (
        "seeds",
        pytest.approx(low),
        pytest.approx(high),
    )


def test_a_ratio_is_that_of_the_means_with_the_interval_of_fieller():
    """Fieller 1954: the ratios r at which a - r·b is not told from 0."""
    a, b = np.array([10.0, 10.2, 10.1, 9.9]), np.array([5.0, 5.1, 4.95, 5.05])
    found = estimate([Measurement(dict(enumerate(v))) for v in (a, b)], lambda v: v[..., 0] / v[..., 1])
    assert found.value == pytest.approx(a.mean() / b.mean())
    ends = [optimize.brentq(lambda r: stats.ttest_1samp(a - r * b, 0).pvalue - 0.05, 2, far) for far in (1.5, 2.5)]
    assert (found.interval.low, found.interval.high) == pytest.approx(ends, abs=0.01)
    assert found.p(ends[0]) == pytest.approx(0.05, abs=0.01)


def test_a_statistic_that_is_not_linear_counts_images_as_a_linear_one_does():
    rows = np.random.default_rng(5).normal(0, 1, (2, 3, 300)) + np.random.default_rng(6).normal(0, 2, 300)
    readings = [search(each) for each in rows]
    exact, drawn = estimate(readings, DIFFERENCE), estimate(readings, lambda v: v[..., 0] - v[..., 1])
    assert exact.basis == drawn.basis == "images and seeds"
    assert drawn.value == pytest.approx(exact.value)
    assert drawn.interval.half == pytest.approx(exact.interval.half, rel=0.1)


def test_images_of_other_sets_vary_apart():
    rows = np.random.default_rng(2).normal(5, 1, (1, 300))
    assert estimate([search(rows), search(rows)], DIFFERENCE).interval.high == 0
    for statistic in (DIFFERENCE, lambda v: v[..., 0] - v[..., 1]):
        spread = estimate([search(rows), search(rows, "other")], statistic).interval
        assert spread.half == pytest.approx(1.96 * np.sqrt(2) * rows.std(ddof=1) / np.sqrt(300), rel=0.03)


@pytest.mark.parametrize("statistic", [DIFFERENCE, lambda v: v[..., 0] / v[..., 1]])
def test_one_training_of_a_trained_method_has_no_interval(statistic):
    rows = 5 + np.random.default_rng(2).normal(0, 1, (1, 30))
    trained = Measurement({0: rows.mean()}, rows, "x")
    found = estimate([trained, search(rows)], statistic)
    assert (found.interval, found.basis, found.why, found.p()) == (None, "one training", "one training", 1.0)


def test_two_methods_of_a_table_share_its_variance_over_seeds(make):
    """The pair is nearly equal at every seed by luck; other methods of the table show what trainings do."""
    rng = np.random.default_rng(0)
    records = [
        make(name, seed, images={"psnr": 20 + spread * rng.normal() + rng.normal(0, 0.1, 50)})
        for name, spread in (("a", 0.001), ("b", 0.001), ("c", 1.0), ("d", 1.0))
        for seed in range(3)
    ]
    (group,) = groups(records)
    readings = [read(group, group.find(name), Quantity("psnr", True)) for name in "ab"]
    found = estimate(readings, DIFFERENCE)
    alone = estimate([replace(r, table=None) for r in readings], DIFFERENCE)
    assert found.interval.half > 3 * alone.interval.half
    (part, _) = found.error.parts
    assert part.freedom == 2 * 3


def test_order_of_images_sets_and_counts(scope):
    here = scope({"a": 20, "b": 19}, fid={"a": 5, "b": 9})
    assert outcomes(here, op="order", metric=["psnr", "fid"], better="a", worse="b") == ["holds", "holds"]
    assert outcomes(here, op="order", metric=["psnr", "fid"], better="b", worse="a") == ["fails", "fails"]
    same = scope({"a": 20, "b": 20})
    assert outcomes(same, op="order", metric="psnr", better="a", worse="b") == ["cannot tell"]
    (counted,) = answers(here, op="order", metric="parameters", better="a", worse="b")
    assert (counted.outcome, "counted" in counted.detail) == ("cannot tell", True)


def test_one_training_decides_nothing_but_a_count_does(make):
    records = [make(m, facts={"trained_parameters": n}, sets={"fid@x": float(n)}) for m, n in (("a", 10), ("b", 20))]
    here = scope_of(records)
    (fid,) = answers(here, op="order", metric="fid", better="a", worse="b")
    assert (fid.outcome, "no interval: one training" in fid.detail) == ("cannot tell", True)
    assert outcomes(here, op="order", metric="parameters", better="a", worse="b") == ["holds"]
    assert outcomes(here, op="order", metric="parameters", better="b", worse="a") == ["fails"]


def test_groups_compare_best_median_and_worst(scope):
    here = scope({"a": 20, "b": 18, "c": 16, "x": 17, "y": 19}, fid=dict(zip("abcxy", (1, 2, 9, 3, 4), strict=True)))
    ask = {"op": "group", "metric": "psnr", "better": ["a", "b", "c"], "worse": ["x", "y"]}
    assert outcomes(here, **ask, better_by="best", worse_by="best") == ["holds"]
    assert outcomes(here, **ask, better_by="median", worse_by="best") == ["fails"]
    assert outcomes(here, **ask, better_by="median", worse_by="worst") == ["holds"]
    assert outcomes(here, **{**ask, "metric": "fid"}, better_by="median", worse_by="best") == ["holds"]


@pytest.mark.parametrize(
    ("bounds", "outcome"),
    [
        ({"at_least": 0.9}, "holds"),
        ({"at_least": 1.1}, "fails"),
        ({"at_most": 1.1}, "holds"),
        ({"within": 0.5}, "fails"),
        ({"within": 1.5}, "holds"),
        ({"at_least": 1.0}, "cannot tell"),
        ({"at_least": 0.9, "at_most": 0.95}, "fails"),
    ],
)
def test_differences_keep_to_bounds(scope, bounds, outcome):
    here = scope({"long name": 21.0, "b": 20.0})
    assert outcomes(here, op="difference", metric="psnr", of="long name", to="b", **bounds) == [outcome]


def test_ratios_of_one_metric_and_of_two(scope):
    here = scope({"a": 20}, fid={"a": 30}, cost={"invert_ms_per_image": 2.0})
    assert outcomes(here, op="ratio", metric=["fid", "psnr"], of="a", to="a", at_most=1.6) == ["holds"]
    both = scope({"a": 20, "b": 10}, fid={"a": 30, "b": 10})
    assert outcomes(both, op="ratio", metric="psnr", of="a", to="b", at_least=1.9) == ["holds"]
    assert outcomes(both, op="ratio", metric="fid", of="a", to="b", at_least=3.5) == ["fails"]
    (asked,) = answers(both, op="ratio", metric="fid", of="a", to="b", at_least=3.5)
    assert asked.question == "fd@x: a / b ≥ 3.5"


def test_metrics_of_sets_of_different_sizes_are_not_set_against_each_other(make):
    def records(size):
        made = [
            make("a", s, images={"psnr": 20 + NOISE}, sets={"fid@x": 30.0 + s, "lpips@x": 40.0}) for s in range(3)
        ]
        for record in made:
            record.metrics["test"]["lpips@x"]["n"] = size
        return scope_of(made)

    asked = {"op": "ratio", "metric": ["lpips", "fid"], "of": "a", "to": "a", "at_most": 1.6}
    (found,) = answers(records(50_000), **asked)
    assert found.outcome == "not measured"
    assert found.detail == "of 50,000 and of 40 images, on which metrics of sets depend"
    assert outcomes(records(40), **asked) == ["holds"]
    of_images = {"op": "ratio", "metric": ["psnr", "lpips"], "of": "a", "to": "a", "at_most": 1.5}
    assert outcomes(records(50_000), **of_images) == ["holds"]


def test_costs_are_read_by_seed(make):
    records = [
        make(m, s, cost={"invert_ms_per_image": t + 0.1 * s}) for m, t in (("a", 1), ("b", 3000)) for s in (0, 1)
    ]
    here = scope_of(records)
    assert outcomes(here, op="ratio", metric="time", of="b", to="a", at_least=1000) == ["holds"]
    assert outcomes(here, op="order", metric="time", better="a", worse="b") == ["holds"]


def test_among_the_best(scope):
    here = scope({"a": 20, "b": 19, "c": 18, "d": 17})
    ask = {"op": "top", "metric": "psnr", "who": "b", "among": ["a", "c", "d"]}
    assert outcomes(here, **ask, count=2) == ["holds"]
    assert outcomes(here, **ask, count=1) == ["fails"]
    tied = scope({"a": 20, "b": 20, "c": 18, "d": 17})
    assert outcomes(tied, **ask, count=1) == ["cannot tell"]


def test_the_same_order_on_every_dataset(gans):
    names = ["g1", "g2", "g3", "g4"]
    alike = {(d, g): 20 + i for d in ("one", "two") for i, g in enumerate(names)}
    ask = {"op": "same_order", "metric": "psnr", "who": [f"dfi on {g}" for g in names], "at_least": 0.8}
    (whole,) = scopes(gans(alike), "budget", paper_of())
    (found,) = answers(whole, **ask)
    assert (found.outcome, found.detail[:6]) == ("holds", "1.000 ")
    longer = [replace(g, budget=g.budget | {"train_steps": 9}) if "one" in str(g.dataset) else g for g in gans(alike)]
    assert len(scopes(longer, "budget", paper_of())) == 1, "epochs are as many steps as a dataset is large"
    mixed = [*longer, *(g for g in gans(alike) if "one" in str(g.dataset))]
    assert len(scopes(mixed, "budget", paper_of())) == 2, "but those of one dataset are not compared across steps"
    searched = [replace(g, budget=g.budget | {"search_steps": 9}) if "one" in str(g.dataset) else g for g in longer]
    assert len(scopes(searched, "budget", paper_of())) == 2
    turned = {(d, g): v if d == "one" else -v for (d, g), v in alike.items()}
    assert outcomes(scopes(gans(turned), "budget", paper_of())[0], **ask) == ["fails"]
    alone = {key: v for key, v in alike.items() if key[0] == "one"}
    (one,) = scopes(gans(alone), "budget", paper_of())
    assert "one dataset alone: one" in answers(one, **ask)[0].detail


def test_gans_and_datasets_are_found_by_the_paper_s_names(gans):
    found = gans({("celeba", "WGAN-GP"): 21, ("celeba", "shipped/dcgan"): 20, ("mnist", "dcgan"): 18})
    stands = {"CelebA64": DatasetMapping(("celeba",)), "Digits": DatasetMapping((), ("mnist",))}
    paper = paper_of(stands, {"twice": "wgan-gp"})
    (whole,) = scopes(found, "budget", paper)
    ask = {
        "op": "order",
        "metric": "psnr",
        "better": "dfi on wgan-gp in CelebA64",
        "worse": "dfi on dcgan in CelebA64",
    }
    assert outcomes(whole, **ask) == ["holds"]
    (over,) = answers(whole, **{**ask, "worse": "dfi on dcgan in Digits"})
    assert (over.outcome, over.stand_in) == ("holds", "mnist stands in for Digits")
    (none,) = answers(whole, **{**ask, "worse": "dfi on dcgan in FFHQ"})
    assert none.detail == "no FFHQ in these records"
    assert outcomes(whole, **{**ask, "better": "dfi on twice in CelebA64"}) == ["holds"]
    assert len(scopes(found, "dataset", paper)) == 2
    assert len(scopes(found, "gan", paper)) == 3


def test_what_is_missing_is_named(scope):
    here = scope({"a": 20, "b": 19})
    assert answers(here, op="order", metric="psnr", better="a", worse="z")[0].detail == "no method z in these records"
    assert answers(here, op="order", metric="lpips", better="a", worse="b")[0].detail == "lpips was not measured"
    assert "ganinv study fish-eye" in answers(here, op="study", study="fish-eye")[0].detail
    assert answers(here, op="unmeasured", why="no such classifier")[0].detail == "no such classifier"


def test_own_images_of_one_gan_are_paired(make):
    rng = np.random.default_rng(3)
    hard = rng.uniform(0, 5, 60)
    records = [make(m, s, own={"code_mse": hard + e}) for m, e in (("a", 0.0), ("b", 0.05)) for s in (0, 1)]
    here = scope_of(records)
    assert outcomes(here, op="order", metric="le", better="a", worse="b") == ["holds"]


@pytest.mark.parametrize(
    ("atom", "words"),
    [
        ({"op": "difference", "metric": "psnr", "of": "a", "to": "b"}, "needs a bound: at_least, at_most, within"),
        ({"op": "ratio", "metric": "psnr", "of": "a", "to": "b", "within": 1}, "unknown key 'within'"),
        ({"op": "top", "metric": "psnr", "who": "a", "among": ["b", "c"], "count": 3}, "count = 3 should be 1 to 2"),
        (
            {"op": "group", "metric": "m", "better": "a", "worse": "b", "better_by": "mean", "worse_by": "best"},
            "better_by = 'mean' should be one of best, median, worst",
        ),
        ({"op": "same_order", "metric": "m", "who": ["a"], "at_least": 1}, "who = .* should be 3 or more names"),
        ({"op": "study"}, "'study' is missing"),
    ],
)
def test_malformed_tests_are_refused(atom, words):
    with pytest.raises(BenchError, match=f"here: .*{words}"):
        read_test(atom, "here")


def test_names_of_quantities():
    assert (Quantity("own/x@y", True).kind, Quantity("own/x@y", True).key) == ("own", "x@y")
    assert (Quantity("psnr", True).kind, Quantity("psnr", True).key) == ("test", "psnr")
    assert str(subject("a on b in c")) == "a on b in c"
