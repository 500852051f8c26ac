"""Subsets, the 1/N line, verdicts, and codes that are stored once."""

import json
import re

import numpy as np
import pytest
import torch
from scipy.stats import norm
from scipy.stats import t as student

from bench.core.paths import home
from bench.metrics.frechet import frechet_distance
from bench.studies.sample_curves import SampleSizeCurves
from bench.studies.sample_size import ReconstructionFeatures, draw_subsets


def pairs_of(count, seed=0, width=6):
    rng = torch.Generator().manual_seed(seed)
    target = torch.randn(count, width, generator=rng)
    output = target + 0.3 + 0.1 * torch.randn(count, width, generator=rng)
    psnr = np.random.RandomState(seed).normal(18, 2, count)
    return ReconstructionFeatures(psnr, np.full(count, 0.5), target, output)


def test_subsets_are_disjoint_where_they_fit():
    subsets, disjoint = draw_subsets(1000, 100, 10, 0)
    assert disjoint
    assert sorted(np.concatenate(subsets)) == list(range(1000))
    subsets, disjoint = draw_subsets(1000, 500, 10, 0)
    assert not disjoint
    assert [len(set(rows)) for rows in subsets] == [500] * 10
    (whole,), _ = draw_subsets(1000, 1000, 10, 0)
    assert sorted(whole) == list(range(1000))


def test_a_subset_is_measured_by_the_metrics_functions():
    pairs = pairs_of(200)
    pairs.psnr[3] = np.inf
    rows = np.arange(0, 100)
    found = pairs.measure(rows, 50)
    assert found["fid"] == pytest.approx(frechet_distance(pairs.target[:100], pairs.output[:100]))
    assert found["fid_unpaired"] == pytest.approx(frechet_distance(pairs.target[:50], pairs.output[50:100]))
    assert found["psnr"] == pytest.approx(np.delete(pairs.psnr[:100], 3).mean())
    assert np.isfinite(found["kid"])


def made(values, psnr_sd=2.0, count=10_000):
    pairs = pairs_of(count)
    pairs.psnr[:] = 18 + psnr_sd * norm.ppf((np.arange(count) + 0.5) / count)
    return SampleSizeCurves.of(values, pairs.psnr, 0)


def rows_of(fid, psnr=lambda n, i: 18.0, sizes=(100, 1000, 2000, 10_000)):
    for n in sizes:
        for i in range(10 if n < sizes[-1] else 1):
            value = fid(n, i)
            yield n, n <= 1000, {"psnr": psnr(n, i), "ssim": 0.5, "fid": value, "fid_unpaired": value, "kid": 0.0}


def test_the_line_finds_the_bias_that_was_put_in():
    curves = made(rows_of(lambda n, i: 4 + 250 / n))
    assert curves.line("fid") == pytest.approx((4.0, 250.0))
    assert curves.line("fid_unpaired") == pytest.approx((4.0, 125.0))


@pytest.mark.parametrize(
    ("bias", "spread", "expected"),
    [(0.0, 0.01, "holds"), (1000.0, 0.01, "fails"), (400.0, 2.0, "cannot tell")],
)
def test_c27_is_decided_by_the_spread_over_subsets(bias, spread, expected):
    curves = made(rows_of(lambda n, i: 4 + bias / n + spread * (i - 4.5) / 9 * (n < 10_000)))
    assert curves.verdicts()[0].outcome == expected


def test_c27_prints_the_difference_and_its_interval_in_percent():
    curves = made(rows_of(lambda n, i: 4 + 0.1 * (i - 4.5) * (n < 10_000) + 0.08 * (n < 10_000)))
    shares = 100 * (0.1 * (np.arange(10) - 4.5) + 0.08) / 4
    expected = [shares.mean(), *student.interval(0.95, 9, shares.mean(), shares.std(ddof=1) / np.sqrt(10))]
    detail = curves.verdicts()[0].evidence[0].detail
    printed = re.match(r"([+-][\d.]+) \[([+-][\d.]+), ([+-][\d.]+)\] % over 10 disjoint subsets", detail)
    assert [float(number) for number in printed.groups()] == pytest.approx(expected, abs=0.5)


def test_c27_needs_more_than_one_subset_of_a_thousand():
    curves = made(rows_of(lambda n, i: 4.0, sizes=(100, 1000)), count=1000)
    verdict = curves.verdicts()[0]
    assert verdict.outcome == "not measured"
    assert "at least 2,000 test images, here are 1,000" in verdict.reason


@pytest.mark.parametrize(("sd", "expected"), [(1.0, "holds"), (3.0, "fails"), (1.54, "cannot tell")])
def test_c36_follows_from_the_spread_of_single_images(sd, expected):
    verdict = made(rows_of(lambda n, i: 4.0), psnr_sd=sd).verdicts()[1]
    assert verdict.outcome == expected, verdict.reason


def test_the_table_counts_subsets_and_leaves_out_the_spread_of_one():
    rows = made(rows_of(lambda n, i: 4 + i)).frame()
    assert rows["subsets"].tolist() == [10, 10, 10, 1]
    assert rows["disjoint"].tolist() == ["yes", "yes", "no", "no"]
    assert rows["fid_sd"].tolist()[:3] == pytest.approx([np.arange(10).std(ddof=1)] * 3)
    assert np.isnan(rows["fid_sd"].iloc[3])


def test_a_second_call_uses_the_stored_codes(call, boxes, tmp_path):
    words = ("study", "sample-size", "--dataset", "boxes", "--plugin", boxes, "--network", "fashion-mnist-cnn")
    words += ("--option", "gan=fashion-mnist/dcgan", "--option", "fit_steps=2", "--option", "sizes=[20,40]")
    words += ("--option", "kid_subset=10", "--option", "repeats=3")
    code, _, errors = call(*words, "--out", tmp_path / "one")
    assert code == 0, errors
    first = json.loads((tmp_path / "one" / "study.json").read_text())
    assert [row["images"] for row in first["tables"]["Mean and standard deviation over subsets"]] == [20, 40, 120]
    stamps = {p: p.stat().st_mtime_ns for p in (home() / "store").rglob("*.safetensors")}
    assert len(stamps) == 2
    assert call(*words, "--out", tmp_path / "two")[0] == 0
    assert {p: p.stat().st_mtime_ns for p in (home() / "store").rglob("*.safetensors")} == stamps
    assert (tmp_path / "two" / "table.csv").read_bytes() == (tmp_path / "one" / "table.csv").read_bytes()
