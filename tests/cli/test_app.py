"""The command line: each mistake is one clear line and an exit code that is not 0."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from typer.main import get_command

from bench.cli import app
from bench.gans.checkpoints import load_gan
from bench.harness.scaffold import new_method

GANINV = [sys.executable, "-m", "bench.cli"]


MISTAKES = {
    "unknown suite": (["run", "quickstar"], "unknown suite 'quickstar'; did you mean 'quickstart'?"),
    "unknown suite in status": (["status", "nothing"], "unknown suite 'nothing'"),
    "unknown budget": (["run", "{suite}", "--budget", "cpu"], "unknown budget 'cpu'; known: smoke"),
    "unknown method": (["run", "{suite}", "--methods", "dfj"], "unknown method 'dfj'; did you mean 'dfi'?"),
    "bad seeds": (["run", "{suite}", "--seeds", "one"], "--seeds one: expected numbers"),
    "missing plug-in": (["run", "{suite}", "--plugin", "absent.py"], "no such file"),
    "unknown name": (["show", "dfii"], "unknown name 'dfii'; did you mean 'dfi'?"),
    "unknown dataset": (["data", "get", "fashion"], "unknown dataset 'fashion'; did you mean 'fashion-mnist'?"),
    "nothing stored": (["report", "{suite}"], "nothing is stored; ganinv run"),
    "no records": (["report", "{suite}", "--records", "{folder}"], "no records"),
    "bad method name": (["new", "method", "My-Method"], "use lower-case letters"),
    "check of an unknown method": (["check", "dfii"], "unknown method 'dfii'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line(call, tiny_suite, tmp_path, mistake):
    words, message = MISTAKES[mistake]
    code, _, errors = call(*(w.format(suite=tiny_suite, folder=tmp_path) for w in words))
    lines = [line for line in errors.splitlines() if "error:" in line]
    assert code == 2
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in errors


def test_every_command_has_help_with_an_example():
    for name, command in get_command(app.app).commands.items():
        for each in getattr(command, "commands", {name: command}).values():
            if each.params and each.name != "doctor":
                assert "Example" in each.help, f"{each.name} --help has no example"


def test_the_main_path(call, tiny_suite, own_home, picture, tmp_path):
    out = tmp_path / "out"
    code, text, _ = call("run", tiny_suite, "--out", out)
    assert code == 0
    assert "dfi+opt" in text
    assert str(out) in text
    assert {p.name for p in out.iterdir()} >= {
        "leaderboard.md",
        "leaderboard.csv",
        "leaderboard.tex",
        "leaderboard.json",
    }
    assert min(picture(out / "reconstructions.png").shape) > 300

    assert call("report", tiny_suite, "--out", tmp_path / "again")[0] == 0
    for name in ("leaderboard.md", "leaderboard.json", "summary.md"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()

    code, text, _ = call("status", tiny_suite)
    assert (code, text.count("done")) == (0, 4)
    for fmt in ("md", "csv", "tex", "json"):
        code, text, _ = call("report", tiny_suite, "--format", fmt)
        assert code == 0
        assert "dfi" in text
    code, text, _ = call("compare", tiny_suite, "dfi", "dfi+opt")
    assert code == 0
    assert "psnr" in text
    code, _, errors = call("compare", tiny_suite, "dfi", "dfj")
    assert code == 2
    assert "dfj" in errors

    exported = tmp_path / "models"
    code, text, _ = call("export", tiny_suite, "--out", exported)
    assert code == 0
    (trained,) = (own_home / "store" / "train").glob("*/gan.safetensors")
    whole, half = (load_gan(f).generator.state_dict() for f in (trained, exported / "digits" / "dcgan.safetensors"))
    assert all(torch.allclose(half[name], tensor, rtol=1e-3, atol=1e-6) for name, tensor in whole.items())
    grid = picture(exported / "digits" / "dcgan.png")
    assert np.array_equal(grid, picture(trained.with_name("grid.png")))


def test_reporting_a_stored_suite_needs_no_torch(call, tiny_suite, own_home):
    call("run", tiny_suite)
    script = (
        "import sys; sys.argv = ['ganinv', *sys.argv[1:]]; from bench.cli.app import main\n"
        "try: main()\nexcept SystemExit as stop: assert not stop.code, stop.code\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    for words in (
        ["run", str(tiny_suite)],
        ["report", str(tiny_suite)],
        ["compare", str(tiny_suite), "dfi", "dfi+opt"],
    ):
        result = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr


def test_a_plugin_method_can_be_looked_up_reported_and_compared_after_its_run(call, tiny_suite, tmp_path):
    plugin, _ = new_method("mine", tmp_path)
    words = ["--plugin", plugin]
    assert call("run", tiny_suite, *words)[0] == 0
    code, text, _ = call("status", tiny_suite, *words)
    assert (code, text.count("done")) == (0, 5)
    assert "mine" in call("report", tiny_suite, *words)[1]
    code, text, _ = call("compare", tiny_suite, "dfi", "mine", *words)
    assert (code, "psnr" in text) == (0, True)


def test_a_failed_cell_shows_its_reason_and_fails_the_command(call, tiny_suite, tmp_path):
    plugin = tmp_path / "faulty.py"
    plugin.write_text(
        "from dataclasses import dataclass\nfrom bench.core.types import Inverter\n"
        "from bench.core.registry import method\n"
        '@method("faulty")\n@dataclass\nclass Faulty(Inverter):\n    """Returns images."""\n'
        "    def invert(self, x):\n        return x\n"
    )
    code, text, errors = call("run", tiny_suite, "--methods", "faulty,random_code", "--plugin", plugin)
    assert code == 1
    assert "returned images" in text + errors
    assert "random_code" in text


def test_a_run_in_which_nothing_succeeds_shows_reasons_and_no_empty_table(call, tiny_suite):
    tiny_suite.write_text(tiny_suite.read_text().replace("code_dim = 16", "code_dim = 16\nlearning_rate = 1e30"))
    code, text, errors = call("run", tiny_suite)
    assert code == 1
    assert errors.count("failed: ") == 4
    assert "rank" not in text


def test_an_unwritable_output_folder_is_one_line(call, tiny_suite, tmp_path):
    blocker = tmp_path / "out"
    blocker.write_text("a file")
    code, _, errors = call("run", tiny_suite, "--methods", "random_code", "--out", blocker)
    assert code == 2
    assert re.search(r"error: --out .*out is a file; give a new or empty folder", errors)
    assert "to run" not in errors, "nothing was computed for it"


def test_control_c_ends_with_a_clear_line_and_130(tiny_suite, own_home, listening):
    slow = tiny_suite.read_text().replace("train_steps = 12", "train_steps = 100000")
    tiny_suite.write_text(slow)
    process = subprocess.Popen(
        [*GANINV, "run", str(tiny_suite)], stderr=subprocess.PIPE, text=True, env=os.environ, preexec_fn=listening
    )
    line = ""
    while "[1/4]" not in line:
        line = process.stderr.readline()
        assert line or process.poll() is None
    while not list(own_home.glob("store/work/train-*")):  # modules are imported, work begins
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.rstrip().splitlines()[-1].startswith("interrupted: finished cells are stored")


def test_doctor_names_the_missing_weights_and_their_place(call):
    code, text, _ = call("doctor")
    assert code == 0
    assert "weights-inception-2015-12-05-6726825d.pth" in text
    assert "fashion-mnist-cnn" in text


def test_show_prints_the_protocol(call):
    code, text, _ = call("show", "psnr")
    assert code == 0
    assert "255" in text
