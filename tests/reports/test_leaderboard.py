"""Leaderboards: what is ranked, what is tied, what is refused, what is listed as missing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.core.errors import BenchError, UnknownName
from bench.core.types import Budget, Cell, ComponentSpec
from bench.reports.groups import groups
from bench.reports.leaderboard import boards_of, leaderboards
from bench.reports.render_latex import latex
from bench.reports.render_markdown import markdown
from bench.reports.write import Reported, write_reports


def board_of(records, rank_by="psnr", **more):
    (board,) = leaderboards(records, rank_by, "quick", **more)
    return board


def row_of(board, method):
    return next(row for row in board.rows if row.method == method)


def ranks_of(board):
    return {row.method: row.rank and row.rank.text for row in board.rows}


def test_ranks_are_sets_within_a_capacity_class(suite):
    board = board_of(suite)
    assert [r.method for r in board.rows if r.capacity == "z"] == ["encoder", "twin", "worse", "random"]
    assert ranks_of(board) == {"encoder": "1–2", "twin": "1–2", "worse": "3", "random": None, "wplus": "1"}
    assert board.rows[-1].control


def test_best_is_marked_for_ties_too_and_never_for_controls(suite):
    board = board_of(suite)
    best = {r.method for r in board.rows if r.values["test/psnr"].best}
    assert best == {"encoder", "twin", "wplus"}


def test_values_are_means_over_seeds_with_sample_deviation(suite):
    value = row_of(board_of(suite), "encoder").values["test/fid@inception"]
    assert value.mean == pytest.approx(20.1)
    assert value.sd == pytest.approx(0.1)
    low, high = stats.t.interval(0.95, 2, 20.1, 0.1 / np.sqrt(3))
    assert (value.interval.low, value.interval.high) == pytest.approx((low, high))


def test_interval_surrounds_a_per_image_mean(suite):
    value = row_of(board_of(suite), "encoder").values["test/psnr"]
    assert value.interval.low < value.mean < value.interval.high
    assert value.interval.high - value.interval.low < 4


def test_no_interval_for_a_summary_that_is_not_the_mean(make):
    made = make("dfi", images={"psnr": np.arange(40.0)})
    made.metrics["test"]["psnr"]["value"] = 3.0
    assert row_of(board_of([made]), "dfi").values["test/psnr"].interval is None


def test_optimised_metric_is_marked(suite):
    values = row_of(board_of(suite), "encoder").values
    assert values["test/psnr"].optimised
    assert not values["test/lpips@alex"].optimised


def test_family_name_marks_every_network(make):
    made = make("dfi", images={"lpips@alex": np.ones(5)}, facts={"optimises": ["lpips"]})
    assert row_of(board_of([made], "lpips@alex"), "dfi").values["test/lpips@alex"].optimised


def test_lower_is_better_ranks_the_other_way(make):
    low, high = (make(m, images={"mse": np.linspace(v, v + 0.1, 20)}) for m, v in [("low", 0.1), ("high", 0.9)])
    assert [r.method for r in board_of([high, low], "mse").rows] == ["low", "high"]


def test_set_metrics_are_ranked_over_seeds(make):
    fids = {"a": [10.0, 12.0, 11.0], "b": [10.5, 11.5, 11.2], "c": [30.0, 32.0, 31.0]}
    records = [make(m, s, sets={"fid@inception": v}) for m, vs in fids.items() for s, v in enumerate(vs)]
    assert ranks_of(board_of(records, "fid@inception")) == {"a": "1–2", "b": "1–2", "c": "3"}


def test_trained_methods_of_one_training_have_an_order_and_no_ranks(make):
    rng = np.random.default_rng(0)
    images = {name: {"psnr": rng.normal(value, 0.1, 50)} for name, value in (("a", 20), ("b", 25), ("c", 15))}
    board = board_of([make(name, images=values) for name, values in images.items()])
    assert [row.method for row in board.rows] == ["b", "a", "c"]
    assert ranks_of(board) == {"a": None, "b": None, "c": None}
    assert "One training: b, a, c stand in the order of their values, without ranks" in board.notes[0]
    assert [row.values["test/psnr"].best for row in board.rows] == [True, False, False]
    untrained = {"trained_on": "nothing", "trained_parameters": 0}
    searches = [make(name, images=values, facts=untrained) for name, values in images.items()]
    assert ranks_of(board_of(searches)) == {"b": "1", "a": "2", "c": "3"}
    mixed = ranks_of(board_of([*searches[:2], make("c", images=images["c"])]))
    assert mixed == {"b": "1–2", "a": "2–3", "c": None}, "a trained one may lie anywhere"


def test_a_method_that_lacks_the_best_seed_is_not_behind_for_it(make):
    """Seed 2 is 5 dB better for every method; the best one failed there."""
    rng = np.random.default_rng(0)
    records = [
        make(name, seed, images={"psnr": value + 5.0 * (seed == 2) + rng.normal(0, 0.1, 50)})
        for name, value in (("best", 21.0), ("good", 20.0), ("bad", 10.0))
        for seed in range(4)
        if (name, seed) != ("best", 2)
    ]
    board = board_of(records)
    assert [row.method for row in board.rows] == ["best", "good", "bad"]
    assert ranks_of(board) == {"best": "1", "good": "2", "bad": "3"}
    means = {row.method: row.values["test/psnr"].mean for row in board.rows}
    assert means["good"] > means["best"], "their plain means have the other order"


def test_one_record_alone_makes_a_table(make):
    board = board_of([make("dfi", images={"psnr": np.arange(10.0)})])
    assert ranks_of(board) == {"dfi": "1"}
    assert board.rows[0].values["test/psnr"].sd is None


def test_nan_is_shown_unranked_with_a_remark(make):
    bad = make("bad", images={"psnr": np.full(10, np.nan)})
    board = board_of([make("good", images={"psnr": np.arange(10.0)}), bad])
    assert row_of(board, "bad").rank is None
    assert [(r.method, r.what) for r in board.remarks] == [("bad", "test/psnr")]


def test_failed_skipped_and_missing_cells_are_listed(make):
    good = make("good", images={"psnr": np.arange(10.0)})
    good.skipped["test/accuracy"] = "no labels"
    failed = make("bad", status="failed", reason="NaN loss")
    cell = Cell(
        ComponentSpec("digits", label="Digits"),
        ComponentSpec("dcgan"),
        ComponentSpec("late"),
        2,
        Budget(**good.cell["budget"]),
        ("psnr",),
    )
    board = board_of([good, failed], missing=[cell])
    listed = {(r.method, r.seed, r.reason.split(":")[0]) for r in board.remarks}
    assert listed == {("good", 0, "no labels"), ("bad", 0, "NaN loss"), ("late", 2, "no record")}
    assert [r.method for r in board.rows] == ["good"]
    assert board.context.seeds == (0, 2)


def test_a_table_of_failures_has_no_rows(make):
    board = board_of([make("bad", status="failed", reason="out of memory")])
    assert board.rows == ()
    assert board.remarks[0].reason == "out of memory"


def test_a_seed_that_failed_is_not_averaged_in(make):
    records = [make("dfi", s, images={"psnr": np.arange(10.0) + s}) for s in range(2)]
    records.append(make("dfi", 2, status="failed", reason="timeout"))
    row = board_of(records).rows[0]
    assert row.seeds == (0, 1)
    assert row.values["test/psnr"].mean == 5.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"facts": {"dataset_checksum": "e" * 64}}, "dataset checksum differs"),
        ({"facts": {"gan_checksum": "other"}}, "GAN checksum of seed 0 differs"),
        ({"environment": {"device": "cuda"}}, "device differs: a .seed 0. has cpu, b .seed 0. has cuda"),
        ({"protocol": {"psnr": {"range": "float"}}}, "protocol of psnr differs: .*range='uint8'.*range='float'"),
    ],
)
def test_refuses_to_mix(make, change, words):
    records = [make("a", images={"psnr": np.ones(9)}), make("b", images={"psnr": np.ones(9)}, **change)]
    with pytest.raises(BenchError, match=words):
        leaderboards(records, "psnr", "q")


def test_refuses_different_numbers_of_images(make):
    with pytest.raises(BenchError, match="set of test images differs"):
        leaderboards([make("a", images={"psnr": np.ones(9)}), make("b", images={"psnr": np.ones(8)})], "psnr", "q")


def test_refuses_set_metrics_over_different_counts(make):
    few = make("b", sets={"fid@inception": 1.0})
    few.metrics["test"]["fid@inception"]["n"] = 20
    with pytest.raises(BenchError, match=r"number of test images of fid@inception differs: .* has 40, .* has 20"):
        leaderboards([make("a", sets={"fid@inception": 1.0}), few], "fid@inception", "q")


def test_refuses_two_records_of_one_cell(make):
    twice = [make("a", images={"psnr": np.ones(9)}, key=key) for key in ("k1", "k2")]
    with pytest.raises(BenchError, match="two records of a, seed 0"):
        leaderboards(twice, "psnr", "q")


def test_a_record_given_twice_counts_once(make):
    made = make("a", images={"psnr": np.ones(9)})
    assert len(board_of([made, made]).rows) == 1


def test_budgets_datasets_and_gans_get_their_own_tables(make):
    records = [
        make("a", images={"psnr": np.ones(9)}),
        make("b", images={"psnr": np.ones(9)}, budget={"fit_steps": 99}),
        make("c", images={"psnr": np.ones(9)}, cell={"gan": {"name": "lsgan", "options": {}, "label": ""}}),
    ]
    assert [[r.method for r in b.rows] for b in leaderboards(records, "psnr", "q")] == [["a"], ["b"], ["c"]]


def test_a_longer_time_limit_is_not_another_budget(make):
    records = [make(m, images={"psnr": np.ones(9)}, budget={"timeout": t}) for m, t in [("a", 1.0), ("b", 2.0)]]
    assert len(leaderboards(records, "psnr", "q")) == 1


def test_same_name_with_other_options_is_told_apart(make):
    records = [
        make("dfi", images={"psnr": np.ones(9)}, key="k1"),
        make("dfi", images={"psnr": np.ones(9)}, key="k2", options={"depth": 3}),
    ]
    assert {r.method for r in board_of(records).rows} == {"dfi (defaults)", "dfi (depth=3)"}


def test_unknown_ranking_metric_is_named(suite):
    with pytest.raises(UnknownName, match=r"metric to rank by 'pnsr'.*did you mean 'psnr'"):
        leaderboards(suite, "pnsr", "quick")


def test_context_says_what_the_numbers_share(suite):
    context = board_of(suite).context
    assert context.dataset == "Digits"
    assert context.images == {"test": 40, "own": 10}
    assert context.commits == ("abc1234",)
    assert not context.dirty
    assert "timeout" not in context.budget


def test_a_run_that_was_cut_off_before_a_gan_is_reported_all_the_same(make, tmp_path):
    good = make("good", images={"psnr": np.arange(10.0)})
    budget = Budget(**good.cell["budget"])
    cell = Cell(
        ComponentSpec("digits", label="Digits"), ComponentSpec("later"), ComponentSpec("good"), 0, budget, ("psnr",)
    )
    found = groups([good], [cell])
    written = write_reports(Reported("Suite", found, boards_of(found, "psnr", "Suite")), tmp_path)
    assert {path.suffix for path in written} >= {".md", ".csv", ".json"}
    assert "no record" in (tmp_path / "leaderboard.md").read_text()


def test_rows_beyond_the_budget_and_marked_ones_stand_below_the_ranked_ones_without_a_rank(make):
    """Each of them has the best values of the table."""
    rng = np.random.default_rng(0)
    base = rng.normal(20, 3, 40)
    untrained = {"trained_on": "nothing", "trained_parameters": 0}
    made = [make(name, images={"psnr": base - less}, facts=untrained) for name, less in (("honest", 0), ("worse", 3))]
    made += [make("busy", images={"psnr": base + 9}, cost={"generator_calls_per_image": 99.0})]
    made += [make("forking", images={"psnr": base + 9}, facts={"started_processes": ["os.fork"]})]
    made += [make("alone", images={"psnr": base + 9}, facts={"plugin": "plug-in a.py", "isolated": False})]
    board = board_of(made)
    assert [row.method for row in board.rows][:2] == ["honest", "worse"]
    assert ranks_of(board) == {"honest": "1", "worse": "2", "busy": None, "forking": None, "alone": None}
    best = {row.method for row in board.rows if row.values["test/psnr"].best}
    assert best == {"honest"}
    text = markdown([board])
    assert "§ not ranked. forking: started other processes (os.fork); alone: measured in its own process" in text
    assert "As their authors declare: training data and optimized metrics of alone (plug-in a.py)." in text


def test_records_of_two_nonces_do_not_share_a_table(make):
    own = {"images": {"psnr": np.full(4, 20.0)}, "own": {"code_mse": np.full(4, 1.0)}}
    made = [make(name, cell={"nonce": nonce}, **own) for name, nonce in (("one", "a1"), ("other", "b2"))]
    with pytest.raises(BenchError, match=r"nonce of the generated images differs: one .* has a1, other .* has b2"):
        board_of(made)
    del own["own"]
    made = [make(name, cell={"nonce": nonce}, **own) for name, nonce in (("one", "a1"), ("other", "b2"))]
    assert len(board_of(made).rows) == 2, "without generated images it does not matter"


def test_who_does_more_than_the_budget_s_steps_is_marked(make):
    """The budget of these records has 5 steps of search and 5 of refinement."""
    made = [
        make(name, seed, images={"psnr": np.full(4, 20.0)}, cost={"generator_calls_per_image": calls})
        for name, calls in (("steady", 10.9), ("busy", 11.1))
        for seed in (0, 1)
    ]
    board = board_of(made)
    assert {row.method: row.beyond for row in board.rows} == {"steady": False, "busy": True}
    text = markdown([board])
    assert "| busy‡ |" in text
    assert "‡ over 10% more generator calls an image" in text
    fitted = [make("twice", images={"psnr": np.full(4, 20.0)}, facts={"fit_steps": steps}) for steps in (0, 100)]
    assert [board_of([record]).rows[0].beyond for record in fitted] == [False, True]
    assert "steady‡" not in text
    assert "‡" not in markdown([board_of(made[:2])])
    assert r"busy$^\ddagger$" in latex([board])


def test_images_that_diverged_are_told_under_the_table(make):
    made = [
        make("search", seed, images={"psnr": np.full(4, 20.0)}, facts={"diverged": {"test": 2, "own": seed}})
        for seed in (0, 1)
    ]
    board = board_of([*made, make("steady", images={"psnr": np.full(4, 20.0)})])
    assert {row.method: row.diverged for row in board.rows} == {"search": 5, "steady": 0}
    assert "kept their last finite codes: search 5." in markdown([board])
    assert "last finite codes" not in markdown([board_of([make("steady", images={"psnr": np.ones(4)})])])


def test_influences_count_the_images_of_a_set_metric(make):
    """Equal values at both seeds: without influences there would be no error at all."""
    rng = np.random.default_rng(0)
    shares = rng.normal(0, 2, 40)
    shares -= shares.mean()
    stored = {"images": {"influence/fid@inception": shares}, "sets": {"fid@inception": 20.0}}
    records = [make("a", seed, **stored) for seed in (0, 1)]
    for record in records:
        del record.metrics["test"]["influence/fid@inception"]
    value = row_of(board_of(records, "fid@inception"), "a").values["test/fid@inception"]
    assert value.interval.half == pytest.approx(stats.t.ppf(0.975, 39) * stats.sem(shares))
