"""Processes that share the chunks of an examination: what a helper finds counts, and what it leaves is done."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.core.files import digest
from bench.harness.store import Store
from bench.overfit import recovery as module
from bench.overfit.parallel import parallel_workers
from bench.overfit.run import OverfitOptions, invert_ahead, overfit

LIMIT = 120.0


def wait_for(done):
    """Seconds pass until something is so; a minute or two on a busy machine, then the test fails."""
    end = time.monotonic() + LIMIT
    while not done():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


@pytest.fixture
def asked(folders, scripted, memoriser):
    gan = scripted(memoriser.generator)
    options = {"n": 40, "search": "lbfgs?probes=0", "steps": 8, "prior": "normal", "code_dim": 40}
    return OverfitOptions((gan,), train=folders[0], test=folders[1], **options)


@pytest.mark.usefixtures("undrawn")
def test_a_helper_alone_fills_the_store_with_what_one_process_finds(asked, tmp_path, monkeypatch):
    shared, budgets = Store(tmp_path / "shared"), 4  # of the curve: 8, 4, 2 and 1 steps
    with parallel_workers(2, invert_ahead, asked, (), True, shared):
        wait_for(lambda: len(list(shared.root.glob("overfit/*/meta.json"))) == 3 * budgets)
    found = {}
    for name, store in (("shared", shared), ("alone", Store(tmp_path / "alone"))):
        searched = []
        with monkeypatch.context() as patch:
            invert = module.Recovery._invert
            patch.setattr(module.Recovery, "_invert", lambda *a, i=invert, s=searched: s.append(a) or i(*a))
            overfit(asked, out=tmp_path / name / "page", allow_code=True, store=store)
        found[name] = json.loads((tmp_path / name / "page" / "overfit.json").read_text())["errors"], len(searched)
    assert found["alone"][1] == 3 * budgets
    assert found["shared"][1] == 0
    assert found["shared"][0] == found["alone"][0]


def test_a_chunk_that_another_process_is_at_comes_last(recovery, honest, real, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 20)
    expected = recovery(honest, steps=4).recover({"test": real.test})["test"]
    ask, order = recovery(honest, steps=4), []
    ask._identity = "as if it were another search"
    first = real.test.take(slice(0, 20))
    invert = ask._invert
    monkeypatch.setattr(ask, "_invert", lambda images, name: order.append(images.checksum) or invert(images, name))
    with ExitStack() as held:
        held.enter_context(ask.store.lock("overfit", digest([ask._identity, first.checksum])))
        ask.progress = lambda what, done, total, figures: held.close() if done == 40 else None
        found = ask.recover({"test": real.test})["test"]
    assert order[-1] == first.checksum
    assert len(order) == 3
    assert np.array_equal(found.errors, expected.errors)


SCRIPT = """
import os, sys, time
from pathlib import Path
from bench.overfit.parallel import parallel_workers

def work(place, progress):
    Path(place).write_text(str(os.getpid()))
    while True:
        progress("waiting", 0, 1, {})
        time.sleep(0.02)

if __name__ == "__main__":
    with parallel_workers(2, work, sys.argv[1]):
        time.sleep(600)
"""


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_helper_ends_when_the_process_that_it_helps_is_killed(tmp_path):
    (tmp_path / "main.py").write_text(SCRIPT)
    place = tmp_path / "pid"
    with subprocess.Popen([sys.executable, tmp_path / "main.py", place]) as first:
        try:
            wait_for(lambda: place.is_file() and place.read_text())
            helper = int(place.read_text())
            assert running(helper)
        finally:
            first.send_signal(signal.SIGKILL)
    wait_for(lambda: not running(helper))


def test_a_fault_of_the_work_is_left_to_the_first_process_and_threads_are_shared_meanwhile(asked, tmp_path, capfd):
    before, wrong = torch.get_num_threads(), dataclasses.replace(asked, prior="gauss")
    with parallel_workers(2, invert_ahead, wrong, (), True, Store(tmp_path / "shared")):
        assert torch.get_num_threads() == max(1, len(os.sched_getaffinity(0)) // 2)
        wait_for(lambda: not multiprocessing.active_children())
    assert torch.get_num_threads() == before
    assert capfd.readouterr().err == ""
