"""``ganinv rank``: one table, a summary, and clear lines for mistakes."""

import re
import shlex
import shutil

import pytest

from bench.harness.scaffold import new_method

FAILING = '''
from dataclasses import dataclass
from bench import Inverter, method

@method("faulty")
@dataclass
class Faulty(Inverter):
    """Returns images."""

    def invert(self, x):
        return x
'''


@pytest.fixture(scope="module")
def committed_once(tmp_path_factory):
    return tmp_path_factory.mktemp("committed") / "tiny"


@pytest.fixture
def committed(call, tiny_suite, own_home, committed_once, tmp_path):
    """Reports, records and generators of the tiny suite, run once by another user."""
    if not committed_once.is_dir():
        assert call("run", tiny_suite, "--methods", "random_code,dfi", "--out", committed_once)[0] == 0
        shutil.copytree(own_home / "store" / "train", committed_once / "generators")
        shutil.rmtree(own_home / "store")
    return shutil.copytree(committed_once, tmp_path / "committed")


@pytest.fixture
def words(tiny_suite, committed):
    return ["--suite", tiny_suite, "--records", committed]


def test_a_table_a_place_and_the_next_command_which_works(call, words, own_home, tmp_path):
    plugin, _ = new_method("mine", tmp_path)
    code, text, errors = call("rank", plugin, *words)
    assert code == 0, errors
    assert "1 cells: 0 stored, 1 to run" in errors
    assert "mine" in next(line for line in text.splitlines() if "¶" in line)
    place = own_home / "reports" / "tiny-smoke-mine"
    assert re.search(
        r"^mine: no rank, place [12] of 2 by psnr \(\d+\.\d+\), (after|before) dfi \(", text, re.MULTILINE
    )
    assert f"The table, with its figures: {place}/leaderboard.md" in text
    assert "mine§¶" in (place / "leaderboard.md").read_text(), "in one process, as tests run, it is not ranked"
    (following,) = re.findall(r"^Next: ganinv (.*)$", text, re.MULTILINE)
    code, text, errors = call(*shlex.split(following))
    assert (code, errors) == (0, "")
    assert "inconclusive" in text or "better" in text


def test_a_method_that_fails_ends_with_its_reason_and_an_exit_code(call, words, tmp_path):
    plugin = tmp_path / "faulty.py"
    plugin.write_text(FAILING)
    code, text, _ = call("rank", plugin, *words, "--out", tmp_path / "out")
    assert code == 1
    assert re.search(r"^faulty \(seed 0\) failed: .*returned images", text, re.MULTILINE)
    assert "dfi" in text
    assert "Next: correct the file" in text
    assert "returned images" in (tmp_path / "out" / "leaderboard.md").read_text()


MISTAKES = {
    "no such file": (["absent.py"], "no such file"),
    "no method in the file": (["{folder}/metric.py"], "registers no method to rank; it registers metric nothing"),
    "unknown suite": (["{plugin}", "--suite", "quickstar"], "unknown suite 'quickstar'; did you mean 'quickstart'?"),
    "unknown budget": (["{plugin}", "--budget", "paper"], "unknown budget 'paper'; known: smoke"),
    "no records": (["{plugin}", "--records", "{folder}"], "no committed records of finished cells in"),
    "generators not kept": (["{plugin}", "--suite", "acyclic"], "the generators of its committed records were not"),
    "reports among records": (["{plugin}", "--out", "{committed}"], "lies among committed results"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line_and_nothing_is_written(call, words, committed, own_home, tmp_path, mistake):
    given, message = MISTAKES[mistake]
    plugin, _ = new_method("mine", tmp_path)
    (tmp_path / "metric.py").write_text(
        "from dataclasses import dataclass\nfrom bench import Metric, metric\n\n"
        '@metric("nothing")\n@dataclass\nclass Nothing(Metric):\n    """No metric."""\n'
    )
    mine = [word.format(plugin=plugin, folder=tmp_path, committed=committed) for word in given]
    alone = "acyclic" in given or "quickstar" in given
    code, _, errors = call("rank", *([] if alone else words), *mine)
    lines = [line for line in errors.splitlines() if "error:" in line]
    assert (code, len(lines)) == (2, 1), errors
    assert message in lines[0]
    assert not (own_home / "store").exists()
    assert not (own_home / "reports").exists()
