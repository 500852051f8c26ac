"""Rank correlations over made-up records whose orders are known."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, spearmanr

from bench.core.errors import BenchError, UnknownName
from bench.core.types import ComponentSpec
from bench.harness.store import read_records
from bench.reports.groups import groups
from bench.studies.agreement_cells import MeasuredCells
from bench.studies.agreement_claims import chance, top_two
from bench.studies.agreement_matrix import Agreement, clustered
from bench.studies.base import StudyRequest
from bench.studies.metric_agreement import MetricAgreement, one_family

GANS = ("dcgan", "lsgan", "fashion-mnist/rfgan", "wgan-gp", "dfm")
METHODS = ("dfi", "enc_image", "gradient")


@pytest.fixture
def agreeing(store_record, rng):
    """Five GANs, three methods, two seeds: PSNR, SSIM and LPIPS agree; FID and label accuracy are noise."""
    for g, gan in enumerate(GANS):
        for m, method in enumerate(METHODS):
            for seed in (0, 1):
                quality = g + 2.5 * m + 0.01 * seed
                test = {
                    "psnr": 15 + quality,
                    "ssim": 0.3 + 0.01 * quality,
                    "lpips@n": 1 - 0.02 * quality + 0.001 * rng.normal(),
                    "fid@n": 9 + rng.normal(),
                    "label_accuracy@n": rng.uniform(),
                    "constant": 1.0,
                }
                own = {"rand_is@n": 2.0 + g, "rand_ms_ssim:2": 0.4 + 0.01 * g}
                folder = store_record(gan, method, seed, test, own)
    return folder


def found(folder, **more):
    request = StudyRequest()
    family = one_family(groups(read_records(folder)), None)
    return Agreement.of(MeasuredCells.of(family, ("test", "own")), 200, request, **more)


def test_correlations_equal_scipys(agreeing):
    matrix = found(agreeing)
    records = read_records(agreeing)
    columns = {m: [r.metrics["test"][m]["value"] for r in records] for m in ("psnr", "fid@n")}
    rho, _ = matrix.interval("psnr", "fid@n")
    assert rho == pytest.approx(-spearmanr(columns["psnr"], columns["fid@n"]).statistic)
    i, j = matrix.names.index("psnr"), matrix.names.index("fid@n")
    assert matrix.tau[i, j] == pytest.approx(-kendalltau(columns["psnr"], columns["fid@n"]).statistic)


def test_metrics_are_turned_so_that_higher_is_better(agreeing):
    matrix = found(agreeing)
    assert matrix.interval("psnr", "ssim")[0] == pytest.approx(1.0)
    assert matrix.interval("psnr", "lpips@n")[0] > 0.95
    assert matrix.interval("own/rand_is@n", "own/rand_ms_ssim:2")[0] == pytest.approx(-1.0)
    assert "constant" not in matrix.names


def test_intervals_hold_the_estimate_and_noise_crosses_0(agreeing):
    matrix = found(agreeing)
    rho, interval = matrix.interval("psnr", "fid@n")
    assert interval.low <= rho <= interval.high
    assert interval.contains(0.0)
    assert not matrix.interval("psnr", "lpips@n")[1].contains(0.0)


def test_resampling_by_rows_and_by_pairs_agree(agreeing, store_record):
    store_record("sngan", "dfi", 0, {"psnr": 30.0, "ssim": 0.9, "lpips@n": 0.1})
    uneven = found(agreeing)
    assert uneven.interval("psnr", "ssim")[0] == pytest.approx(1.0)
    assert uneven.counts[uneven.names.index("psnr"), uneven.names.index("fid@n")] == 30
    assert not uneven.interval("psnr", "lpips@n")[1].contains(0.0)


def test_clustering_puts_those_that_agree_side_by_side():
    groups_ = [0, 1, 0, 1, 0]
    rho = np.array([[1.0 if a == b else 0.1 for b in groups_] for a in groups_])
    assert [groups_[i] for i in clustered(rho)] in ([0, 0, 0, 1, 1], [1, 1, 0, 0, 0])


def study(folder, call, tmp_path):
    out = tmp_path / "out"
    options = ("--option", "suite=quickstart", "--option", f"records={folder}")
    code, _, errors = call("study", "metric-agreement", *options, "--out", out)
    return code, errors, out


def test_the_report_has_a_matrix_and_verdicts(agreeing, call, picture, tmp_path):
    code, errors, out = study(agreeing, call, tmp_path)
    assert code == 0, errors
    matrix = pd.read_csv(out / "table-spearman-s-correlation-of-all-metrics.csv").set_index("metric")
    assert matrix.loc["psnr", "ssim"] == pytest.approx(1.0)
    assert (np.diag(matrix) == 1).all()
    drawn = picture(out / "figure.png")
    assert min(drawn.shape) > 300
    assert (drawn < 128).mean() > 0.01, "cells of the matrix are filled"
    verdicts = {v["claim"]: v for v in json.loads((out / "study.json").read_text())["verdicts"]}
    mislead = {e["question"]: e["outcome"] for e in verdicts["dfi-3.2"]["evidence"]}
    assert mislead["Spearman(psnr, lpips@n) is at most 0.5"] == "fails"
    assert mislead["Spearman(psnr, fid@n) is at most 0.5"] in {"holds", "cannot tell"}
    assert [e["outcome"] for e in verdicts["C34"]["evidence"]] == ["holds", "fails"]
    assert verdicts["C34"]["published"] is True


def test_one_seed_and_absent_metrics_decide_nothing(store_record, call, tmp_path):
    for g, gan in enumerate(GANS):
        for m, method in enumerate(METHODS):
            folder = store_record(gan, method, 0, {"psnr": 15.0 + g + m, "ssim": 0.1 * m + g}, {"rand_is@n": 1.0 + g})
    code, errors, out = study(folder, call, tmp_path)
    assert code == 0, errors
    verdicts = {v["claim"]: v["evidence"] for v in json.loads((out / "study.json").read_text())["verdicts"]}
    assert [e["outcome"] for e in verdicts["C34"]] == ["cannot tell", "not measured"]
    assert "one seed decides nothing" in verdicts["C34"][0]["detail"]
    assert "no metric of the family rand_ms_ssim" in verdicts["C34"][1]["detail"]
    assert {e["outcome"] for e in verdicts["dfi-3.2"]} == {"not measured"}


def test_c34_needs_four_gans_and_the_method(agreeing):
    family = one_family(groups(read_records(agreeing)), None)
    assert top_two(family[:3], "dfi")["MS-SSIM"].reason == "3 GANs have both numbers; at least 4 are needed"
    assert top_two(family, "ali")["Inception score"].reason == "no method ali in these records"
    ranks = top_two(family, "dfi")["Inception score"]
    assert ranks.by_seed[0] == (("dfm", "wgan-gp"), ("dfm", "wgan-gp"))


def test_c34_ranks_the_papers_models_alone(agreeing, store_record):
    """A GAN that the paper does not have is the best by PSNR and the worst by Inception score."""
    for seed in (0, 1):
        store_record("gan-noise", "dfi", seed, {"psnr": 99.0}, {"rand_is@n": 0.1, "rand_ms_ssim:2": 0.9})
    ranks = top_two(one_family(groups(read_records(agreeing)), None), "dfi")["Inception score"]
    assert ranks.by_seed[0] == (("dfm", "wgan-gp"), ("dfm", "wgan-gp"))
    assert ranks.stand_in == "5 of the paper's 7 models; digits stands in for CIFAR10"


def test_chance_of_two_pairs_sharing_a_member():
    assert chance(4) == pytest.approx(5 / 6)
    assert chance(9) == pytest.approx(1 - 21 / 36)


def test_datasets_budgets_and_protocols_do_not_mix(agreeing, store_record):
    values = {"psnr": 1.0}
    store_record("dcgan", "dfi", 0, values, dataset="mnist")
    with pytest.raises(BenchError, match=r"one dataset and budget, got digits at budget cpu, mnist at budget cpu"):
        one_family(groups(read_records(agreeing)), None)
    assert len(one_family(groups(read_records(agreeing)), ComponentSpec("digits"))) == 5
    with pytest.raises(UnknownName, match="unknown dataset 'digit'; did you mean 'digits'"):
        one_family(groups(read_records(agreeing)), ComponentSpec("digit"))
    store_record("sngan", "dfi", 0, values, version=2)
    with pytest.raises(BenchError, match="protocol of psnr differs"):
        one_family(groups(read_records(agreeing)), ComponentSpec("digits"))


def test_failed_cells_are_counted_and_too_few_are_refused(agreeing, store_record):
    store_record("sngan", "dfi", 0, {}, status="failed", reason="diverged")
    study_ = MetricAgreement(suite="quickstart", records=str(agreeing), resamples=100)
    assert "1 cells failed or are missing" in study_.run(StudyRequest()).measured[0]


def test_too_few_cells_are_refused(store_record):
    folder = store_record("dcgan", "dfi", 0, {"psnr": 1.0, "ssim": 0.1})
    with pytest.raises(BenchError, match="needs at least 6 finished cells, got 1"):
        MetricAgreement(suite="quickstart", records=str(folder)).run(StudyRequest())


def test_controls_are_told_apart(agreeing, store_record):
    for gan in GANS:
        store_record(gan, "random_code", 0, {"psnr": 5.0, "fid@n": 0.1}, control=True)
    rows = MetricAgreement(suite="quickstart", records=str(agreeing), resamples=100).run(StudyRequest()).tables
    table = rows["PSNR and SSIM against the other metrics"]
    fid = table[(table["metric"] == "psnr") & (table["other"] == "fid@n")].iloc[0]
    assert fid["spearman"] < fid["without_controls"]
