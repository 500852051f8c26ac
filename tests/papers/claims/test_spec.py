"""Claims files are read strictly, verdicts follow the evidence, printed numbers keep their distance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import bench
from bench.core.errors import BenchError
from bench.papers.claims.comparison import published_table
from bench.papers.claims.evaluate import evaluate_claims
from bench.papers.claims.render import claims_markdown
from bench.papers.claims.spec import read_claims
from bench.reports.groups import only_group

DFI = Path(bench.__file__).parent / "papers" / "dfi" / "claims.toml"
METHODS = [
    "enc_image",
    "enc_image+opt",
    "enc_latent",
    "enc_latent+opt",
    "dfi",
    "dfi+opt",
    "dfi_image",
    "dfi_image+opt",
]
NAMES = {"psnr": "psnr", "ssim": "ssim", "lpips": "lpips@alex", "fac": "label_accuracy@cnn"}
HEAD = """
paper = "p"
[roles.psnr]
higher_is_better = true
answered_by = ["psnr"]
[roles.fid]
higher_is_better = false
answered_by = ["fid"]
[[claim]]
id = "X1"
source = "s"
text = "t"
"""


@pytest.fixture
def as_printed(make):
    """Records whose means are the printed numbers, with little noise."""
    printed = {(p.metric, p.method): p.value for p in read_claims(DFI).published}
    rng = np.random.default_rng(0)
    records = []
    for method in METHODS:
        for seed in range(3):
            images = {}
            for metric, name in NAMES.items():
                scale = 0.0002 if metric != "psnr" else 0.01
                value = printed[metric, method] / (100 if metric == "fac" else 1)
                images[name] = value + scale * rng.normal(size=50)
            fid = printed["fid", method] + 0.01 * rng.normal()
            records.append(make(method, seed, images=images, sets={"fid@inception": fid}))
    return records


@pytest.fixture
def claims_file(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "claims.toml"
        path.write_text(HEAD + text)
        return path

    return write


def verdicts_of(records, path=DFI):
    return {v.claim.id: v for v in evaluate_claims(read_claims(path), only_group(records))}


def test_every_dfi_claim_agrees_with_the_printed_numbers(as_printed):
    verdicts = verdicts_of(as_printed)
    assert list(verdicts) == [*(f"C{i:02}" for i in range(1, 11)), "C30"]
    assert all(verdicts[f"C{i:02}"].published for i in range(1, 11))


def test_records_like_the_printed_numbers_uphold_the_claims(as_printed):
    outcomes = {id_: v.outcome for id_, v in verdicts_of(as_printed).items()}
    assert outcomes.pop("C30") == "cannot tell"  # these made-up methods all train as many parameters
    assert set(outcomes.values()) == {"holds"}


def test_a_stand_in_is_named(as_printed):
    verdicts = verdicts_of(as_printed)
    assert "label_accuracy@cnn stands in for fac" in verdicts["C03"].reason
    assert "stands in" not in verdicts["C01"].reason


def test_a_reversed_order_fails(as_printed):
    for record in as_printed:
        if record.cell["method"]["name"] == "dfi":
            record.metrics["test"]["fid@inception"]["value"] = 50.0
    verdict = verdicts_of(as_printed)["C01"]
    assert verdict.outcome == "fails"
    assert "fid@inception: dfi beats enc_image" in verdict.reason


def test_equal_methods_cannot_be_told_apart(make):
    noise = np.random.default_rng(1).normal(20, 1, (2, 40))
    names = ["enc_image", "dfi"]
    records = [
        make(m, s, images={"psnr": noise[i]}, sets={"fid@x": 5.0 + (i == s)})
        for i, m in enumerate(names)
        for s in (0, 1)
    ]
    assert verdicts_of(records)["C01"].outcome == "cannot tell"


def test_one_training_decides_nothing(as_printed):
    verdicts = verdicts_of([r for r in as_printed if r.cell["seed"] == 0])
    assert verdicts["C01"].outcome == "cannot tell"
    assert "no interval: one training" in verdicts["C01"].reason
    assert "holds" not in {verdict.outcome for verdict in verdicts.values()}


def test_missing_methods_and_metrics_are_named(as_printed, make):
    records = [r for r in as_printed if r.cell["method"]["name"] not in {"dfi_image", "dfi"}]
    records.append(make("dfi", 0, status="failed", reason="NaN loss"))
    verdicts = verdicts_of(records)
    assert verdicts["C08"].outcome == "not measured"
    assert "no method dfi_image in these records" in verdicts["C09"].reason
    assert "failed: NaN loss" in verdicts["C01"].reason
    assert verdicts["C07"].outcome == "not measured"


def test_a_test_that_fails_outweighs_one_that_is_not_measured(make):
    rng = np.random.default_rng(0)
    records = [
        make(m, seed, images={"psnr": v + 0.1 * rng.normal(size=30)})
        for m, v in [("enc_image", 10), ("dfi", 20)]
        for seed in (0, 1)
    ]
    assert verdicts_of(records)["C01"].outcome == "fails"


def test_of_many_tests_one_that_fails_by_a_little_decides_nothing(make, claims_file):
    """Its own p is .03; among five tests it has to be .01."""
    claim = 'test = [{op = "order", metric = "psnr", better = ["a"], worse = [OTHERS]}]'
    rng = np.random.default_rng(0)
    noise = rng.normal(size=200)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    shift = scipy.stats.t.ppf(1 - 0.03 / 2, 199) / np.sqrt(200)  # one training: differences of searches over images
    facts = {"trained_on": "nothing", "trained_parameters": 0}
    names = ["b", "c", "d", "e", "f"]
    records = [make("a", images={"psnr": np.zeros(200)}, facts=facts)]
    records += [make(m, images={"psnr": noise + (shift if m == "b" else -5)}, facts=facts) for m in names]
    outcomes = {}
    for count in (1, 5):
        path = claims_file(claim.replace("OTHERS", ", ".join(f'"{name}"' for name in names[:count])))
        outcomes[count] = verdicts_of(records, path)["X1"]
    assert outcomes[1].outcome == "fails"
    assert outcomes[5].outcome == "cannot tell"
    assert "p = 0.15 after correction for 5 tests" in outcomes[5].reason


def test_unmeasured_metric_is_named(make):
    verdict = verdicts_of([make("dfi", images={"psnr": np.ones(5)})])["C05"]
    assert (verdict.outcome, "lpips was not measured" in verdict.reason) == ("not measured", True)


def test_correlation_below_the_threshold_fails(as_printed):
    rng = np.random.default_rng(0)
    wrong = {
        "enc_image": 0.9,
        "enc_image+opt": 0.8,
        "enc_latent": 0.99,
        "enc_latent+opt": 0.95,
        "dfi": 0.5,
        "dfi+opt": 0.4,
    }
    records = []
    for method, accuracy in wrong.items():
        for source in (r for r in as_printed if r.cell["method"]["name"] == method):
            lpips = source.metrics["test"]["lpips@alex"]["value"] + 1e-4 * rng.normal(size=50)
            record = type(source)(**{**vars(source), "key": f"new-{source.key}", "metrics": {}})
            records.append(record)
            _rewrite(record, {"lpips@alex": lpips, "label_accuracy@cnn": accuracy + 1e-4 * rng.normal(size=50)})
    verdict = verdicts_of(records)["C07"]
    assert verdict.outcome == "fails"
    assert "-1.000" in verdict.reason


def _rewrite(record, images):
    import pandas as pd

    record.metrics["test"] = {m: {"value": float(v.mean()), "n": 50} for m, v in images.items()}
    pd.DataFrame({"track": "test", "index": range(50), **images}).to_parquet(record.folder / f"{record.key}.parquet")


def test_direction_of_records_must_be_the_papers(make):
    record = make("dfi", sets={"fid@x": 1.0}, facts={"higher_is_better": {"fid@x": True}})
    with pytest.raises(BenchError, match="fid@x has another direction"):
        verdicts_of([record])


def test_published_table_keeps_to_order_on_other_data(as_printed):
    rows = published_table(only_group(as_printed), read_claims(DFI))
    assert len(rows) == 56
    assert not any(row.comparable for row in rows)
    assert all(row.difference is None for row in rows)
    measured = [row for row in rows if row.measured is not None]
    assert all(row.published_rank == row.measured_rank for row in measured)
    assert {row.metric for row in rows if row.measured is None} == {"user_study"}
    first = {(r.published.table, r.metric): r.published.method for r in measured if r.published_rank == 1}
    assert first["Fig8", "psnr"] == "enc_image+opt"
    assert first["Fig8", "fid@inception"] == "dfi+opt"


def test_published_difference_needs_the_papers_setting(as_printed):
    cell = {"dataset": {"name": "celeba", "options": {}, "label": "CelebA128"}}
    cell |= {"gan": {"name": "sngan", "options": {}, "label": "SNGAN-0GP"}}
    for record in as_printed:
        record.cell |= cell | {"budget": record.cell["budget"] | {"name": "paper"}}
    rows = {
        (r.published.table, r.published.method, r.metric): r
        for r in published_table(only_group(as_printed), read_claims(DFI))
    }
    assert rows["Fig8", "dfi", "psnr"].difference == pytest.approx(0, abs=0.01)
    assert rows["Fig8", "dfi", "label_accuracy@cnn"].difference is None


def test_markdown_has_verdicts_and_printed_numbers(as_printed):
    text = claims_markdown(read_claims(DFI), only_group(as_printed))
    assert "| C04 | §4.2, Fig 8 |" in text
    assert "order only" in text
    assert "on CelebA128 with SNGAN-0GP" in text


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (
            'test = [{op = "beats", metric = "psnr", better = "a", worse = "b"}]',
            "unknown operator 'beats'; known: order",
        ),
        ('test = [{metric = "psnr", better = "a", worse = "b"}]', "unknown operator None"),
        ('test = [{op = "order", better = "a", worse = "b"}]', "'metric' is missing"),
        ('test = [{op = "order", metric = "psnr", better = "a"}]', "'worse' is missing"),
        (
            'test = [{op = "order", metric = "psnr", better = "a", wrose = "b"}]',
            "unknown key 'wrose'.*did you mean 'worse'",
        ),
        ('test = [{op = "order", metric = "pnsr", better = "a", worse = "b"}]', "metric 'pnsr' has no role.*'psnr'"),
        ('test = [{op = "order", metric = "psnr", better = [], worse = "b"}]', "better = .* names"),
        ('test = [{op = "correlation", metrics = ["psnr"], methods = ["a", "b", "c"], at_least = 0.7}]', "metrics"),
        (
            'test = [{op = "correlation", metrics = ["psnr", "fid"], methods = ["a", "b", "c"], at_least = "x"}]',
            "at_least",
        ),
        ("test = []", "test is empty"),
        ("", "'test' is missing"),
        ('test = "psnr"', "test = 'psnr' should be list"),
    ],
)
def test_malformed_claims_name_file_and_claim(claims_file, test, words):
    with pytest.raises(BenchError, match=rf"claims.toml: claim X1.*{words}"):
        read_claims(claims_file(test))


def test_broken_files_are_named(claims_file, tmp_path):
    with pytest.raises(BenchError, match=r"claims.toml: cannot be read"):
        read_claims(claims_file("test = ["))
    with pytest.raises(BenchError, match=r"nowhere.toml: cannot be read"):
        read_claims(tmp_path / "nowhere.toml")
    good = 'test = [{op = "order", metric = "psnr", better = "a", worse = "b"}]\n'
    twice = good + '[[claim]]\nid = "X1"\nsource = "s"\ntext = "t"\n' + good
    with pytest.raises(BenchError, match="claim X1 is defined twice"):
        read_claims(claims_file(twice))
    (tmp_path / "published.csv").write_text("table,dataset,backbone,method,metric,value,note\nT,d,b,a,psnr,many,\n")
    with pytest.raises(BenchError, match=r"published.csv: row 2"):
        read_claims(claims_file(good))
