"""Stages in processes: what a method does to its process is its own failure, and nothing of it reaches others."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.api import run_suite
from bench.core.errors import BenchError
from bench.harness import processes, runner, worker_server
from bench.harness.executor import StageTask
from bench.harness.keys import keys_of
from bench.harness.process_facts import death, session_load
from bench.harness.processes import LocalProcesses
from bench.harness.runner import RunCallbacks
from bench.harness.store import Store
from bench.harness.suite import read_suite

TIMINGS = {"cost", "environment", "folder"}
PLUGIN = '''
import ctypes, gc, json, os, signal, socket, subprocess, sys, threading, time
from dataclasses import dataclass
import torch
from bench import Inverter, method

def tell(text):
    """Write to every socket of the process; one leads to the parent."""
    for name in os.listdir("/proc/self/fd"):
        try:
            socket.socket(fileno=os.dup(int(name))).send(text + b"\\n")
        except OSError:
            pass

@method("faulty")
@dataclass
class Faulty(Inverter):
    """A method with a fault."""

    {body}
'''
CODES = "x.flatten(1)[:, :self.gan.code_dim].contiguous()"


@pytest.fixture(autouse=True)
def in_processes(monkeypatch):
    """Runs of these tests use worker processes, as those of users."""
    monkeypatch.setattr(runner, "JOBS", 1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder for a store, shared by the tests of this file: the tiny GAN is trained once."""
    return tmp_path_factory.mktemp("trained") / "store"


def plugin(tmp_path, body):
    path = tmp_path / "faulty.py"
    path.write_text(PLUGIN.format(body=body))
    return path


def content(record):
    """What must be equal however a cell is run."""
    fields = {f.name: getattr(record, f.name) for f in dataclasses.fields(record) if f.name not in TIMINGS}
    fields["facts"] = {k: v for k, v in record.facts.items() if k != "isolated"}
    return json.dumps(fields, sort_keys=True)


