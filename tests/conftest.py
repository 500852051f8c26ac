"""Shared by all tests: a home folder of their own, and a suite small enough to train in seconds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import cli, registry
from bench.settings import data_folder

USER_DATA = data_folder()

TINY = """
title = "A tiny suite on the embedded digits"
datasets = ["digits"]
seeds = [0]
rank_by = "psnr"
metrics = ["psnr", "ssim", "mse", "code_mse"]
methods = ["random_code", "best_of_random", "dfi", "dfi+opt"]

[[gans]]
name = "dcgan"
width = 8
code_dim = 16

[budgets.smoke]
train_images = 256
test_images = 24
own_images = 8
train_steps = 12
fit_steps = 6
search_steps = 4
refine_steps = 3
timeout = 120
"""


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's store, and none leaves a plug-in behind."""
    home = tmp_path_factory.mktemp("home")
    fetched = USER_DATA / "fashion-mnist"
    if fetched.is_dir():  # real images that the user has are used, never fetched
        (home / "data").mkdir()
        (home / "data" / "fashion-mnist").symlink_to(fetched)
    monkeypatch.setenv("GANINV_HOME", str(home))
    monkeypatch.setenv("GANINV_DEVICE", "cpu")
    yield home
    registry.remove_plugins()


@pytest.fixture(scope="session")
def tiny_text() -> str:
    """A suite: digits, a narrow DCGAN, two controls, DFI and its refinement."""
    return TINY


@pytest.fixture
def tiny_suite(tmp_path, tiny_text) -> Path:
    """The same, as a file."""
    path = tmp_path / "tiny.toml"
    path.write_text(tiny_text)
    return path


@pytest.fixture
def one_thread():
    """A single thread: processor seconds are seconds whatever else the machine does, and sums have one order."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command in this process, as if in a new one; gives its exit code, output and errors."""

    def ganinv(*words):
        registry.remove_plugins()
        monkeypatch.setattr(sys, "argv", ["ganinv", *map(str, words)])
        monkeypatch.setattr(cli.console.out, "width", 200)
        monkeypatch.setattr(cli.console.err, "width", 200)
        with pytest.raises(SystemExit) as stop:
            cli.main()
            raise SystemExit(0)
        text = capsys.readouterr()
        return stop.value.code, text.out, text.err

    return ganinv
