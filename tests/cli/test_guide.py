"""The guides are listed, shown, and true: their commands and their Python run in a folder of their own, in order."""

import ast
import io
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from bench.cli import guide as room
from bench.overfit.verdict import OUTCOMES, shown

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"photos": 60, "seen": 40, "unseen": 40}
"""Image folders that the guides take as the reader's own, and how many pictures the tests put there."""
DEAR = {
    "needs Fashion-MNIST, which is downloaded": (
        "ganinv data get fashion-mnist",
        "ganinv run quickstart",
        "ganinv compare quickstart",
        "ganinv status quickstart",
        "ganinv rank my_method.py",
        "ganinv verify my_run",
        "ganinv overfit fashion-mnist/dcgan",
        "ganinv overfit --compare",
        "ganinv study",
        "ganinv apply inpaint",
        "ganinv apply arithmetic",
        "ganinv apply interpolate --gan fashion-mnist",
        "ganinv run acyclic",
        "ganinv run backbones",
        "ganinv export backbones",
    ),
    "takes minutes": (
        "ganinv reproduce",
        "ganinv train-classifier",
        "ganinv apply edit",
        "ganinv apply swap",
        "ganinv check paper",
    ),
    "needs files of the reader": (
        "ganinv overfit checkpoint:",
        "ganinv overfit --sweep",
        "ganinv user-study --report",
        "ganinv verify their_results",
    ),
    "ends with exit code 3, since the codes are not there": ("ganinv verify results/acyclic",),
    "serves a page until it is stopped": ("ganinv user-study acyclic",),
    "changes the session": ("export ",),
}
"""Beginnings of the commands that are only parsed (in test_readme.py), by reason."""


def blocks(text):
    """Language and content of the code blocks of a Markdown text."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def file_of(code):
    """The file that a code block is meant to be, by its first line; None if it names none."""
    named = re.match(r"# (\w+\.(?:py|toml))\n", code)
    return named[1] if named else None


def dear(command):
    """Why a command is not run here; empty if it is."""
    return next((why for why, starts in DEAR.items() if command.startswith(starts)), "")


def lines_of(code):
    """The commands of a shell block."""
    return [line.split("  #")[0].strip() for line in code.splitlines() if line.strip()]


def run_python(name):
    """Run the Python of a guide that is not a file to keep."""
    for language, code in blocks(room.guides()[name].read_text()):
        if language == "python" and not file_of(code):
            exec(compile(code, f"{name}.md", "exec"), {"__name__": "guide"})


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder as the guides suppose it: images of the reader, the committed results, the files that guides show."""
    rng = np.random.default_rng(0)
    for name, count in FOLDERS.items():
        (tmp_path / name).mkdir()
        for number in range(count):
            picture = Image.fromarray(rng.integers(0, 256, (28, 28), dtype=np.uint8))
            picture.save(tmp_path / name / f"{number}.png")
    (tmp_path / "results").symlink_to(ROOT / "results")
    for path in room.guides().values():
        for _, code in blocks(path.read_text()):
            if file_of(code):
                (tmp_path / file_of(code)).write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    run_python("gan")  # writes the weights that other guides use too
    yield tmp_path
    sys.modules.pop("my_gan", None)


def test_every_guide_is_listed_with_its_title(call):
    code, text, _ = call("guide")
    assert code == 0
    assert len(room.guides()) >= 8
    for name, path in room.guides().items():
        first = path.read_text().splitlines()[0]
        assert first.startswith("# ")
        assert re.search(rf"^{name} +{re.escape(first[2:])}", text, re.MULTILINE), name


@pytest.mark.parametrize("name", room.guides())
def test_a_guide_fits_a_page_and_says_what_comes_of_it_and_what_to_do_when_it_fails(name):
    text = room.guides()[name].read_text()
    assert len(text.splitlines()) <= 80
    assert text.splitlines()[2].startswith("At the end ")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["Steps", "What the output means", "When it fails"]
    assert "```sh" in text


def test_without_a_terminal_the_plain_markdown_is_printed(call):
    code, text, _ = call("guide", "method")
    assert (code, text) == (0, room.guides()["method"].read_text())


def test_on_a_terminal_the_markdown_is_rendered(call, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(room.console, "out", Console(file=screen, force_terminal=True, width=100))
    assert call("guide", "method")[0] == 0
    shown = screen.getvalue()
    assert "A method of your own" in shown
    assert "```" not in shown
    assert "**" not in shown


def test_an_unknown_guide_is_one_line_with_a_suggestion(call):
    code, _, errors = call("guide", "methd")
    assert code == 2
    assert errors.strip().splitlines() == ["error: unknown guide 'methd'; did you mean 'method'?"]


def test_a_new_guide_is_a_new_file(call, tmp_path, monkeypatch):
    (tmp_path / "tea.md").write_text("# Make tea\n\nBoil water.\n")
    monkeypatch.setattr(room, "FOLDER", tmp_path)
    assert "Make tea" in call("guide")[1]
    assert call("guide", "tea")[1] == "# Make tea\n\nBoil water.\n"


def test_the_guide_to_overfitting_explains_every_verdict():
    text = room.guides()["overfit"].read_text()
    for outcome in map(shown, OUTCOMES):
        assert f"| {outcome} |" in text


def messages_of(path):
    """Every text in a Python file, with ``{}`` for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_messages_that_guides_quote_are_those_of_the_code():
    known = "\n".join(text for path in (ROOT / "bench").rglob("*.py") for text in messages_of(path))
    quoted = [
        (name, piece.strip())
        for name, path in room.guides().items()
        for line in re.findall(r"^- (\*\*.*?:\*\*)", path.read_text(), re.MULTILINE)
        for message in re.findall(r'"([^"]+)"', line)
        for piece in re.sub(r"\b\d+\b|(?<=')\w+(?=')", "{}", message).split("…")
    ]
    assert len(quoted) > 15
    assert not [(name, piece) for name, piece in quoted if piece not in known]


def test_what_is_not_run_stands_in_a_guide():
    shown = [block for path in room.guides().values() for block in blocks(path.read_text())]
    commands = [command for language, code in shown if language == "sh" for command in lines_of(code)]
    for start in (start for starts in DEAR.values() for start in starts):
        assert any(command.startswith(start) for command in commands), start


@pytest.mark.parametrize("name", room.guides())
def test_the_commands_of_a_guide_run_and_then_its_python(name, desk, call):
    for language, code in blocks(room.guides()[name].read_text()):
        for command in lines_of(code) if language == "sh" else ():
            if not dear(command):
                status, _, errors = call(*shlex.split(command)[1:])
                assert status == 0, f"{command}\n{errors}"
    run_python(name)
