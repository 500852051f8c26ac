"""The suite from Python: what ``import bench`` gives."""

import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.core.errors import BenchError, UnknownName
from bench.harness.store import Store

RESULTS = "results"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def stored(tiny_suite, store, monkeypatch, own_home):
    """The tiny suite with two controls, run once for this file; gives its path and the folder of its records."""
    methods = ["random_code", "best_of_random"]
    table = bench.run(str(tiny_suite), seeds=[0, 1], methods=methods, store=store)
    return str(tiny_suite), store.records_folder, table


def test_run_gives_a_table_with_a_row_for_each_method_and_seed(stored):
    table = stored[2]
    assert len(table) == 4
    assert set(table["method"]) == {"random_code", "best_of_random"}
    by_method = table.groupby("method")["mse"].mean()
    assert by_method["best_of_random"] < by_method["random_code"]
    assert (table["psnr"] > 0).all()


def test_a_leaderboard_is_drawn_from_records_alone(stored):
    suite, records, table = stored
    (board,) = bench.leaderboard(suite, records=records)
    (same,) = bench.leaderboard(Path(suite), records=str(records))
    assert same.rows == board.rows
    shown = {row.method: row.values["test/psnr"].mean for row in board.rows}
    expected = table.groupby("method")["psnr"].mean()
    assert shown == pytest.approx(expected.to_dict())


def test_methods_are_compared_in_the_direction_that_was_asked(stored):
    suite, records, _ = stored
    (one,) = bench.compare(suite, "best_of_random", "random_code", records=records)
    (other,) = bench.compare(suite, "random_code", "best_of_random", records=records)
    gaps = {m.metric: m.gap.mean for m in one.metrics if m.track == "test"}
    assert gaps["psnr"] > 0
    assert {m.metric: -m.gap.mean for m in other.metrics if m.track == "test"} == pytest.approx(gaps)
    with pytest.raises(UnknownName, match="dfj"):
        bench.compare(suite, "dfj", "random_code", records=records)


def test_claims_have_a_ruling_each_and_a_paper_may_stand_alone(tmp_path):
    (paper,) = bench.claims([tmp_path], paper="creswell")
    found = bench.claims([tmp_path], paper=paper)[paper]
    assert bench.claims(str(tmp_path), paper=paper) == {paper: found}
    assert [result.verdict.outcome for result in found] == ["not measured"] * len(found)
    assert len(found) >= 3
    with pytest.raises(UnknownName, match="creswell"):
        bench.claims([tmp_path], paper="creswel")


def test_reproduce_refuses_what_it_does_not_know():
    with pytest.raises(UnknownName, match="tablei"):
        bench.reproduce("creswell/table1", "smoke")
    with pytest.raises(UnknownName, match="smoke"):
        bench.reproduce("creswell/tablei", "smok")


def test_overfit_is_a_function_although_it_is_a_room_as_well(monkeypatch, tmp_path):
    import bench.overfit.run as room

    asked = []
    monkeypatch.setattr(room, "overfit", lambda what, **more: asked.append((what, more)))
    bench.overfit("fashion-mnist/dcgan", dataset="fashion-mnist", n=40, out=tmp_path)
    bench.api.overfit("a", "b", mode="compare")
    (first, more), (second, _) = asked
    assert (first.gans, first.dataset, first.n, more["out"]) == (
        ("fashion-mnist/dcgan",),
        "fashion-mnist",
        40,
        tmp_path,
    )
    assert (second.gans, second.mode) == (("a", "b"), "compare")
    with pytest.raises(BenchError, match="did you mean 'steps'"):
        bench.overfit("a", step=3)
    with pytest.raises(BenchError, match="no GAN"):
        bench.overfit()


def test_every_name_is_there_and_no_plug_in_name_loads_torch():
    for name in bench.api.__all__:
        assert getattr(bench, name) is not None
    assert {"run", "leaderboard", "Inverter"} <= set(dir(bench))
    with pytest.raises(AttributeError, match="leaderbord"):
        bench.leaderbord  # noqa: B018 - the access is the test
    code = (
        "import sys; from bench import FitData, Inverter, dataset, gan, leaderboard, method, metric, run\n"
        "print([m for m in ('torch', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
