"""What README, guides and results/README.md say: commands exist, links lead somewhere, tables are those of files."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from bench.api import __all__ as offered
from bench.cli.app import app
from bench.cli.guide import guides
from bench.core.moved import MOVED

ROOT = Path(__file__).resolve().parents[1]
README, CHANGES, RESULTS = ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "results" / "README.md"
TEXT = README.read_text()
PAGES = {"README": README, "CHANGELOG": CHANGES, "results": RESULTS, **guides()}


def commands_of(path):
    """The commands in the shell blocks of a Markdown file, without comments."""
    return [
        part.split("#")[0].strip()
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL)
        for line in block.splitlines()
        for part in line.split("&&")
        if part.split("#")[0].strip()
    ]


def names_of(path):
    """The first words of the commands that stand in sentences."""
    return re.findall(r"`ganinv\s+([a-z-]+)", path.read_text())


def test_the_readme_fits_two_hundred_lines_and_the_test_command_is_pytest():
    assert len(TEXT.splitlines()) <= 200
    assert "pytest" in commands_of(README)
    assert any(c.startswith("ganinv run quickstart") for c in commands_of(README))


@pytest.mark.parametrize(
    "command", dict.fromkeys(c for path in PAGES.values() for c in commands_of(path) if c.startswith("ganinv"))
)
def test_every_ganinv_command_parses(command):
    words = shlex.split(command)[1:]
    group = get_command(app)
    while hasattr(group, "commands"):
        assert words[0] in group.list_commands(None), command
        group = group.get_command(None, words.pop(0))
    group.make_context(group.name, words)


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_guides_that_sentences_name_exist(page):
    assert set(names_of(PAGES[page])) <= set(get_command(app).commands)
    named = re.findall(r"ganinv\s+guide\s+([a-z]+)", PAGES[page].read_text())
    assert set(named) <= set(guides())


def test_what_the_readme_calls_in_python_is_offered():
    called = re.findall(r"\bbench\.(\w+)\(", "".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)))
    assert called
    assert set(called) <= set(offered)


@pytest.mark.parametrize(
    ("page", "link"),
    [(path, link) for path in PAGES.values() for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())],
)
def test_every_link_leads_to_a_file(page, link):
    assert (page.parent / link).exists()


def test_every_room_that_is_named_exists():
    for room in re.findall(r"`((?:bench|methods|results)/[\w/.]*)`", TEXT):
        assert (ROOT / room).exists(), room


def test_the_leaderboard_is_the_committed_one_and_the_committed_one_is_drawn_from_its_records():
    from bench.harness.store import read_records
    from bench.harness.suite import open_suite
    from bench.reports.leaderboard import leaderboards
    from bench.reports.render_markdown import summary

    (shown,) = re.findall(r"<!-- results/acyclic/cpu/summary.md -->\n(.*?)<!-- end -->", TEXT, re.DOTALL)
    folder, suite = ROOT / "results" / "acyclic" / "cpu", open_suite("acyclic")
    assert shown == (folder / "summary.md").read_text()
    assert shown == summary(leaderboards(read_records(folder / "records"), suite.rank_by, suite.title))


def test_the_table_of_models_is_that_of_the_files():
    from bench.harness.export import models_table

    folder = ROOT / "results" / "models" / "fashion-mnist"
    assert f"\n\n{models_table(folder)}\n" in (folder / "README.md").read_text()


def test_the_counts_of_verdicts_are_those_of_the_page_of_claims():
    page = (ROOT / "results" / "papers" / "README.md").read_text()
    (counts,) = re.findall(r"^\| \*\*all\*\* \|(.*)\|$", page, re.MULTILINE)
    holds, fails, undecided, unmeasured = map(int, re.findall(r"\d+", counts))
    sentence = (
        r"Of (\d+) claims of the papers (\d+) hold there, (\d+) fail, (\d+) are inconclusive and (\d+) were not"
    )
    said = re.search(sentence, " ".join(TEXT.split()))
    total = holds + fails + undecided + unmeasured
    assert tuple(map(int, said.groups())) == (total, holds, fails, undecided, unmeasured)


def test_the_page_of_results_names_every_folder_with_a_page():
    text = RESULTS.read_text()
    for path in (ROOT / "results").iterdir():
        if any(path.rglob("*.md")):
            assert f"({path.name}/" in text, path.name


def test_the_changelog_names_every_module_that_a_plug_in_is_sent_away_from():
    text = CHANGES.read_text()
    for then, now in MOVED.items():
        assert f"`{then}`" in text, then
        assert f"`{now}`" in text, now


def test_ci_runs_the_test_command():
    assert re.search(r"^pytest$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
