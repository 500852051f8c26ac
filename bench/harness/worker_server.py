"""The parent's side of the warm server of worker processes (``bench.harness.worker``); one for each process."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
from collections import deque
from contextlib import suppress
from multiprocessing.connection import wait

from bench.core.errors import BenchError
from bench.harness.worker import START, Line

SILENT = 60.0
"""Seconds after which a server that does not answer is given up; it loads torch in a few."""
UNREAD = 10.0
"""Seconds after which a worker that does not read is given up."""


class Server:
    """The warm server: a process that starts workers. It ends with this process.

    Raises:
        BenchError: this system has no sockets that carry file descriptors.
    """

    def __init__(self) -> None:
        if not hasattr(socket, "send_fds"):
            raise BenchError("worker processes need Linux or macOS; --jobs 0 runs all stages in one process")
        self.owner = os.getpid()
        ours, theirs = socket.socketpair()
        self.control = Line(ours)
        words = [sys.executable, "-P", "-c", START, json.dumps(sys.path), str(theirs.fileno())]
        self.process = subprocess.Popen(
            words,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        theirs.close()
        assert self.process.stdout is not None
        self.output = self.process.stdout.fileno()
        self.exits: dict[int, int] = {}
        self._started: deque[int] = deque()
        atexit.register(self.close)

    def start_worker(self) -> tuple[int, Line]:
        """Return the process number of a new worker and the line to it.

        Raises:
            ServerDied: the server is not there any more.
        """
        mine, theirs = socket.socketpair()
        try:
            socket.send_fds(self.control.socket, [b"w"], [theirs.fileno()])
        except OSError as error:
            raise ServerDied from error
        finally:
            theirs.close()
        while not self._started:
            if not wait([self.control.socket], SILENT):
                self.process.kill()
            self.listen()
        mine.settimeout(UNREAD)
        return self._started.popleft(), Line(mine)

    def listen(self) -> None:
        """Read what the server reports: workers that started, workers that ended.

        Raises:
            ServerDied: the server is not there any more.
        """
        messages = self.control.arrived()
        if messages is None:
            raise ServerDied
        for message in messages:
            if "started" in message:
                self._started.append(message["started"])
            else:
                self.exits[message["pid"]] = message["status"]

    def close(self) -> None:
        """End the server and its workers."""
        if self.owner != os.getpid():
            return
        self.control.socket.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class ServerDied(Exception):
    """The server was killed."""


_server: list[Server] = []


def server() -> Server:
    """Return the server of this process, started when it is first needed or when the last one died."""
    if _server and _server[0].owner != os.getpid():
        _server.clear()  # that of the process which forked this one
    if _server and (_server[0].process.poll() is not None or _server[0].control.socket.fileno() < 0):
        _server.pop().close()
    if not _server:
        _server.append(Server())
    return _server[0]


def stop_server() -> None:
    """End the server of this process; the next call of ``server`` starts another."""
    while _server:
        _server.pop().close()
