"""Curves against interpolation by numpy, ladders that end, points that are stored, and what the report says."""

import json

import numpy as np
import pandas as pd
import pytest
from skimage.metrics import peak_signal_noise_ratio

from bench.core.errors import BenchError, NotApplicable
from bench.core.types import Cell, ComponentSpec
from bench.studies import search_points
from bench.studies.base import Study
from bench.studies.publish import run_study
from bench.studies.search_curves import Curve, SearchCurves
from bench.studies.search_points import SearchPoint

TINY_GAN = "gan=dcgan?width=4&code_dim=8&batch=8"
SMALL = [TINY_GAN, "train_steps=2", "fit_steps=2", "steps=[1,2]", "times=[1,1e6]"]


def point(method, steps, ms, mse, own=1e-3, calls=None, count=40):
    rng = np.random.RandomState(steps)
    errors = {"test": mse * rng.uniform(0.9, 1.1, count), "own": own * rng.uniform(0.9, 1.1, count)}
    cost = {"processor_ms": ms, "wall_ms": 3 * ms, "calls": float(steps if calls is None else calls)}
    return SearchPoint(method, steps, errors, {"test": cost, "own": cost}, 0.0, 0.0)


def test_between_points_it_is_linear_in_the_logarithm_of_time(rng):
    times, values = [1.0, 10.0, 40.0], np.sort(rng.rand(3, 7), axis=0)
    curve = Curve.of(times, list(values))
    for time in (1.0, 2.5, 10.0, 33.0, 40.0):
        expected = [np.interp(np.log(time), np.log(times), column) for column in values.T]
        np.testing.assert_allclose(curve.at(time), expected)


def test_nothing_is_extrapolated(rng):
    values = np.sort(rng.rand(2, 7), axis=0)
    curve = Curve.of([2.0, 5.0], list(values))
    assert curve.at(1.99) is None
    np.testing.assert_array_equal(curve.at(1e9), values[1])


def test_a_point_that_took_longer_and_found_less_leaves_the_best_as_it_was():
    better, worse, best = np.full(3, 2.0), np.full(3, 1.0), np.full(3, 4.0)
    curve = Curve.of([10.0, 1000.0, 100.0], [better, best, worse])
    np.testing.assert_allclose([curve.at(50.0), curve.at(100.0)], 2.0)
    np.testing.assert_allclose(curve.at(1000**0.5 * 10), 3.0)


def test_what_jumps_has_nothing_between_two_points():
    curve = Curve.of([10.0, 100.0], [np.zeros(3), np.ones(3)], between=False)
    assert curve.at(9.9) is None
    assert [curve.at(time).mean() for time in (10.0, 99.9, 100.0, 1e6)] == [0.0, 0.0, 1.0, 1.0]


