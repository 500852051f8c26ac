"""Worker processes, and the server that forks them.

The server has imported torch and the suite's stages, but no method, and forks a worker in some milliseconds. On
systems where forking such a process is not safe, it starts a new one. Parent, server and workers exchange JSON, never
pickles: a method in a worker cannot run code in the parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NoReturn

FORKS = sys.platform == "linux"
"""Whether the server forks; a process that has loaded macOS's libraries must not."""
START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from bench.harness.worker import main; main(sys.argv[2:])"
)
"""Program of a server. It has the path of its parent, after Python's own start has run nothing from there."""
LONGEST_MESSAGE = 1 << 20
"""Bytes of a message that a parent accepts."""
PROGRESS_SECONDS = 0.05
"""Shortest time between two reports of progress of one stage."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class Line:
    """One end of a connection that carries JSON, a message a line.

    Args:
        end: a connected stream socket.
    """

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._text = b""

    def send(self, **message: Any) -> None:
        """Send a message.

        Raises:
            OSError: the other end is closed, or does not read.
        """
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """Wait for the next message and return it, None if the other end is closed."""
        while b"\n" not in self._text:
            received = self.socket.recv(65536)
            if not received:
                return None
            self._text += received
        line, self._text = self._text.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def arrived(self) -> list[dict[str, Any]] | None:
        """Read once from a socket that is ready; return the messages that are complete, None if it is closed.

        Raises:
            ValueError: what came is no message.
        """
        try:
            received = self.socket.recv(65536)
        except OSError:
            received = b""
        if not received:
            return None
        *lines, self._text = (self._text + received).split(b"\n")
        if len(self._text) > LONGEST_MESSAGE:
            raise ValueError("a message without an end")
        found = [json.loads(line) for line in lines]
        if not all(isinstance(each, dict) for each in found):
            raise ValueError("not an object")
        return found


# ------------------------------------------------------------------------------------------------- the server


def serve(control: Line) -> NoReturn:
    """Start workers on request and report how they end, until the parent closes the connection."""
    _preload()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C is the parent's; it closes the connection
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    workers: set[int] = set()
    while True:
        ready = wait([control.socket, woken])
        if woken in ready:
            woken.recv(4096)
            for pid, status in _ended():
                if pid in workers:
                    workers.discard(pid)
                    _tell(control, pid=pid, status=status)
            _kill_orphans(workers)
        if control.socket in ready:
            try:
                request, files, _, _ = socket.recv_fds(control.socket, 64, 1)
            except OSError:
                request, files = b"", []
            if not request:
                for pid in workers:
                    end(pid)
                _kill_orphans(set())
                os._exit(0)
            pid = _forked(files[0], control) if FORKS else _spawned(files[0])
            workers.add(pid)
            os.close(files[0])
            _tell(control, started=pid)


def _preload() -> None:
    """Load what workers share: torch, pandas, the stages, the names of the registry; but no method.

    The first optimizer of a process makes torch load as much again as before, which takes seconds.
    """
    with suppress(ImportError):
        import pandas  # noqa: F401
        import torch

        import bench.harness.stages  # noqa: F401
        from bench.core.environment import commit
        from bench.core.registry import entries

        torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        entries("method")
        commit()


def _tell(control: Line, **message: int) -> None:
    with suppress(OSError):
        control.send(**message)


def _forked(file: int, control: Line) -> int:
    pid = os.fork()
    if not pid:
        _become_worker(file, control)
    return pid


def _become_worker(file: int, control: Line) -> NoReturn:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    control.socket.close()
    work(file)


def _spawned(file: int) -> int:
    words = [sys.executable, "-P", "-c", START, json.dumps(sys.path), "--worker", str(file)]
    return subprocess.Popen(words, pass_fds=[file], stdin=subprocess.DEVNULL).pid


def _ended() -> list[tuple[int, int]]:
    """Return the processes that ended and how: an exit code, or a signal as a negative number."""
    found = []
    with suppress(ChildProcessError):
        while (each := os.waitpid(-1, os.WNOHANG))[0]:
            found.append((each[0], os.waitstatus_to_exitcode(each[1])))
    return found


def _kill_orphans(workers: set[int]) -> None:
    """Kill processes that a worker has left behind; Linux gives them to the server."""
    for pid in _children() - workers:
        end(pid)


def _children() -> set[int]:
    path = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    try:
        return {int(pid) for pid in path.read_text().split()}
    except OSError:
        return set()


def end(pid: int) -> None:
    """Kill a worker with all processes of its session, however they treat signals."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        unused = (0, 0, 0)
        ctypes.CDLL(None).prctl(option, value, *unused)


