"""The README's commands exist, its links lead somewhere, and its leaderboard is the committed one."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from bench.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()
COMMANDS = [
    part.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
    for part in line.split("&&")
    if part.split("#")[0].strip()
]


def test_there_are_commands_and_the_test_command_is_pytest():
    assert "pytest" in COMMANDS
    assert any(c.startswith("ganinv run quickstart") for c in COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("ganinv")])
def test_every_ganinv_command_parses(command):
    words = shlex.split(command)[1:]
    group = get_command(app)
    while hasattr(group, "commands"):
        assert words[0] in group.commands, command
        group = group.commands[words.pop(0)]
    group.make_context(group.name, words)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", TEXT))
def test_every_link_leads_to_a_file(link):
    assert (ROOT / link).exists()


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

    (shown,) = re.findall(r"<!-- models -->\n(.*?)<!-- end -->", TEXT, re.DOTALL)
    assert shown == models_table(ROOT / "results" / "models" / "fashion-mnist")


def test_ci_runs_the_test_command():
    assert re.search(r"^pytest$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