def test_psnr_is_scikit_images(rng):
    x, y = rng.rand(2, 5, 28, 28) * 2 - 1
    errors = {"test": ((x - y) ** 2).mean((1, 2)), "own": np.ones(5)}
    found = SearchPoint("m", 1, errors, {}, 0.0, 0.0).psnr("test")
    expected = [peak_signal_noise_ratio(a, b, data_range=2) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(found, expected)


@pytest.fixture
def curves():
    points = [
        point("fast", 10, 1.0, 0.1),
        point("fast", 100, 10.0, 0.05, own=1e-7),
        point("slow", 10, 5.0, 0.08),
        point("slow", 100, 50.0, 0.01),
    ]
    return SearchCurves.of(points, "processor", 1e-6)


def test_the_table_at_equal_time_has_a_gap_before_the_first_point(curves):
    rows = curves.tables((2.0, 50.0))["At equal time: PSNR of test images, dB"].set_index("method")
    assert np.isnan(rows.loc["slow", "2 ms"])
    assert rows.loc["fast", "2 ms"] < rows.loc["fast", "50 ms"] < rows.loc["slow", "50 ms"]
    assert rows.loc["slow", "50 ms_low"] < rows.loc["slow", "50 ms"] < rows.loc["slow", "50 ms_high"]
    own = curves.tables((50.0,))["At equal time: own images recovered, share"].set_index("method")
    assert own["50 ms"].tolist() == [1.0, 0.0]


def test_the_other_clock_moves_the_curves(curves):
    wall = SearchCurves.of(curves.points, "wall", 1e-6)
    assert wall.curves["test"]["fast"].times.tolist() == [3.0, 30.0]


def test_the_discussion_names_the_leader_and_whom_nothing_tells_apart():
    points = [point("a", 1, 1.0, 0.01), point("b", 1, 1.0, 0.01), point("c", 1, 1.0, 0.1)]
    lines = SearchCurves.of(points, "processor", 1e-6).discussion((0.5, 1.0)).splitlines()
    assert "no method has a point so early" in lines[0]
    assert "not distinguished from" in lines[1]
    assert "; c is 10 [" in lines[1]
    assert "0 for every method (3)" in lines[3]


def test_values_make_the_table_again(curves):
    rows = curves.per_image()
    assert len(rows) == 4 * 2 * 40
    means = rows[rows["track"] == "test"].groupby(["method", "steps"])["mse"].mean()
    assert means["slow", 100] == pytest.approx(curves.points[3].mse["test"].mean())
    assert set(rows["processor_ms"]) == {1.0, 10.0, 5.0, 50.0}


@pytest.fixture
def walked(monkeypatch):
    """``walked(method, points)``: steps of the ladder that are taken where these points are found."""

    def walk(method, points, **options):
        asked = []

        def measured(bench, cell, steps, threads):
            asked.append((cell.budget.search_steps, cell.budget.refine_steps))
            return points[len(asked) - 1]

        monkeypatch.setattr(search_points, "measured", measured)
        study = Study.open("search-time", {"steps": [1, 10, 100], **options})
        cell = Cell(ComponentSpec("digits"), ComponentSpec("dcgan"), ComponentSpec(method), 0, study._budget(8), ())
        return len(list(study._ladder(None, cell))), asked

    return walk


def test_a_ladder_ends_after_the_point_that_took_too_long(walked):
    slow = [point("m", 1, 5.0, 0.1), point("m", 10, 50.0, 0.1), point("m", 100, 500.0, 0.1)]
    assert walked("adam", slow, most_ms=20.0) == (2, [(1, 1), (10, 1)])
    assert walked("adam", slow, most_ms=60.0)[0] == 3


def test_a_refiner_takes_the_steps_and_the_encoder_is_trained_once(walked):
    points = [point("m", steps, 1.0, 0.1) for steps in (1, 10, 100)]
    assert walked("dfi+lm", points) == (3, [(1, 1), (1, 10), (1, 100)])


def test_a_ladder_has_no_rungs_that_change_nothing(walked):
    assert walked("dfi", [point("m", 1, 1.0, 0.1, calls=0)])[0] == 1
    assert walked("best_of_random", [point("m", steps, 1.0, 0.1, calls=64) for steps in (1, 10)])[0] == 1


def test_points_are_stored_and_the_second_run_measures_none(boxes, tmp_path, monkeypatch, csv):
    methods = 'methods=["adam","random_code","dfi+opt?width=128&batch=8","icgan"]'
    study = {"dataset": "boxes", "images": 8, "options": [*SMALL, methods]}
    result, folder = run_study("search-time", **study, out=tmp_path / "first")
    measured = result.tables["Measured points"]
    assert measured["method"].tolist() == ["adam"] * 2 + ["random_code"] + ["dfi+opt?width=128&batch=8"] * 2
    assert (measured["test processor_ms"] > 0).all()
    assert np.diff(measured["test calls"][:2]) == np.diff(measured["own calls"][:2]) == 1  # a step more, of one image
    assert result.tables["Not measured"]["method"].tolist() == ["icgan"]
    assert "icgan" in (folder / "README.md").read_text()
    assert csv(folder)["1e+06 ms"].notna().all()

    def refuse(bench, cell, key, steps):
        assert cell.method.name == "icgan", "measured again"
        raise NotApplicable("not for this GAN")

    monkeypatch.setattr(search_points, "_measure", refuse)
    again, second = run_study("search-time", **study, out=tmp_path / "second")
    pd.testing.assert_frame_equal(again.values["per-image"], result.values["per-image"])
    first, last = (json.loads((place / "study.json").read_text())["protocol"] for place in (folder, second))
    assert first == last


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"methods": ["adam"]}, "expected 2 or more different ones"),
        ({"steps": [10, 3]}, "expected rising numbers from 1 up"),
        ({"times": [0.0, 1.0]}, "expected rising milliseconds above 0"),
        ({"threads": 0}, "expected at least 1"),
        ({"clock": "sun"}, "clock"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, reason):
    with pytest.raises(BenchError, match=reason) as stop:
        Study.open("search-time", options)
    assert "\n" not in str(stop.value)


@pytest.mark.parametrize(
    ("methods", "reason"),
    [('["adam","adm"]', "adm"), ('["adam","lbfgs?strech=0.9"]', "stretch"), ('["adam","dfi+lmm"]', "lmm")],
)
def test_methods_that_do_not_exist_are_told_before_anything_runs(methods, reason, boxes, tmp_path):
    with pytest.raises(BenchError, match=reason):
        run_study("search-time", dataset="boxes", options=[TINY_GAN, f"methods={methods}"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_clock_that_does_not_see_the_gpu_is_refused():
    study = Study.open("search-time", {})
    with pytest.raises(BenchError, match="clock=wall"):
        study._check_clock("cuda")
