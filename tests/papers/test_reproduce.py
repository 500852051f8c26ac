"""Tables of papers are run, resumed, compared and judged; what is missing is said before anything is trained."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bench.cli import papers
from bench.core.errors import BenchError, UnknownName
from bench.core.record_schema import fields_checksum
from bench.harness.report_keys import report_key
from bench.papers.claims.claim_status import all_claim_results
from bench.papers.reproduce import reproduce, why_not_runnable
from bench.papers.spec import open_paper, open_tables

app = typer.Typer()
for command in (papers.papers, papers.reproduce, papers.claims):
    app.command()(command)


@pytest.fixture
def ganinv(monkeypatch):
    """Run one of the commands; gives its output, or raises what it raises."""
    monkeypatch.setattr(papers.console.out, "width", 240)

    def run(*words):
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_a_table_is_run_then_resumed_and_its_folder_answers_claims(own_home, ganinv):
    few = "drawn-faces?train=40&val=8&test=12"
    words = ("reproduce", "creswell/prior", "--budget", "smoke", "--dataset", few)
    text = ganinv(*words)
    assert "smoke decides nothing" in text
    folder = own_home / "reports" / "papers" / "creswell" / "prior-smoke-drawn-faces"
    assert f"On {few} in place of the paper's data" in (folder / "reproduction.md").read_text()
    about = {"paper": "creswell", "table": "Prior", "budget": "smoke", "dataset": few}
    assert json.loads((folder / "table.json").read_text()) == about
    assert len(list((folder / "records").glob("*.json"))) == 2
    records = own_home / "store" / "records"
    stamps = {path: path.stat().st_mtime_ns for path in records.iterdir()}
    assert "2 cells: 2 stored, 0 to run" in ganinv(*words)
    assert {path: path.stat().st_mtime_ns for path in records.iterdir()} == stamps
    for path in (folder / "records").glob("*.json"):  # as if they had been measured at cpu
        content = json.loads(path.read_text().replace('"name": "smoke"', '"name": "cpu"'))
        path.write_text(json.dumps(content | {"sha256": fields_checksum(content)}))
    found = {r.claim.id: r for r in all_claim_results([])["creswell"]}
    assert found["C53"].verdict.outcome in {"holds", "fails", "cannot tell"}
    assert found["C53"].setting == "drawn-faces · gan-noise · cpu"
    assert "4 claims" in ganinv("claims", "--paper", "creswell", "--records", own_home / "reports")


def test_a_study_answers_its_table_and_is_not_run_twice(own_home, ganinv):
    text = ganinv("reproduce", "creswell/batches", "--budget", "smoke")
    assert "C54" in text
    folder = own_home / "reports" / "papers" / "creswell" / "batches-smoke"
    stamp = (folder / "study.json").stat().st_mtime_ns
    ganinv("reproduce", "creswell/batches", "--budget", "smoke")
    assert (folder / "study.json").stat().st_mtime_ns == stamp
    asked = json.loads((folder / "asked.json").read_text())
    (folder / "asked.json").write_text(json.dumps(asked | {"images": 2}))  # as if for other arguments
    ganinv("reproduce", "creswell/batches", "--budget", "smoke")
    assert (folder / "study.json").stat().st_mtime_ns > stamp
    assert json.loads((folder / "asked.json").read_text()) == asked
    arguments = {name: value for name, value in asked.items() if name != "code"}
    assert asked["code"] == report_key("study", "batching", arguments)
    (folder / "asked.json").write_text(json.dumps(asked | {"code": "0" * 16}))  # as if by other code
    stamp = (folder / "study.json").stat().st_mtime_ns
    ganinv("reproduce", "creswell/batches", "--budget", "smoke")
    assert (folder / "study.json").stat().st_mtime_ns > stamp
    (folder / "asked.json").write_text('{"images"')
    with pytest.raises(BenchError, match=r"asked\.json cannot be read"):
        ganinv("reproduce", "creswell/batches", "--budget", "smoke")


def test_an_application_draws_its_figure(own_home, ganinv):
    ganinv("reproduce", "dfi/fig15", "--budget", "smoke")
    folder = own_home / "reports" / "papers" / "dfi" / "fig15-smoke"
    assert (folder / "interpolate" / "picture.png").is_file()
    assert "![interpolate](interpolate/picture.png)" in (folder / "reproduction.md").read_text()


def test_a_table_that_nothing_runs_for_is_named(own_home):
    paper, (table,) = open_tables("invgan/table2")
    alone = dataclasses.replace(table, studies=(), note="Published numbers alone.")
    with pytest.raises(BenchError, match="nothing runs for it: Published numbers alone"):
        reproduce(paper, alone, "cpu")


@pytest.mark.parametrize(
    ("name", "budget", "dataset", "message"),
    [
        ("dfi/fig8", "paper", None, "dataset celeba is not here.*mmlab.ie.cuhk.edu.hk"),
        ("dfi/fig8", "cpu", "cifar10", "dataset cifar10 is not here.*ganinv data get cifar10"),
        ("dfi/fig8", "cpu", "digits", "metric .*@trained:digits.*ganinv train-classifier digits"),
        ("dfi/fig8", "gpu", None, "unknown budget 'gpu'; did you mean 'cpu'"),
        ("recycling/agreement", "smoke", None, "study metric-agreement runs at cpu alone"),
        ("dfi/sec4.8", "paper", None, "dataset celeba is not here"),
        ("dfi/fig15", "cpu", "drawn-faces", "fashion-mnist/dcgan, which knows its own dataset"),
    ],
)
def test_what_is_missing_is_said_before_anything_runs(own_home, name, budget, dataset, message):
    paper, (table,) = open_tables(name)
    with pytest.raises(BenchError, match=message):
        reproduce(paper, table, budget, dataset=dataset)
    assert not (own_home / "store").exists()


def test_records_that_a_study_needs_are_named():
    paper, (table,) = open_tables("recycling/agreement")
    with pytest.raises(BenchError) as told:
        reproduce(paper, table, "cpu")
    if "dataset fashion-mnist is not here" in str(told.value):
        pytest.skip("Fashion-MNIST is not on this machine")
    assert "nothing is stored; ganinv run agreement" in str(told.value)


def test_imagenet_weights_are_named_where_a_method_needs_them(own_home, monkeypatch):
    monkeypatch.setattr("bench.core.pretrained_files.torch_hub_checkpoints", lambda: own_home / "nowhere")
    table = open_paper("dfi").table("fig18")
    assert "weights resnet101-63fe2227.pth not found" in why_not_runnable(
        table, "cpu", "drawn-faces?train=40&val=8&test=12"
    )
    assert why_not_runnable(table, "smoke") == ""


def test_the_list_of_papers_says_what_is_here(ganinv):
    text = " ".join(ganinv("papers", "creswell", "--budget", "paper").split())
    assert "Inverting the Generator" in text
    assert text.count("dataset celeba is not here") == 1
    assert "tablei, fig4, fig6, prior: dataset celeba is not here: celeba: img_align_celeba/" in text
    assert "https://vision.cs.utexas.edu/projects/finegrained/utzap50k/ and unpack into" in text
    with pytest.raises(UnknownName, match="did you mean 'creswell'"):
        ganinv("papers", "cresswell")


def test_a_budget_that_there_is_not_is_said_once(ganinv):
    for words in (("papers",), ("reproduce", "dfi")):
        with pytest.raises(UnknownName, match=r"^--budget: unknown budget 'gpu'; did you mean 'cpu'\?"):
            ganinv(*words, "--budget", "gpu")


def test_a_paper_without_a_table_that_can_run_is_refused(ganinv):
    with pytest.raises(BenchError, match="no table of icgan can be run at budget paper"):
        ganinv("reproduce", "icgan", "--budget", "paper")


def test_a_folder_that_is_not_there_is_refused(ganinv, tmp_path):
    with pytest.raises(BenchError, match="nowhere: no such folder"):
        ganinv("claims", "--records", tmp_path / "nowhere")
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(BenchError, match="it lacks study, dataset"):
        ganinv("claims", "--records", tmp_path)
    other = {"study": "s", "dataset": "d", "network": "", "protocol": {}, "verdicts": [{"claim": "C54"}]}
    (tmp_path / "study.json").write_text(json.dumps(other))
    with pytest.raises(BenchError, match=r"study\.json is not a study: KeyError"):
        ganinv("claims", "--records", tmp_path)


def test_the_committed_page_of_claims_follows_from_the_committed_records(tmp_path, ganinv):
    results = Path(__file__).parents[2] / "results"
    written = tmp_path / "page.md"
    ganinv("claims", "--records", results, "--discussion", results / "papers" / "discussion.md", "--out", written)
    assert written.read_text() == (results / "papers" / "README.md").read_text()


def test_a_discussion_goes_before_the_claims(tmp_path, ganinv):
    records = Path(__file__).parents[2] / "results" / "papers" / "creswell" / "batches-cpu"
    said, page = tmp_path / "said.md", tmp_path / "page.md"
    said.write_text("## Why\n\nBecause.\n")
    words = ("claims", "--records", records, "--paper", "creswell")
    ganinv(*words, "--discussion", said, "--out", page)
    assert [line for line in page.read_text().splitlines() if line.startswith("#")][1:] == ["## Why", "## creswell"]
    with pytest.raises(BenchError, match="give both"):
        ganinv(*words, "--discussion", said)
    with pytest.raises(BenchError, match=r"nowhere\.md cannot be read"):
        ganinv(*words, "--discussion", tmp_path / "nowhere.md", "--out", page)
