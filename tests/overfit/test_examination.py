"""A planted memoriser and an honest generator through the whole examination, and the reports that are written."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.core.errors import BenchError, DataError
from bench.core.types import Images
from bench.harness.store import Store
from bench.overfit import examination, ranking, sweep
from bench.overfit.examination import SearchSettings, examine_gan
from bench.overfit.inputs import OpenedGan
from bench.overfit.recovery import Search
from bench.overfit.report import write_page

SETTINGS = SearchSettings(n=40, search=Search(steps=40))


@pytest.fixture(scope="module")
def examined(memoriser, honest, real, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examination, "SAMPLES", 200)
        return [
            examine_gan(OpenedGan(gan, title), real, SETTINGS, store=store)
            for gan, title in ((memoriser, "memoriser-20"), (honest, "honest-10"))
        ]


def test_guilt_and_innocence_are_found(examined):
    guilty, honest = examined
    assert guilty.verdict.outcome == "memorises"
    assert guilty.statistics.gap.interval.low > 0.99
    assert guilty.statistics.separation.auc == 1
    assert honest.verdict.outcome == "no sign found at this power"
    assert honest.statistics.gate.rate == 1


def test_the_curve_ends_at_the_whole_budget(examined):
    curve = examined[0].curve
    assert [p.steps for p in curve] == [2, 5, 10, 20, 40]
    assert curve[-1].gap.value == pytest.approx(examined[0].statistics.gap.value)
    assert curve[0].recovered <= curve[-1].recovered == 1


def test_galleries_hold_the_best_then_the_worst(examined):
    shown = examined[1].galleries["test"]
    assert np.all(np.diff(shown.errors) >= 0)
    assert shown.errors[-1] == examined[1].errors["test"].errors.max()
    assert shown.target.shape == shown.output.shape == (12, 1, 8, 8)


def test_a_page_stands_on_its_own(examined, picture, tmp_path):
    page = write_page(examined[0], tmp_path, {"device": "cpu"}).read_text()
    assert re.findall(r'src="(.{22})', page) == ["data:image/png;base64,"]
    assert "<b>memorises</b>" in page
    assert "href" not in page
    stored = json.loads((tmp_path / "overfit.json").read_text())
    assert stored["verdict"]["outcome"] == "memorises"
    assert stored["errors"]["gap"]["value"] == examined[0].statistics.gap.value
    rows = (tmp_path / "errors.csv").read_text().splitlines()
    assert len(rows) == 1 + 3 * 40
    assert float(rows[1].split(",")[2]) == pytest.approx(examined[0].errors["train"].errors[0])
    assert "AuthPct" in (tmp_path / "README.md").read_text()
    drawn = picture(tmp_path / "figure.png")
    assert min(drawn.shape) > 300
    assert len(np.unique(drawn)) > 100, "the images are shown in their grey levels"


def test_ranking_is_paired_and_ties_are_ties(examined, tmp_path):
    twin = replace(examined[1], title="twin")
    places = ranking.write_ranking([*examined, twin], tmp_path, {})
    by_title = {p.title: p for p in places}
    assert by_title["honest-10"].rank == by_title["twin"].rank
    difference = examined[0].errors["test"].errors - examined[1].errors["test"].errors
    behind = next(p.behind for p in places if p.behind is not None and p.title != "twin")
    assert behind.low <= abs(difference.mean()) <= behind.high
    assert json.loads((tmp_path / "ranking.json").read_text())["n"] == 40
    with pytest.raises(BenchError, match="named twice"):
        ranking.rank([twin, twin])
    with pytest.raises(BenchError, match="other images or with other searches"):
        ranking.rank([examined[0], replace(twin, settings=replace(SETTINGS, n=41))])


def test_a_sweep_says_where_it_starts(examined, tmp_path):
    guilty, honest = examined
    opened = [OpenedGan(None, e.title) for e in (guilty, honest)]
    steps = sweep.steps_of(opened)
    assert steps == [20, 10]
    found = sweep.write_sweep([guilty, honest], steps, tmp_path, {})
    assert [s.step for s in found] == [10, 20]
    assert sweep.starts_at(found).title == "memoriser-20"
    assert "from step 20 on" in (tmp_path / "README.md").read_text()
    assert sweep.starts_at(found[:1]) is None
    assert sweep.steps_of([replace(o, step=k) for k, o in ((7, opened[0]), (9, opened[1]))]) == [7, 9]


def test_a_checkpoint_that_memorises_below_the_gate_tells_too(examined):
    one, two = sweep.stops(examined, [20, 10])
    below = replace(two, passed=False, step=30)
    assert sweep.starts_at([one, below]) is below
    assert "from step 30 on" in sweep.answer([below])
    silent = replace(one, passed=False, outcome="cannot tell")
    assert sweep.answer([silent]).startswith("Inconclusive")
    assert sweep.starts_at([silent, below]) is below


def test_what_other_programs_read_is_json(examined, tmp_path):
    kinds = tuple(replace(k, median_error=float("nan")) for k in examined[0].modes.kinds)
    write_page(replace(examined[0], modes=replace(examined[0].modes, kinds=kinds)), tmp_path, {})

    def refuse(text):
        raise AssertionError(text)

    read = json.loads((tmp_path / "overfit.json").read_text(), parse_constant=refuse)
    assert {k["median_error"] for k in read["kinds"]["kinds"]} == {None}


def test_too_few_and_overlapping_images_end_it(honest, real, opened):
    with pytest.raises(DataError, match="20 images of each group are too few"):
        examine_gan(opened(honest), real, replace(SETTINGS, n=20))
    with pytest.raises(DataError, match="--n 50: noise has 40 training images"):
        examine_gan(opened(honest), real, replace(SETTINGS, n=50))
    mixed = replace(real, test=Images(torch.cat([real.test.data, real.train.data[3:5]])))
    with pytest.raises(DataError, match="2 of 62 unseen images are also training images"):
        examine_gan(opened(honest), mixed, SETTINGS)


def test_images_of_another_size_are_named(honest, real, opened):
    small = Images(real.test.data[:, :, :4, :4])
    with pytest.raises(DataError, match=r"makes images of 1x8x8, noise has 1x4x4 \(channels x height x width\)"):
        examine_gan(opened(honest), replace(real, train=small, test=small), SETTINGS)
