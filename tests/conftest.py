"""Shared by all tests: a home folder of their own, and a suite small enough to train in seconds.

Tests run in several processes, on one thread each; those marked ``alone`` wait until the others rest.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import astuple
from itertools import count
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch and NumPy are loaded, here and in processes of tests
os.environ["GANINV_NONCE"] = "tests"

import numpy as np
import pandas as pd
from PIL import Image

from bench.cli import app
from bench.core import registry
from bench.core.paths import data_folder
from bench.core.types import Record
from bench.datasets.digits import Digits
from bench.harness import runner

USER_DATA = data_folder()
runner.JOBS = 0  # commands that tests start in processes of their own use workers, as those of users

# A busy machine is no fault of a property: neither the time of an example nor that of drawing it decides a test.
hypothesis.settings.register_profile("ganinv", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("ganinv")

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


def _forget_plugins(search_again=True):
    if not (registry._plugins or search_again):
        return  # the table of names holds what is installed, which takes its time to find
    for path in registry._plugins:
        sys.modules.pop(registry._plugin_module(path), None)
    registry._plugins.clear()
    registry._table.cache_clear()


@pytest.fixture
def forget_plugins():
    """A call makes the process as if no plug-in had been added; each test ends with one."""
    return _forget_plugins


@pytest.fixture(scope="session", autouse=True)
def without_syncing():
    """What tests write need not survive a loss of power: no file waits for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def uncompressed_pictures():
    """PNG files of tests are read once or never: packing noise takes longer than drawing it."""
    plain = Image.Image.save

    def save(self, *given, **params):
        return plain(self, *given, **{"compress_level": 0, **params})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image.Image, "save", save)
        yield


@pytest.fixture(scope="session")
def homes(tmp_path_factory):
    """Folders by number, in one of their own: ``mktemp`` would look through thousands for the next number."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def own_home(homes, monkeypatch):
    """No test reads or writes the user's store, and none leaves a plug-in behind."""
    home = next(homes)
    home.mkdir()
    fetched = USER_DATA / "fashion-mnist"
    if fetched.is_dir():  # real images that the user has are used, never fetched
        (home / "data").mkdir()
        (home / "data" / "fashion-mnist").symlink_to(fetched)
    monkeypatch.setenv("GANINV_HOME", str(home))
    monkeypatch.setenv("GANINV_DEVICE", "cpu")
    monkeypatch.setattr(sys, "path", [*sys.path])  # to which plug-ins add their folders
    yield home
    _forget_plugins(search_again=False)


@pytest.fixture(scope="session")
def read_digits():
    """Reads the embedded digits, those of a size once: every run reads them, and enlarging them takes its time."""
    plain, known = Digits.read, {}

    def read(self):
        if astuple(self) not in known:
            known[astuple(self)] = plain(self)
        return deepcopy(known[astuple(self)])

    return read


@pytest.fixture(autouse=True)
def digits_at_hand(monkeypatch, read_digits):
    """Digits that were read before are at hand."""
    monkeypatch.setattr(Digits, "read", read_digits)


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
def picture():
    """``picture(path)``: grey levels ``[H, W]`` of a picture file; one of a single level fails."""

    def read(path):
        with Image.open(path) as opened:
            levels = np.asarray(opened.convert("L"))
        assert levels.min() < levels.max(), f"{path} is blank"
        return levels

    return read


