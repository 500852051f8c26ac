"""Every table that can be reproduced is, at smoke budget: one store for all, so that GANs are trained once."""

from __future__ import annotations

import json
import warnings
from functools import partial

import pytest
from matplotlib.figure import Figure

from bench.papers.reproduce import reproduce, why_not_runnable
from bench.papers.spec import open_paper, open_tables, paper_names
from bench.reports import figure, write

TABLES = [table.title for name in paper_names() for table in open_paper(name).tables if "smoke" in table.budgets]
FIRST = {title.split("/")[0]: title for title in reversed(TABLES)}.values()
"""The first table of each paper."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One home for all tables."""
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(autouse=True)
def small_figures(monkeypatch, request):
    """Figures of two images a method, coarse: every table draws two or more.

    Quality against cost is drawn of the first table of a paper, with an empty plane of the others: how labels are
    laid out is tested where figures are.
    """
    monkeypatch.setattr(figure, "DPI", 50)
    if request.node.callspec.params["title"] not in FIRST:
        monkeypatch.setattr(write, "quality_versus_cost", lambda board, path: figure.save_figure(Figure(), path))
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
