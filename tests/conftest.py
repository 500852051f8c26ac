"""Shared by all tests: a home folder of their own, and a suite small enough to train in seconds.

Tests run in several processes, on one thread each; those marked ``alone`` wait until the others rest.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch and NumPy are loaded, here and in processes of tests

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


@contextmanager
def locked(path, how):
    """Hold a lock on a file."""
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Any tests run side by side, one that is marked ``alone`` by itself; who comes after it waits at the door."""
    folder = item.config._tmp_path_factory.getbasetemp()
    if hasattr(item.config, "workerinput"):  # the folder of all processes
        folder = folder.parent
    alone = item.get_closest_marker("alone") is not None
    with ExitStack() as inside:
        with locked(folder / "door", fcntl.LOCK_EX):
            inside.enter_context(locked(folder / "room", fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        return (yield)


def pytest_sessionstart(session):
    """Benchmarks measure in these processes too, where pytest-benchmark would only call what it should time."""
    if hasattr(session.config, "workerinput"):
        benchmarks = session.config._benchmarksession
        benchmarks.disabled = session.config.getoption("benchmark_disable")
        benchmarks.xdist_warning = False


def pytest_terminal_summary(terminalreporter):
    """What benchmarks measured, from all processes."""
    for report in terminalreporter.stats.get("", ()):
        for name, figures in report.user_properties:
            if name == "measured":
                terminalreporter.write_line(f"{report.nodeid}: {figures}")


def forget_plugins():
    """As if none had been added; without any there is nothing to do, and names need no second scan of the sources."""
    if registry._plugins:
        registry.remove_plugins()


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
    forget_plugins()


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
def listening():
    """For ``preexec_fn``: hear Ctrl-C, as a command in a terminal does; shells start background jobs deaf to it."""
    return lambda: signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command in this process, as if in a new one; gives its exit code, output and errors."""

    def ganinv(*words):
        forget_plugins()
        monkeypatch.setattr(sys, "argv", ["ganinv", *map(str, words)])
        monkeypatch.setattr(cli.console.out, "width", 200)
        monkeypatch.setattr(cli.console.err, "width", 200)
        with pytest.raises(SystemExit) as stop:
            cli.main()
            raise SystemExit(0)
        text = capsys.readouterr()
        return stop.value.code, text.out, text.err

    return ganinv
