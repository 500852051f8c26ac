"""Comparing two methods: orientation, verdicts, refusals."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from bench import statistics
from bench.core.errors import BenchError, UnknownName
from bench.reports.compare import compare, comparison_terminal, comparisons


@pytest.fixture
def pair(make):
    rng = np.random.default_rng(3)
    base = rng.normal(20, 3, 60)
    noise = rng.normal(0, 0.3, (2, 60))
    return [
        made
        for seed in range(2)
        for made in (
            make("a", seed, images={"psnr": base + 1 + noise[seed], "mse": 0.2 + 0.001 * base}, sets={"fid@x": 9.0}),
            make("b", seed, images={"psnr": base, "mse": 0.1 + 0.001 * base}, sets={"fid@x": 10.0 + seed}),
        )
    ]


def shown(comparison, width=200):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(comparison_terminal(comparison))
    return console.export_text()


def metric(comparison, name):
    return next(m for m in comparison.metrics if m.metric == name)


def test_advantage_interval_and_wins(pair):
    psnr = metric(compare(pair, "a", "b"), "psnr")
    assert psnr.gap.mean == pytest.approx(1, abs=0.1)
    assert psnr.gap.interval.contains(psnr.gap.mean)
    assert psnr.verdict == "a better"
    assert psnr.wins > 0.95
    assert psnr.p < 0.05


def test_lower_is_better_turns_the_sign(pair):
    mse = metric(compare(pair, "a", "b"), "mse")
    assert mse.gap.mean == pytest.approx(-0.1)
    assert mse.verdict == "b better"


def test_swapping_mirrors_everything(pair):
    ab, ba = (metric(compare(pair, *names), "psnr") for names in (("a", "b"), ("b", "a")))
    assert ab.gap.mean == pytest.approx(-ba.gap.mean)
    assert ab.gap.interval.low == pytest.approx(-ba.gap.interval.high)
    assert ab.wins + ba.wins == pytest.approx(1)


def test_set_metric_is_judged_over_seeds(pair):
    fid = metric(compare(pair, "a", "b"), "fid@x")
    assert [s.mean for s in fid.by_seed] == [1.0, 2.0]
    assert fid.gap.basis == "seeds"
    assert fid.gap.p == pytest.approx(stats.ttest_1samp([1.0, 2.0], 0).pvalue, rel=1e-6)
    assert fid.verdict == "inconclusive"


def test_one_seed_of_a_set_metric_is_inconclusive(make):
    records = [make("a", sets={"fid@x": 1.0}), make("b", sets={"fid@x": 50.0})]
    fid = metric(compare(records, "a", "b"), "fid@x")
    assert fid.gap.interval is None
    assert fid.verdict == "inconclusive"


def test_each_seed_has_its_interval(pair):
    psnr = metric(compare(pair, "a", "b"), "psnr")
    assert [s.seed for s in psnr.by_seed] == [0, 1]
    assert all(s.interval.low > 0.8 for s in psnr.by_seed)


def test_identical_images_win_but_leave_the_mean(make):
    """As records of an earlier protocol have them."""
    records = [make("a", images={"psnr": np.array([np.inf, 20.0, 30.0])})]
    records.append(make("b", images={"psnr": np.array([40.0, 20.0, 29.0])}))
    psnr = metric(compare(records, "a", "b"), "psnr")
    assert psnr.gap.mean == pytest.approx(0.5)
    assert psnr.wins == pytest.approx(2.5 / 3)


def test_only_common_seeds_are_compared(pair, make):
    pair.append(make("a", 7, images={"psnr": np.full(60, 99.0)}))
    found = compare(pair, "a", "b")
    assert (found.seeds, found.left_out) == ((0, 1), (7,))
    assert "Seeds done for one of the two only, left out: 7." in " ".join(shown(found).split())


def test_p_is_adjusted_for_the_number_of_metrics(pair):
    found = compare(pair, "a", "b").metrics
    assert [m.p for m in found] == pytest.approx(statistics.holm([m.gap.p for m in found]))


def test_one_training_of_trained_methods_decides_nothing(pair):
    found = compare([r for r in pair if r.cell["seed"] == 0], "a", "b")
    assert {m.verdict for m in found.metrics} == {"inconclusive"}
    assert metric(found, "psnr").gap.interval is None
    assert "One training: a second one may turn the difference round" in " ".join(shown(found).split())


def test_metric_of_one_side_only_is_named(pair, make):
    pair[0].metrics["test"]["extra"] = {"value": 1.0, "n": 60}
    pair[0].facts["higher_is_better"]["extra"] = True
    comparison = compare(pair, "a", "b")
    assert comparison.not_compared == ("test/extra",)
    assert "Measured for one of the two only: test/extra." in " ".join(shown(comparison).split())


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        (("a", "bb"), UnknownName, "unknown method 'bb'"),
        (("a", "a"), BenchError, "same method"),
    ],
)
def test_refuses_names(pair, names, error, words):
    with pytest.raises(error, match=words):
        compare(pair, *names)


def test_refuses_disjoint_seeds_and_other_images(make):
    ones = {"psnr": np.ones(9)}
    with pytest.raises(BenchError, match="no seed in common"):
        compare([make("a", 0, images=ones), make("b", 1, images=ones)], "a", "b")
    with pytest.raises(BenchError, match="set of test images differs"):
        compare([make("a", 0, images=ones), make("b", 0, images={"psnr": np.ones(8)})], "a", "b")


def test_refuses_a_method_that_failed(make):
    with pytest.raises(BenchError, match="no seed in common"):
        compare([make("a", images={"psnr": np.ones(9)}), make("b", status="failed")], "a", "b")


def test_several_tables_are_compared_one_by_one(pair, make):
    other = {"gan": {"name": "lsgan", "options": {}, "label": ""}}
    more = [make(m, 0, images={"psnr": np.ones(5)}, cell=other, key=f"x{m}") for m in "ab"]
    with pytest.raises(BenchError, match="exactly one table"):
        compare(pair + more, "a", "b")
    assert len(comparisons(pair + more, "a", "b")) == 2
    with pytest.raises(BenchError, match="none of 2 tables"):
        comparisons(pair + more, "a", "zz")


def test_the_table_carries_the_verdict(pair):
    comparison = compare(pair, "a", "b")
    rows = {line.split()[0]: line for line in shown(comparison).splitlines() if line.strip()}
    gap = metric(comparison, "psnr").gap
    assert f" {gap.interval.text(gap.mean, '+')} " in rows["psnr"]
    assert "a better" in rows["psnr"]
    assert "b better" in rows["mse"]
    assert "inconclusive (over seeds)" in rows["fd@x"]


def test_the_terminal_cuts_nothing_at_80_characters(make):
    rng = np.random.default_rng(0)
    images = {"label_accuracy@fashion-mnist-cnn": rng.random(30), "psnr": rng.random(30)}
    records = [
        make(name, seed, images={k: v + shift for k, v in images.items()})
        for name, shift in (("a", 0), ("b", 1))
        for seed in (0, 1)
    ]
    text = shown(compare(records, "a", "b"), width=80)
    assert "…" not in text
    assert "[-1, -1]" in text
    assert "b better" in text
