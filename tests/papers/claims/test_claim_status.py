"""Which tables a stored report answers: the one that it was made for, and those that run the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.papers.claims.claim_status import Stored
from bench.papers.spec import open_paper


def stored(paper, table, budget="cpu", study=None):
    mark = {"paper": paper, "table": table, "budget": budget}
    return Stored(Path("r"), ("r",), mark, None if study is None else {"study": study})


def answered(each, name):
    paper = open_paper(name)
    return {table.name for table in paper.tables if each.answers(table, paper)}


@pytest.mark.parametrize(
    ("made", "paper", "expected"),
    [
        (stored("creswell", "Fig4"), "creswell", {"TableI", "Fig4"}),
        (stored("dfi", "Fig8"), "dfi", {"Fig8", "Fig14"}),
        (stored("creswell", "Fig5"), "creswell", {"Fig5"}),
        (stored("creswell", "Fig4"), "dfi", set()),
        (stored("creswell", "Fig99"), "creswell", set()),
        (stored("dfi", "Fig3", study="fish-eye"), "dfi", {"Fig3"}),
        (stored("dfi", "Fig3", study="translation"), "dfi", {"Fig3"}),
    ],
)
def test_a_report_answers_tables_that_run_the_same(made, paper, expected):
    assert answered(made, paper) == expected


def test_without_a_mark_the_study_s_name_or_the_folder_s_says_it():
    assert "Fig3" in answered(Stored(Path("r"), ("r",), {}, {"study": "fish-eye"}), "dfi")
    assert {"Fig8", "Fig14"} <= answered(Stored(Path("r"), ("results", "acyclic-cpu"), {}), "dfi")
    assert answered(Stored(Path("r"), ("results", "elsewhere"), {}), "dfi") == set()