@pytest.fixture
def listening():
    """For ``preexec_fn``: hear Ctrl-C, as a command in a terminal does; shells start background jobs deaf to it."""
    return lambda: signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command in this process, as if in a new one; gives its exit code, output and errors."""

    def ganinv(*words):
        _forget_plugins(search_again=False)
        monkeypatch.setattr(sys, "argv", ["ganinv", *map(str, words)])
        monkeypatch.setattr(app.console.out, "width", 200)
        monkeypatch.setattr(app.console.err, "width", 200)
        with pytest.raises(SystemExit) as stop:
            app.main()
            raise SystemExit(0)
        text = capsys.readouterr()
        return stop.value.code, text.out, text.err

    return ganinv


# Made-up records with known answers, as the store would hand them to the reports.

UP = {"psnr", "ssim", "label_accuracy"}
BUDGET = {
    "name": "smoke",
    "train_images": 0,
    "test_images": 40,
    "own_images": 10,
    "train_steps": 10,
    "fit_steps": 10,
    "search_steps": 5,
    "refine_steps": 5,
    "timeout": 60.0,
}


def build_record(
    folder: Path | None,
    method: str,
    seed: int = 0,
    images: dict[str, np.ndarray] | None = None,
    sets: dict[str, float] | None = None,
    own: dict[str, np.ndarray] | None = None,
    gallery: tuple[np.ndarray, np.ndarray] | None = None,
    **changes,
) -> Record:
    """A record that is done; per-image values go to Parquet where ``folder`` says, ``changes`` override fields."""
    tracks = {"test": images or {}, "own": own or {}}
    metrics = {t: {m: {"value": float(np.mean(v)), "n": len(v)} for m, v in by.items()} for t, by in tracks.items()}
    metrics["test"] |= {m: {"value": v, "n": 40} for m, v in (sets or {}).items()}
    names = [m for by in metrics.values() for m in by]
    cell = {
        "dataset": {"name": "digits", "options": {}, "label": "Digits"},
        "gan": {"name": "dcgan", "options": {}, "label": ""},
        "method": {"name": method, "options": changes.pop("options", {}), "label": changes.pop("label", "")},
        "seed": seed,
        "budget": BUDGET | changes.pop("budget", {}),
        "metrics": names,
    }
    cell |= changes.pop("cell", {})
    facts = {
        "capacity": "z",
        "trained_on": "train images",
        "optimises": [],
        "control": False,
        "trained_parameters": 1000,
        "code_dim": 8,
        "dataset_checksum": "d" * 64,
        "gan_checksum": f"gan{seed}",
        "higher_is_better": {m: m.split("@", maxsplit=1)[0] in UP for m in names},
    }
    made = Record(
        key=changes.pop("key", f"{method}-{seed}"),
        cell=cell,
        status=changes.pop("status", "done"),
        metrics={t: by for t, by in metrics.items() if by},
        protocol={m: {"range": "uint8", "n": 40} for m in names} | changes.pop("protocol", {}),
        facts=facts | changes.pop("facts", {}),
        cost={"train_seconds": 1.0, "fit_seconds": 2.5, "invert_ms_per_image": 0.7, "generator_calls_per_image": 1.0}
        | changes.pop("cost", {}),
        environment={"device": "cpu", "versions": {"torch": "2.15"}, "commit": "abc1234", "dirty": False}
        | changes.pop("environment", {}),
        folder=folder,
        **changes,
    )
    if folder is not None:
        _store(made, folder, tracks, gallery)
    return made


def _store(made: Record, folder: Path, tracks, gallery) -> None:
    parts = [
        pd.DataFrame({"track": t, "index": np.arange(len(next(iter(by.values())))), **by})
        for t, by in tracks.items()
        if by
    ]
    if parts:
        pd.concat(parts).to_parquet(folder / f"{made.key}.parquet")
    if gallery is not None:
        np.savez(folder / f"{made.key}.npz", target=gallery[0], output=gallery[1])


@pytest.fixture
def make(tmp_path):
    """Build a record whose files lie in the test's folder: ``make("dfi", seed=1, images={"psnr": values})``."""

    def made(method: str, seed: int = 0, **more) -> Record:
        return build_record(tmp_path, method, seed, **more)

    return made


@pytest.fixture(scope="session")
def build():
    """The function behind ``make``, for records that a file's tests share: ``build(folder, "dfi", seed=1)``."""
    return build_record


@pytest.fixture(scope="session")
def build_suite():
    """The function behind ``suite``: ``build_suite(make)`` gives its records."""
    return _suite


@pytest.fixture
def suite(make):
    """Three seeds of two contenders that differ, one tied with the first, one of another class, and a control."""
    return _suite(make)


def _suite(make) -> list[Record]:
    rng = np.random.default_rng(0)
    base = rng.normal(20, 3, 40)
    shifts = {"encoder": 0.0, "twin": 0.0, "worse": -2.0, "wplus": 4.0, "random": -9.0}
    records = []
    for method, shift in shifts.items():
        for seed in range(3):
            images = {
                "psnr": base + shift + rng.normal(0, 0.5, 40) - (0.02 if method == "twin" else 0.0),
                "lpips@alex": 0.4 - 0.01 * shift + rng.normal(0, 0.05, 40),
            }
            facts = {"control": method == "random", "capacity": "w+" if method == "wplus" else "z"}
            facts["optimises"] = ["mse", "psnr"] if method == "encoder" else []
            fid = 20.0 - shift + 0.1 * seed
            own = {"code_mse": rng.uniform(0, 1, 10)}
            records.append(make(method, seed, images=images, sets={"fid@inception": fid}, own=own, facts=facts))
    return records


CLAIM = """
paper = "p"
[roles.psnr]
higher_is_better = true
answered_by = ["psnr"]
[[claim]]
id = "X1"
source = "s"
text = "t"
test = [{test}]
"""
PRINTED = "table,dataset,backbone,method,metric,value,std,note\n"


@pytest.fixture
def write_claims(tmp_path):
    """A function that writes a paper's file of one claim, and its printed numbers if rows are given."""

    def write(test, rows="", facts=""):
        (tmp_path / "claims.toml").write_text(CLAIM.format(test=test) + facts)
        if rows:
            (tmp_path / "published.csv").write_text(PRINTED + rows)
        return tmp_path / "claims.toml"

    return write
