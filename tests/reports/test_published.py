"""Printed tables: what the papers' folders hold, and how broken ones are refused."""

from __future__ import annotations

import csv

import pytest

from bench.core.errors import BenchError, UnknownName
from bench.reports.published import PAPERS, printed_paper, printed_table, read_printed
from bench.reports.strict_toml import read_toml

ORDER = '{op = "order", metric = "psnr", better = "a", worse = "b"}'
ROWS = "T1,d,b,a,psnr,1.5,0.2,n\nT2,d,b,a,psnr,2.5,,\n"


@pytest.fixture
def paper(write_claims):
    """Write a paper's folder and read it."""

    def read(facts="", rows=ROWS):
        path = write_claims(ORDER, rows, facts)
        return read_printed(read_toml(path), path)

    return read


@pytest.mark.parametrize("name", ["dfi", "recycling"])
def test_every_row_of_the_papers_is_read(name):
    claims = printed_paper(name)
    with (PAPERS / name / "published.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    read = [row for table in claims.tables for row in table.rows]
    assert [(r.table, r.backbone, r.metric, r.value) for r in read] == [
        (r["table"], r["backbone"], r["metric"], float(r["value"])) for r in rows
    ]
    assert {row["paper"] for row in rows} == {name}


def test_tables_across_gans_are_found_in_any_case_and_stay_out_of_claims():
    table = printed_table("dfi/Table2")
    assert (table.title, table.across, table.test_images, len(table.rows)) == ("dfi Table2", "gans", 10_000, 54)
    assert printed_table("recycling/table1").test_images == 1_000
    assert {row.table for row in printed_paper("dfi").published} == {"Fig8", "Fig14"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dfy/table2", "s.toml: unknown paper 'dfy'; did you mean 'dfi'"),
        ("dfi/tabel2", "unknown table across GANs of dfi 'tabel2'; did you mean 'table2'"),
        ("dfi/fig8", "unknown table across GANs of dfi 'fig8'"),
    ],
)
def test_unknown_papers_and_tables_are_named(name, message):
    with pytest.raises(UnknownName, match=message):
        printed_table(name, "s.toml")
    with pytest.raises(BenchError, match="expected paper/table"):
        printed_table("dfi", "s.toml")


def test_facts_and_deviations_are_read(paper):
    first, second = paper('[tables.T2]\nacross = "gans"\ntest_images = 5\n').tables
    assert (first.across, first.test_images, first.rows[0].std) == ("methods", 0, 0.2)
    assert (second.across, second.test_images, second.rows[0].std) == ("gans", 5, None)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ('[tables.T3]\nacross = "gans"\n', "table 'T3' has no number in published.csv"),
        ('[tables.T1]\nacross = "gan"\n', "table 'T1': across = 'gan' should be one of methods, gans"),
        ("[tables.T1]\ntest_images = 0\n", "table 'T1': test_images = 0 should be at least 1"),
        ("[tables.T1]\nimages = 3\n", "table 'T1': unknown key 'images'"),
    ],
)
def test_wrong_facts_are_refused(paper, facts, message):
    with pytest.raises(BenchError, match=message):
        paper(facts)


def test_a_deviation_that_is_no_number_is_refused(paper):
    with pytest.raises(BenchError, match=r"published.csv: row 2 cannot be read"):
        paper(rows=ROWS.replace("0.2", "small"))
