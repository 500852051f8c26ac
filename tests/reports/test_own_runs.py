"""Marks of rows that a user ran beside records of others, and of times that come from another machine."""

from __future__ import annotations

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.reports.figure import reconstructions
from bench.reports.formatting import legend
from bench.reports.glance import glance
from bench.reports.groups import only_group
from bench.reports.leaderboard import leaderboards
from bench.reports.own_runs import with_own_runs
from bench.reports.render_latex import latex
from bench.reports.render_markdown import markdown

HERE, THERE = "cpu: Here", "cpu: There"


def made_on(make, method, device, threads, **more):
    values = {"psnr": 20 + np.random.default_rng(0).normal(0, 1, 40)}
    return make(method, images=values, environment={"device": device, "threads": threads}, **more)


@pytest.fixture
def board(make):
    """Two committed rows of one machine, and a user's of another."""
    records = [made_on(make, name, THERE, 1) for name in ("dfi", "enc")] + [made_on(make, "mine", HERE, 2)]
    (found,) = leaderboards(records, "psnr", "q")
    return found


def test_two_processors_share_a_table_and_times_alone_are_marked(board):
    assert {row.method: row.machine for row in board.rows} == {"dfi": "", "enc": "", "mine": f"{HERE}, threads 2"}
    text = markdown([board])
    assert "| 20.0 " not in text
    cost = [line for line in text.split("## Cost")[1].splitlines() if line.startswith("| mine")]
    assert len(cost) == 1
    assert cost[0].count("‖") == 2, "seconds of fitting and milliseconds an image; neither calls nor parameters"
    assert text.split("## Cost")[0].count("‖") == 0
    assert "‖ times on another machine than those of most rows" in text
    assert text.count("mine: cpu: Here, threads 2") == 1
    assert [row.cells[-1][-1] for row in glance(board).rows if row.cells[1] == "mine"] == ["‖"]
    assert r"0.7000$\parallel$" in latex([board])


def test_a_kind_of_device_is_still_refused(make):
    records = [made_on(make, "dfi", THERE, 1), made_on(make, "mine", "cuda: NVIDIA H100", 1)]
    with pytest.raises(BenchError, match=r"device differs: dfi \(seed 0\) has cpu, mine \(seed 0\) has cuda"):
        leaderboards(records, "psnr", "q")


@pytest.mark.parametrize(
    ("stated", "marked"),
    [
        ([(THERE, 1), (THERE, 1), (THERE, 2)], ["c"]),
        ([(THERE, 1), (THERE, 1), (THERE, None)], []),
        ([(THERE, None), (HERE, None)], []),
        ([(THERE, 1), (HERE, 1)], ["b"]),
        ([(THERE, 1)], []),
        ([], []),
    ],
)
def test_the_machine_of_most_rows_is_the_usual_one(make, stated, marked):
    records = [made_on(make, name, *machine) for name, machine in zip("abc", stated, strict=False)]
    boards = leaderboards(records, "psnr", "q")
    assert [row.method for board in boards for row in board.rows if row.machine] == marked


def test_threads_of_the_method_count_not_those_of_its_measuring(make):
    records = [made_on(make, "a", THERE, 4, facts={"threads": 1}), made_on(make, "b", THERE, 1, facts={"threads": 1})]
    (board,) = leaderboards(records, "psnr", "q")
    assert [row.machine for row in board.rows] == ["", ""]


def test_own_runs_are_marked_with_a_line_that_explains_it(board):
    assert "¶" not in markdown([board])
    (marked,) = with_own_runs([board], ["mine"])
    assert {row.method: row.own_run for row in marked.rows} == {"dfi": False, "enc": False, "mine": True}
    text = markdown([marked])
    assert text.count("mine¶") == 2
    assert "¶ run by the user beside committed records, which were not run again: mine." in text
    assert r"mine\P{}" in latex([marked])
    assert "mine¶" in {row.cells[1] for row in glance(marked).rows}
    assert [line for line in legend(board) if "¶" in line] == []


def test_packed_rows_with_fewer_pictures_share_a_figure_with_a_new_one(make, tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (8, 1, 8, 8), dtype=np.uint8)
    few, many = ((pictures[:n], 255 - pictures[:n]) for n in (4, 8))
    records = [made_on(make, "dfi", THERE, 1, gallery=few), made_on(make, "mine", THERE, 1, gallery=many)]
    assert reconstructions(only_group(records), tmp_path / "figure.png").is_file()
