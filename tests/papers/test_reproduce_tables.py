"""Every table that can be reproduced is, at smoke budget: one store for all, so that GANs are trained once."""

from __future__ import annotations

import json
import warnings
from functools import partial

import pytest

from bench.papers.reproduce import reproduce, why_not_runnable
from bench.papers.spec import open_paper, open_tables, paper_names
from bench.reports import figure, write

TABLES = [table.title for name in paper_names() for table in open_paper(name).tables if "smoke" in table.budgets]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One home for all tables."""
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(autouse=True)
def small_figures(monkeypatch):
    """Figures of two images a method, coarse: every table draws two or more."""
    monkeypatch.setattr(figure, "DPI", 50)
    monkeypatch.setattr(write, "reconstructions", partial(figure.reconstructions, images=2))


@pytest.mark.parametrize("title", TABLES)
def test_a_table_is_reproduced(shared, own_home, monkeypatch, title):
    monkeypatch.setenv("GANINV_HOME", str(shared))
    paper, (table,) = open_tables(title)
    if reason := why_not_runnable(table, "smoke"):
        assert "weights" in reason or "is not here" in reason, reason
        pytest.skip(reason)
    monkeypatch.setattr("bench.papers.reproduce.why_not_runnable", lambda *asked: "")  # as said above
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few images and steps
        made = reproduce(paper, table, "smoke")
    assert not made.failed, [record.reason for record in made.failed]
    assert made.records or made.studies or table.applications
    assert table.shows in made.page
    mark = json.loads((made.folder / "table.json").read_text())
    assert (mark["paper"], mark["table"], mark["budget"]) == (paper.name, table.name, "smoke")
    for run in table.applications:
        assert (made.folder / run.name / "picture.png").is_file()
