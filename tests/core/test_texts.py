"""Texts of strangers stay texts in every format."""

import csv
import io
import re

import pytest

from bench.core.files import file_name
from bench.core.texts import csv_cell, latex_text, markdown_text, one_line

HOSTILE = [
    "a\nb",
    "a\r\nb",
    "x\x1b[2Jy",
    "left\u202eright",
    "line\u2028separator",
    "\x00nul",
    "<script>alert(1)</script>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_is_one_line_that_no_terminal_obeys(text):
    for shown in (one_line(text), markdown_text(text), latex_text(text), csv_cell(text)):
        assert len(shown.splitlines()) == 1
        assert shown.isprintable()


def test_markdown_has_no_html_no_further_cell_and_no_link():
    assert markdown_text("<img src=x>|*b*`c`") == "&lt;img src=x>\\|\\*b\\*\\`c\\`"
    assert markdown_text("[click](http://x)") == "[click\\](http://x)"
    assert markdown_text("+0.5 [+0.1, +0.9]") == "+0.5 [+0.1, +0.9]"


def test_latex_takes_no_command():
    assert latex_text("\\input{x}\n\\immediate") == r"\textbackslash{}input\{x\} \textbackslash{}immediate"
    assert latex_text("50% & a_b #1 $x$") == r"50\% \& a\_b \#1 \$x\$"


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "=1"])
def test_a_spreadsheet_runs_no_formula_of_a_cell(text):
    assert csv_cell(text) == f"'{text}"


def test_numbers_and_plain_texts_stay_as_they_are():
    assert [csv_cell(value) for value in (1.5, None, True, "-0.25", "1e-3", "dfi+opt")] == [
        1.5, None, True, "-0.25", "1e-3", "dfi+opt",
    ]  # fmt: skip
    out = io.StringIO()
    csv.writer(out).writerow([csv_cell("a,b\nc")])
    assert next(csv.reader(io.StringIO(out.getvalue()))) == ["a,b c"]


@pytest.mark.parametrize(
    "text", ["../../x", "/etc/passwd", "..", ".hidden", "a/b", "", "x" * 300, "a\\b", "C:\\x", "名"]
)
def test_a_name_of_anybody_is_one_part_of_a_path(text):
    name = file_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,90}", name)
    assert name != text


def test_names_stay_and_two_texts_never_share_one():
    assert [file_name(name) for name in ("wgan-gp", "fashion_mnist", "v1.2")] == ["wgan-gp", "fashion_mnist", "v1.2"]
    assert len({file_name(name) for name in ("a/b", "a-b", "a\\b", "../a-b")}) == 4
