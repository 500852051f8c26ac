"""Renderings: nothing lost, nothing unescaped, numbers that read back exactly."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict

import numpy as np
import pytest

from bench.core.errors import UnknownName
from bench.reports import render_latex, render_markdown
from bench.reports.formatting import number
from bench.reports.frame import frame
from bench.reports.glance import glance
from bench.reports.leaderboard import Note, leaderboards
from bench.reports.render import render
from bench.reports.terminal import board_from, draw


@pytest.fixture
def boards(suite, make):
    suite.append(make("bad_one", 0, status="failed", reason="NaN | 50% & more"))
    return leaderboards(suite, "psnr", "quick_start")


def test_markdown_shows_conditions_marks_and_gaps(boards):
    text = render(boards, "md")
    for words in ("checksum dddddddddddd", "abc1234", "torch 2.15", "Protocol of every metric", "†", "*controls*"):
        assert words in text
    assert r"| failed | NaN \| 50% & more | bad_one: 0 |" in text
    rows = [line for line in text.splitlines() if line.startswith("| 1–2 | encoder")]
    assert rows[0].count("**") >= 2


def test_capacity_and_free_numbers_are_columns_where_classes_differ(suite, make):
    suite.append(make("tuned", 0, facts={"capacity": "weights", "code_dim": 257_009}))
    boards = leaderboards(suite, "psnr", "quick_start")
    row = next(line for line in render(boards, "md").splitlines() if "| tuned" in line)
    assert "| weights | 257,009 |" in row
    assert "| weights |" in render_markdown.summary(boards)
    assert "257,009" in render(boards, "tex")
    assert "weights,257009," in render(boards, "csv")


def test_markdown_rows_have_as_many_cells_as_their_header(boards):
    tables, width = 0, 0
    for line in render(boards, "md").replace(r"\|", "").splitlines():
        if line.startswith("|"):
            tables += not width
            width = width or line.count("|")
            assert line.count("|") == width
        else:
            width = 0
    assert tables == 4


def test_markdown_says_when_seeds_are_missing(suite):
    text = render(leaderboards([r for r in suite if r.key != "worse-2"], "psnr", "q"), "md")
    assert "worse (2 of 3 seeds)" in text


def test_dirty_trees_and_lone_seeds_are_said(make):
    made = make("a", images={"psnr": np.ones(5)}, environment={"dirty": True})
    text = render(leaderboards([made], "psnr", "q"), "md")
    assert "uncommitted changes" in text
    assert "One training: a second one of the same methods" in text
    assert "- **Training:** one training seed (0)" in text


def test_csv_reads_back_to_full_precision(boards):
    lines = list(csv.DictReader(io.StringIO(render(boards, "csv"))))
    line = next(x for x in lines if (x["method"], x["track"], x["metric"]) == ("encoder", "test", "psnr"))
    value = next(r for r in boards[0].rows if r.method == "encoder").values["test/psnr"]
    assert float(line["mean"]) == value.mean
    assert float(line["low"]) == value.interval.low
    assert [x["reason"] for x in lines if x["status"] == "failed"] == ["NaN | 50% & more"]


def test_json_is_strict_even_with_numbers_that_json_lacks(make):
    records = [make("a", images={"psnr": np.full(4, np.nan)}), make("b", images={"psnr": np.full(4, np.inf)})]
    text = render(leaderboards(records, "psnr", "q"), "json")
    (board,) = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    means = {row["method"]: row["values"]["test/psnr"]["mean"] for row in board["rows"]}
    assert means == {"a": None, "b": "inf"}


def test_latex_is_escaped_and_balanced(boards):
    text = render(boards, "tex")
    assert r"bad\_one" not in text.split("%")[0]
    assert r"quick\_start" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 3
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert not set("↑↓±†–·") & set(body)
    assert body.count("{") - body.count(r"\{") == body.count("}") - body.count(r"\}")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b & 50% $x$ #1", r"a\_b \& 50\% \$x\$ \#1"),
        ("\\~^{}", r"\textbackslash{}\textasciitilde{}\textasciicircum{}\{\}"),
    ],
)
def test_latex_escapes(text, escaped):
    assert render_latex.escape(text) == escaped


def test_markdown_escapes():
    assert render_markdown.escape("a|b\n*c* <d>") == r"a\|b \*c\* &lt;d>"


def test_unknown_format_is_named(boards):
    with pytest.raises(UnknownName, match=r"unknown format 'mdd'; did you mean 'md'"):
        render(boards, "mdd")


def test_a_table_without_rows_renders_everywhere(make):
    boards = leaderboards([make("bad", status="failed", reason="why")], "psnr", "q")
    assert all("why" in render(boards, fmt) for fmt in ("md", "csv", "tex", "json"))


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1234.5, 1, "1,234.5"),
        (3e-6, 4, "3.0e-06"),
        (float("inf"), 2, "∞"),
        (float("nan"), 2, "nan"),
        (1e-16, 4, "0.0000"),
    ],
)
def test_numbers(value, decimals, text):
    assert number(value, decimals) == text


def test_terminal_table_has_the_key_columns(boards):
    from rich.console import Console

    console = Console(width=160, record=True, file=io.StringIO())
    board = glance(boards[0])
    assert board_from(json.loads(json.dumps(asdict(board)))) == board
    console.print(draw(board))
    text = console.export_text()
    for words in ("psnr ↑", "ms/image", "encoder", "random", "1 gaps"):
        assert words in text


def test_frame_has_a_row_a_cell(suite, make):
    table = frame([*suite, make("bad", status="failed", reason="why")])
    assert len(table) == 16
    row = table[(table.method == "encoder") & (table.seed == 1)].iloc[0]
    assert row["fid@inception"] == pytest.approx(20.1)
    assert 0 < row["own/code_mse"] < 1
    assert list(table.columns[:6]) == ["dataset", "gan", "budget", "method", "seed", "status"]
    assert table.iloc[-1]["reason"] == "why"
    assert np.isnan(table.iloc[-1]["psnr"])
    assert frame([]).empty


def test_the_table_fits_a_narrow_terminal_without_folding_numbers(make):
    from rich.console import Console

    networks = {"psnr": 20.0, "ssim": 0.5, "lpips@fashion-mnist-cnn": 0.3}
    images = {name: value + np.linspace(-0.1, 0.1, 20) for name, value in networks.items()}
    records = [make("iGAN (enc_image+opt)", s, images=images, sets={"fid@fashion-mnist-cnn": 20.0}) for s in range(2)]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(draw(glance(leaderboards(records, "psnr", "q")[0])))
    text = console.export_text()
    assert all(words in text for words in ("20.000±0.029", "0.500", "0.300"))
    assert "…" not in text
    assert all(line.rstrip()[-1] in "┓┃┩│┘" for line in text.splitlines()[1:-2])


def test_summary_gives_means_alone_and_every_method(boards):
    text = render_markdown.summary(boards)
    for row in boards[0].rows:
        assert row.method in text
    assert "±" not in text
    assert "[" not in text.split("| rank", 1)[1]


def test_equal_reasons_share_a_row_in_markdown():
    remarks = [
        Note("dfi", 0, "failed", "NaN"),
        Note("dfi", 1, "failed", "NaN"),
        Note("enc", 0, "failed", "NaN"),
    ]
    (row,) = [line for line in render_markdown._gaps(remarks) if "NaN" in line]
    assert row == "| failed | NaN | dfi: 0, 1; enc: 0 |"
