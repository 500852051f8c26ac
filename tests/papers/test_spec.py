"""The papers' folders: everything in them can be opened, planned, and refers to what exists."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from bench.core.errors import BenchError, UnknownName
from bench.harness.store import read_records
from bench.papers.claims.claim_status import all_claim_results
from bench.papers.claims.evaluate import published_outcome
from bench.papers.claims.subjects import subject
from bench.papers.spec import Table, open_paper, open_tables, paper_names, read_paper
from bench.papers.suites import cells_of, network_of, own_datasets, suites_of
from bench.papers.validate import check_paper
from bench.reports.published import PAPERS
from bench.reports.quantities import COSTS

OF_THE_SPEC = {"dfi": 190, "recycling": 66, "icgan": 27, "invgan": 63, "creswell": 10}
"""Printed numbers of each paper."""
AGREE = {f"C{i:02}": True for i in range(1, 55)} | dict.fromkeys(("C11", "C20", "C47"), False)
AGREE |= dict.fromkeys(("C16", "C23", "C25", "C27", "C28", "C29", "C30", "C36", "C42", "C49", "C53", "C54"), None)
"""Whether the printed numbers agree with the claim, worked out by hand."""
TABLES = {
    "dfi": "fig3 fig5 samples fig7 fig8 fig14 table2 table3 fig15 fig16 fig17 fig18 table4 table5 table7 sec4.8",
    "recycling": "fig1 fig3 table1 agreement samples",
    "icgan": "table3 sec5.3 fig5 fig6",
    "invgan": "table1 table2 ablation fig2 fig3 fig4",
    "creswell": "tablei fig4 fig5 fig6 prior batches",
}
EVERY = [table for name in paper_names() for table in open_paper(name).tables]


def test_five_papers_with_all_their_tables():
    assert {name: " ".join(t.slug for t in open_paper(name).tables) for name in paper_names()} == TABLES


def test_every_printed_number_is_there():
    for name, count in OF_THE_SPEC.items():
        with (PAPERS / name / "published.csv").open(encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        assert len(rows) == count
        keys = Counter((r["table"], r["dataset"], r["backbone"], r["method"], r["metric"]) for r in rows)
        assert max(keys.values()) == 1
    assert sum(OF_THE_SPEC.values()) == 356


def test_all_claims_are_there_and_the_printed_numbers_agree_where_they_should():
    found = {c.id: published_outcome(c, p.claims) for p in map(open_paper, paper_names()) for c in p.claims.claims}
    assert found == AGREE


@pytest.mark.parametrize("name", paper_names())
def test_every_paper_passes_its_own_check(name):
    findings = check_paper(name)
    assert [f"{f.name}: {f.message}" for f in findings if not f.passed] == []
    paper = open_paper(name)
    assert len(findings) == 1 + len(paper.claims.roles) + len(paper.tables) + len(paper.claims.claims)


@pytest.mark.parametrize("table", EVERY, ids=lambda table: table.title)
def test_a_table_states_its_cost_at_every_budget(table: Table):
    assert set(table.minutes or {}) == set(table.budgets)
    assert table.note or table.runs


def test_metrics_look_through_the_dataset_s_own_network_but_at_paper():
    for table in (t for t in EVERY if t.suite):
        for budget in table.budgets:
            metrics = {(c.dataset.name, m) for c in cells_of(suites_of(table, budget), budget) for m in c.metrics}
            seen = {(d, m.split("@")[1]) for d, m in metrics if "@" in m}
            own = {(d, n) for d, n in seen if n == network_of(d)}
            assert (
                own == seen if budget != "paper" else {n for _, n in seen} <= {"alex", "inception", "trained:celeba"}
            )


def test_another_dataset_brings_its_network_and_gans_that_can_learn_it():
    table = open_paper("dfi").table("fig8")
    (suite,) = suites_of(table, "cpu", "drawn-faces?train=100")
    cells = suite.cells("cpu")
    swapped = {(c.dataset.name, c.gan.name, c.gan.options["width"], c.gan.options["batch"]) for c in cells}
    assert swapped == {("drawn-faces", "dcgan", 16, 32)}
    assert "lpips@drawn-faces-cnn" in cells[0].metrics
    assert "fid@trained:cifar10" in suites_of(table, "cpu", "cifar10")[0].metrics
    (own,) = suites_of(table, "cpu", "fashion-mnist")
    assert {c.gan.name for c in own.cells("cpu")} == {"fashion-mnist/dcgan"}
    with pytest.raises(UnknownName, match="did you mean 'drawn-faces'"):
        suites_of(table, "cpu", "drawn-face")


@pytest.mark.parametrize(
    ("title", "batch", "epochs", "images"),
    [
        ("dfi/table2", 128, 30, {"FashionMNIST": 60_000, "CIFAR10": 50_000, "CelebA64": 162_770}),
        ("recycling/table1", 128, 30, {"FashionMNIST": 60_000, "CIFAR10": 50_000, "CelebA64": 162_770}),
        ("creswell/tablei", 128, 25, {"CelebA": 201_599, "Shoes64": 49_025, "Omniglot": 19_280}),
    ],
)
def test_at_paper_a_gan_is_trained_for_as_many_epochs_on_each_dataset(title, batch, epochs, images):
    """A budget counts steps; authors count epochs. Training splits are as large as the datasets say."""
    paper, _, slug = title.partition("/")
    cells = cells_of(suites_of(open_paper(paper).table(slug), "paper"), "paper")
    steps = {cell.dataset.title: cell.budget.train_steps for cell in cells}
    assert steps == pytest.approx({name: count * epochs / batch for name, count in images.items()}, rel=0.02)


def test_a_column_of_the_paper_is_chosen_by_its_dataset():
    table = open_paper("recycling").table("table1")
    (column,) = suites_of(table, "paper", "fashion-mnist")
    assert [entry.title for entry in column.datasets] == ["FashionMNIST"]
    assert set(column.metrics) == set(table.open_suite().metrics)
    assert own_datasets(table, "paper", "drawn-faces") == []
    assert own_datasets(table, "paper", None) == []
    assert own_datasets(open_paper("dfi").table("fig7"), "paper", "gaussians8") == []


def test_a_dataset_of_several_sizes_keeps_all_of_its_columns():
    sizes = open_paper("creswell").table("fig5")
    both = [suite.datasets[0].title for suite in suites_of(sizes, "cpu", "drawn-faces")]
    assert both == ["drawn-faces-64", "drawn-faces-128"]
    assert [suite.datasets[0].title for suite in suites_of(sizes, "cpu", both[1])] == both[1:]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dfy", "unknown paper 'dfy'; did you mean 'dfi'"),
        ("dfi/tabel4", "unknown table of dfi 'tabel4'; did you mean 'table4'"),
    ],
)
def test_unknown_papers_and_tables_are_named(name, message):
    with pytest.raises(UnknownName, match=message):
        open_tables(name)


def test_subjects_are_read_from_text():
    assert (subject("dfi+opt").method, subject("dfi on sngan").gan) == ("dfi+opt", "sngan")
    who = subject("encoder on wgan-gp in CelebA64")
    assert (who.method, who.gan, who.dataset, str(who)) == (
        "encoder",
        "wgan-gp",
        "CelebA64",
        "encoder on wgan-gp in CelebA64",
    )


@pytest.fixture
def folder(tmp_path):
    """A sixth paper, small and right; give changes to break it."""

    def write(about="", table="", claim='records = ["T1"]', rows=""):
        place = tmp_path / "sixth"
        place.mkdir(exist_ok=True)
        head = 'name = "sixth"\ntitle = "T"\nauthors = "A"\nvenue = "V"\nyear = 2020\nsummary = "S"\n' + about
        (place / "paper.toml").write_text(
            head + f'[[table]]\nname = "T1"\nshows = "x"\nsuite = "quickstart"\n{table}'
        )
        roles = 'paper = "sixth"\n[roles.psnr]\nhigher_is_better = true\nanswered_by = ["psnr"]\n'
        test = 'test = [{ op = "order", metric = "psnr", better = "dfi", worse = "random_code" }]\n'
        text = f'[[claim]]\nid = "X1"\nsource = "s"\ntext = "t"\n{claim}\n'
        (place / "claims.toml").write_text(roles + text + test)
        header = "paper,table,dataset,backbone,method,metric,value,std,note\n"
        (place / "published.csv").write_text(header + "sixth,T1,d,b,dfi,psnr,1.5,,\n" + rows)
        return place

    return write


def test_a_sixth_paper_is_a_folder(folder):
    paper = read_paper(folder())
    assert (paper.table("t1").suite, paper.claims.claims[0].records) == ("quickstart", ("T1",))


def test_a_table_s_name_may_have_a_space(folder):
    place = folder("", "", 'records = ["Table 1"]')
    for name in ("paper.toml", "claims.toml", "published.csv"):
        text = (place / name).read_text()
        (place / name).write_text(text.replace('"T1"', '"Table 1"').replace(",T1,", ",Table 1,"))
    assert [f.message for f in check_paper(str(place)) if not f.passed] == []
    assert read_paper(place).table("Table 1") == read_paper(place).table("table-1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"about": "pages = 3\n"}, "paper.toml: unknown key 'pages'"),
        ({"table": "suit = 1\n"}, "table T1: unknown key 'suit'.*did you mean 'suite'"),
        ({"table": "minutes = { cpx = 1 }\n"}, "table T1, minutes: unknown key 'cpx'.*'cpu'"),
        (
            {"table": '[[table.study]]\nname = "s"\ncpu = { image = 3 }\n'},
            "study s, cpu: unknown key 'image'.*'images'",
        ),
        ({"table": '[[table]]\nname = "t1"\nshows = "y"\n'}, "table 't1' is defined twice"),
        ({"claim": 'records = ["T7"]'}, r"claims.toml: claim X1: unknown table 'T7'; known: T1"),
        ({"claim": 'recrods = ["T1"]'}, "claim X1: unknown key 'recrods'.*did you mean 'records'"),
        ({"rows": "sixth,T9,d,b,dfi,psnr,1,,\n"}, "published.csv has a: unknown table 'T9'"),
        ({"rows": "sixth,T1,d,b,dfi,psnr,many,,\n"}, "published.csv: row 3 cannot be read"),
        ({"rows": "sixth,T1,d,b,dfi,snr,1,,\n"}, "metric 'snr' has no role"),
    ],
)
def test_a_broken_folder_is_refused_by_name(folder, change, message):
    with pytest.raises(BenchError, match=message):
        read_paper(folder(**change))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("claims.toml", '"random_code"', '"random_cod"', "no cell is 'random_cod'; did you mean 'random_code'"),
        ("claims.toml", '= ["psnr"]', '= ["psnrr"]', "unknown metric 'psnrr'; did you mean 'psnr'"),
        ("claims.toml", '= ["psnr"]', '= ["psnr", "cost/fit_second"]', "unknown cost 'fit_second'.*'fit_seconds'"),
        ("claims.toml", '"dfi"', '"dfi in Shoes12"', "unknown dataset 'Shoes12'"),
        ("paper.toml", 'shows = "x"', 'shows = "x"\nnearest = ["digitss"]', "unknown dataset 'digitss'.*'digits'"),
        ("paper.toml", 'shows = "x"', 'shows = "x"\nalso = ["acylic"]', "'acylic'.*'acyclic'"),
    ],
)
def test_a_check_names_what_is_not_there(folder, file, old, new, message):
    place = folder()
    assert all(f.passed for f in check_paper(str(place)))
    (place / file).write_text((place / file).read_text().replace(old, new))
    (broken,) = [f for f in check_paper(str(place)) if not f.passed]
    assert re.search(message, broken.message), broken.message


def test_a_paper_that_is_not_there_is_named():
    with pytest.raises(UnknownName, match="unknown paper 'dfy'"):
        check_paper("dfy")


def test_costs_are_those_that_records_hold():
    folder = Path(__file__).parents[2] / "results" / "acyclic" / "cpu" / "records"
    assert {name for record in read_records(folder) for name in record.cost} == set(COSTS)


def test_where_nothing_is_stored_every_claim_says_what_to_run(own_home):
    (own_home / "reports").mkdir()
    found = {r.claim.id: r for results in all_claim_results([]).values() for r in results}
    assert len(found) == 54
    assert {r.verdict.outcome for r in found.values()} == {"not measured"}
    assert "ganinv reproduce dfi/fig8" in found["C01"].verdict.reason
    assert "ganinv reproduce invgan/table2" in found["C50"].verdict.reason