def alive(pid):
    """Whether a process is there, and not only waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid, seconds=10.0):
    until = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(pid)


def test_processes_and_one_process_give_the_same_records(tiny_suite, tmp_path, trained):
    apart = run_suite(tiny_suite, store=Store(trained), jobs=2).records  # two cells at once
    runner_jobs = runner.run_cells(read_suite(tiny_suite).cells(), Store(tmp_path / "one"), jobs=0)
    assert [content(r) for r in apart] == [content(r) for r in runner_jobs]
    assert {r.status for r in apart} == {"done"}


FAULTS = {
    "ends itself": ("os._exit(3)", "invert test images: its process ended itself (exit code 3)"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "killed (signal 9), most often for want of memory"),
    "crashes": ("ctypes.string_at(0)", "its process died of signal 11"),
    "sends rubbish": ("tell(b'rubbish')", "its process sent what is no message of the suite"),
    "sends a number": ("tell(b'7')", "its process sent what is no message of the suite"),
    "says that it is done": (
        "tell(b'{\"done\": 1}'); time.sleep(60)",
        "its process says that it is done, but has not done it",
    ),
    "says that the run is over": (
        "failed = dict(reason='full\\ndisk', status='x', traceback='', ends_the_run=True); "
        "tell(json.dumps(dict(failed=failed)).encode())",
        "full disk",
    ),
    "leaves the process": ("raise SystemExit(4)", "SystemExit: 4"),
    "cannot be read": (
        "raise type('Dumb', (Exception,), dict(__str__=lambda self: os.abort()))()",
        "its process died of signal 6",
    ),
    "leaves a thread": ("threading.Thread(target=time.sleep, args=(60,), name='worker-x').start()", "worker-x"),
}


def test_a_process_that_dies_is_a_failure_with_its_reason(tiny_suite, tmp_path, trained):
    names, paths = [], []
    for number, (line, _) in enumerate(FAULTS.values()):
        names.append(f"faulty{number}")
        body = PLUGIN.replace('"faulty"', f'"{names[-1]}"')
        paths.append(tmp_path / f"{names[-1]}.py")
        paths[-1].write_text(body.format(body=f"def invert(self, x):\n        {line}\n        return {CODES}"))
    found = run_suite(tiny_suite, methods=[*names, "random_code"], plugins=paths, store=Store(trained)).records
    assert [r.status for r in found] == ["failed"] * len(FAULTS) + ["done"]
    for record, (_, reason) in zip(found, FAULTS.values(), strict=False):
        assert reason in record.reason


def test_a_method_that_does_not_hear_its_alarm_is_killed_with_all_that_it_started(
    tiny_suite, tmp_path, trained, monkeypatch
):
    monkeypatch.setattr(processes, "GRACE", 0.5)
    run_suite(tiny_suite, methods=["random_code"], store=Store(trained))
    tiny_suite.write_text(tiny_suite.read_text().replace("timeout = 120", "timeout = 2"))
    note = tmp_path / "started"
    path = plugin(
        tmp_path,
        "def fit(self, data):\n"
        "        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):\n"
        "            signal.signal(number, signal.SIG_IGN)\n"
        "        started = [subprocess.Popen(['sleep', '300'], start_new_session=new) for new in (False, True)]\n"
        f"        open({str(note)!r}, 'w').write(' '.join(str(s.pid) for s in started))\n"
        "        time.sleep(300)\n"
        f"    def invert(self, x):\n        return {CODES}",
    )
    begun = time.monotonic()
    (record,) = run_suite(tiny_suite, methods=["faulty"], plugins=[path], store=Store(trained)).records
    assert record.status == "failed"
    assert record.reason.startswith("fit: out of time (limit 2 s); it did not stop by itself")
    assert time.monotonic() - begun < 60
    assert all(gone(int(pid)) for pid in note.read_text().split())


def test_what_is_printed_is_passed_on_and_a_flood_is_cut(tiny_suite, tmp_path, trained):
    heard = []
    path = plugin(
        tmp_path,
        "def invert(self, x):\n        print('hello from here')\n"
        "        for _ in range(300):\n            print('x' * 9999)\n"
        f"        return {CODES}",
    )
    (record,) = run_suite(
        tiny_suite,
        methods=["faulty"],
        plugins=[path],
        store=Store(trained),
        observer=RunCallbacks(printed=heard.append),
    ).records
    text = "".join(heard)
    assert record.status == "done", record.reason
    assert "hello from here" in text
    assert text.rstrip().endswith("what follows is not shown]")
    assert len(text) < 3 * processes.PRINTED


def test_a_killed_server_is_replaced_and_nothing_is_lost(tiny_suite, tmp_path):
    first = []

    def kill(cell, number, total):
        if not first:
            first.append(worker_server.server().process.pid)
            os.kill(first[0], signal.SIGKILL)

    outcome = run_suite(tiny_suite, store=Store(tmp_path / "store"), observer=RunCallbacks(started=kill))
    assert {r.status for r in outcome.records} == {"done"}
    assert worker_server.server().process.pid != first[0]


def test_ctrl_c_ends_workers_and_server(tiny_suite, tmp_path, listening):
    tiny_suite.write_text(tiny_suite.read_text().replace("train_steps = 12", "train_steps = 100000"))
    words = [sys.executable, "-m", "bench.cli", "run", str(tiny_suite), "--budget", "smoke"]
    process = subprocess.Popen(words, preexec_fn=listening, stderr=subprocess.PIPE, text=True)
    checkpoint = Path(os.environ["GANINV_HOME"]) / "store" / "work"
    until = time.monotonic() + 120
    while not list(checkpoint.glob("train-*.lock")) and time.monotonic() < until:
        time.sleep(0.1)
    assert list(checkpoint.glob("train-*.lock")), "training has to begin"
    family = descendants(process.pid)
    assert len(family) >= 2, "a server and a worker"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert "the same command goes on from here" in process.stderr.read()
    assert all(gone(pid) for pid in family)


def descendants(pid):
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += [int(child), *descendants(child)]
    return found


def test_a_parent_that_is_killed_leaves_no_process(tiny_suite, tmp_path):
    tiny_suite.write_text(tiny_suite.read_text().replace("train_steps = 12", "train_steps = 100000"))
    words = [sys.executable, "-m", "bench.cli", "run", str(tiny_suite), "--budget", "smoke"]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while len(descendants(process.pid)) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    family = descendants(process.pid)
    process.kill()
    process.wait()
    assert len(family) >= 2
    assert all(gone(pid) for pid in family)


def test_measuring_never_imports_a_method(tiny_suite, tmp_path):
    """A metric notes which modules are loaded where it is computed."""
    note = tmp_path / "modules"
    path = tmp_path / "noting.py"
    path.write_text(
        "import sys\nfrom dataclasses import dataclass\nfrom bench import metric\n"
        "from bench.metrics.pixels import Mse\n\n"
        '@metric("noting")\n@dataclass\nclass Noting(Mse):\n    """The MSE; notes the loaded modules."""\n\n'
        "    name = 'noting'\n\n    def update(self, pairs):\n"
        f"        open({str(note)!r}, 'w').write('\\n'.join(sys.modules))\n"
        "        return super().update(pairs)\n"
    )
    method = plugin(tmp_path, f"def invert(self, x):\n        return {CODES}")
    tiny_suite.write_text(tiny_suite.read_text().replace('"mse",', '"mse", "noting",', 1))
    found = run_suite(
        tiny_suite, methods=["faulty", "dfi"], plugins=[path, method], store=Store(tmp_path / "store")
    ).records
    assert [r.status for r in found] == ["done", "done"], [r.reason for r in found]
    loaded = note.read_text().split()
    assert "bench.harness.measure_stage" in loaded
    assert not [name for name in loaded if name.startswith("methods.") or "faulty" in name]
    assert found[0].facts["measured_by"] == ["metric noting (plug-in noting.py)"]
    assert found[0].facts["plugin"] == "plug-in faulty.py"
    assert found[1].facts["plugin"] == ""


def test_processor_time_is_that_of_a_whole_session():
    words = [
        sys.executable,
        "-c",
        "import os, time\nif os.fork():\n  os.wait()\nwhile time.process_time() < .5: pass",
    ]
    process = subprocess.Popen(words, start_new_session=True)
    most = 0.0
    while process.poll() is None:
        most = max(most, session_load(process.pid)[0])
        time.sleep(0.01)
    assert most > 0.8, "the child's half second and most of the parent's"


def test_how_a_process_ended_is_said_in_words():
    assert death(3) == "its process ended itself (exit code 3)"
    assert death(-11) == "its process died of signal 11"
    assert "memory" in death(-9)
    assert death(None) == "its process ended"


def test_lanes_do_not_share_a_process_and_tasks_of_a_lane_do(tiny_suite, tmp_path):
    cell = read_suite(tiny_suite).cells(methods=["random_code"])[0]
    executor = LocalProcesses(tmp_path / "store", "cpu")
    try:
        for lane in ("suite", "suite", "measure"):
            executor.submit(StageTask("open", cell, keys_of(cell), lane))
        assert {executor.wait().failure for _ in range(3)} == {None}
        pids = {lane: worker.pid for lane, worker in executor._workers.items()}
        assert set(pids) == {"suite", "measure"}
        assert len(set(pids.values())) == 2
    finally:
        executor.close()
    assert all(gone(pid) for pid in pids.values())


def test_without_file_descriptors_over_sockets_the_remedy_is_named(monkeypatch):
    monkeypatch.delattr("socket.send_fds")
    with pytest.raises(BenchError, match="--jobs 0"):
        worker_server.Server()
