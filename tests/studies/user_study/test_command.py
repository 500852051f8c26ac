"""``ganinv user-study`` from the command line: asking, Ctrl-C, going on, counting."""

import inspect
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
import typer
from typer.testing import CliRunner

from bench.cli.user_study import user_study
from bench.core.errors import BenchError
from bench.studies.user_study.questions import QUESTIONS, REPEATS

app = typer.Typer()
app.command()(user_study)
ALONE = (
    "import sys, typer; from bench.cli.user_study import user_study; app = typer.Typer(); app.command()(user_study)\n"
    "app(standalone_mode=False); assert 'torch' not in sys.modules"
)


def started(listening, *words):
    command = [sys.executable, "-u", "-c", ALONE, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listening)


def run(*words):
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == 0, result.exception
    return result.output


def address(process):
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
            return found.group()
    raise AssertionError(process.stderr.read())


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is a signal of Unix")
def test_ctrl_c_ends_with_a_summary_and_the_study_goes_on(
    tiny_suite, records_folder, tmp_path, monkeypatch, listening
):
    out = tmp_path / "votes.jsonl"
    words = (tiny_suite, "--records", records_folder, "--questions", 4, "--repeats", 1, "--port", 0, "--out", out)
    process = started(listening, *words)
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    link = address(process)
    assert b"1 of 5" in opener.open(link + "begin", b"").read()
    assert b"2 of 5" in opener.open(link + "vote", b"position=0&choice=0").read()
    process.send_signal(signal.SIGINT)
    text, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "1 participant voted, 0 to the end" in text
    assert "Traceback" not in errors
    counted = run("--report", out)
    assert "User study: digits · dcgan · smoke" in counted
    assert "dfi Fig8, %" in counted
    assert "iGAN <b>" in counted
    monkeypatch.setattr("bench.studies.user_study.server.StudyServer.serve_forever", lambda _: None)
    assert "votes so far: 1" in run(*words)
    assert counted in run(*words)


def test_mistakes_are_one_clear_line(tiny_suite, records_folder, tmp_path):
    for words, message in [
        ([], "needs a SUITE"),
        (["--report", tmp_path / "none"], "cannot read"),
        ([tiny_suite, "--records", records_folder], "--questions 25, but the records keep 12"),
        ([tiny_suite, "--records", records_folder, "--methods", "dfi,dfj"], "did you mean 'dfi'"),
        ([tiny_suite], "nothing is stored"),
    ]:
        result = CliRunner().invoke(app, list(map(str, words)))
        assert isinstance(result.exception, BenchError), words
        assert message in str(result.exception)
    assert not (tmp_path / "votes.jsonl").exists()
    assert CliRunner().invoke(app, [str(tiny_suite), "--invite", "-1"]).exit_code == 2


def test_the_command_asks_as_many_questions_as_the_paper_did():
    asked = inspect.signature(user_study).parameters
    assert (asked["questions"].default, asked["repeats"].default) == (QUESTIONS, REPEATS)


def test_another_host_is_warned_of(tiny_suite, records_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.studies.user_study.server.StudyServer.serve_forever", lambda _: None)
    words = [tiny_suite, "--records", records_folder, "--questions", 4, "--port", 0, "--out", tmp_path / "v.jsonl"]
    for host, warned in (("127.0.0.1", False), ("0.0.0.0", True)):
        assert ("whoever reaches this address" in run(*words, "--host", host)) is warned