# ------------------------------------------------------------------------------------------------- a worker


@dataclass
class OutsideClock:
    """A clock in the parent, which a method in this process cannot stop."""

    line: Line

    def begin(self, what: str) -> None:
        """See ``bench.harness.clock.Clock``."""
        self.line.send(begin=what)

    def now(self) -> Any:
        """See ``bench.harness.clock.Clock``."""
        return self._asked("now")

    def end(self) -> Any:
        """See ``bench.harness.clock.Clock``."""
        return self._asked("end")

    def _asked(self, what: str) -> Any:
        from bench.harness.clock import Spent

        self.line.send(clock=what)
        answer = self.line.receive()
        if answer is None:
            os._exit(1)  # nobody waits for the result any more
        return Spent(**answer)


def work(file: int) -> NoReturn:
    """Run the stages that come through a connection, until it is closed."""
    if hasattr(os, "setsid"):
        os.setsid()
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")  # sooner than the parent, which has nothing large
    line = Line(socket.socket(fileno=file))
    first = line.receive()
    if first is not None:
        _work(line, first)
    os._exit(0)


def _work(line: Line, settings: Mapping[str, Any]) -> None:
    os.chdir(settings["folder"])
    os.environ.clear()
    os.environ.update(settings["environment"])
    sys.path[:] = settings["path"]
    from bench.core.environment import environment, prepare_device
    from bench.core.paths import allowing_code
    from bench.core.registry import add_plugin
    from bench.harness.context import HarnessContext
    from bench.harness.executor import StageTask, failure_of
    from bench.harness.keys import Keys, cell_from
    from bench.harness.stages import run_stage
    from bench.harness.store import Store

    warnings.showwarning = lambda message, category, *rest, **more: line.send(
        warning=str(message), category=category.__name__
    )
    for path in settings["plugins"]:
        add_plugin(Path(path))
    prepare_device(settings["device"])
    bench = HarnessContext(Store(Path(settings["store"])), settings["device"], _Progress(line))
    bench.clock, bench.isolated, bench.apart = OutsideClock(line), settings["isolated"], True
    if bench.isolated:
        import torch._dynamo  # noqa: F401 - torch's optimizers load it, which makes a folder: no deed of the method

        bench.watch.start()
    line.send(ready=environment(bench.device))
    while (message := line.receive()) is not None:
        keys, cell = Keys(**message["keys"]), cell_from(message["cell"])
        task = StageTask(message["stage"], cell, keys, lane=message["lane"], outside=message["outside"])
        try:
            with allowing_code(settings["allow_code"]):
                run_stage(bench, task)
        except BaseException as error:  # also SystemExit and KeyboardInterrupt of a method
            answer: dict[str, Any] = {"failed": vars(failure_of(error, bench.device))}
        else:
            answer = {"done": task.stage}
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        line.send(**answer)


class _Progress:
    """Callback that sends progress, at most twenty times a second and at the end of a stage."""

    def __init__(self, line: Line) -> None:
        self.line, self._sent, self._clock = line, 0.0, time.monotonic

    def __call__(self, what: str, step: int, steps: int, figures: Mapping[str, float]) -> None:
        if step in {0, steps} or self._clock() - self._sent > PROGRESS_SECONDS:
            self._sent = self._clock()
            self.line.send(progress=[what, step, steps, {name: float(value) for name, value in figures.items()}])


def main(words: list[str]) -> None:
    """Start a server, or a worker where processes are not forked."""
    if words[0] == "--worker":
        work(int(words[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # also while it loads
    serve(Line(socket.socket(fileno=int(words[0]))))
