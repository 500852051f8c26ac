"""Texts of strangers in files: one function a format, for titles, labels, reasons and whatever else records hold."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

CONTROL = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Kinds of characters that move a cursor, turn the direction of a text or end a line."""
FORMULA = re.compile(r"[=+\-@\t\r]")
LATEX = {
    "\\": r"\textbackslash{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def one_line(text: str) -> str:
    r"""Return a text as one line without characters that a terminal obeys; spaces are joined.

    Example:
        >>> one_line("a\nb\x1b[2J")
        'a b [2J'
    """
    plain = "".join(" " if unicodedata.category(char) in CONTROL else char for char in text)
    return " ".join(plain.split())


def markdown_text(text: str) -> str:
    """Return a text for Markdown, also within a cell of a table: no HTML, no link, no new line."""
    return re.sub(r"([|*`]|\](?=\())", r"\\\1", one_line(text)).replace("<", "&lt;")


def latex_text(text: str) -> str:
    """Return a text for LaTeX, also within a comment."""
    return "".join(LATEX.get(char, char) for char in one_line(text))


def csv_cell(value: Any) -> Any:
    """Return a value for a CSV file: a text that a spreadsheet would run as a formula begins with an apostrophe."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if FORMULA.match(text) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
