"""Stages in processes of this machine: the executor that a run uses.

Each lane has a worker of its own, forked from a warm server (``bench.harness.worker``), which lives as long as this
process. A worker that dies, hangs or takes all memory is a failure with its reason, and nothing of it reaches another
lane.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from bench.harness.executor import MEASURE, STRANGERS, StageFailure, StageOutcome, StageTask
from bench.harness.keys import cell_facts
from bench.harness.nonce import VARIABLE
from bench.harness.process_facts import death, plain_text, session_load
from bench.harness.worker import Line, end
from bench.harness.worker_server import ServerDied, server, stop_server

GRACE = 10.0
"""Seconds after a stage's limit within which it has to stop by itself."""
PRINTED = 65536
"""Bytes of a run's output by code in workers that are passed on; the rest is dropped."""
WARNINGS = 100
"""Warnings of a worker that are passed on."""
LONGEST_REASON = 1000
"""Characters of a reason."""
PARTS = {"invert test images", "invert own images", "check"}
"""Parts that the inversion of a stranger's method has."""
DEATHS = 2
"""Servers that a task may lose before it is given up."""


@dataclass
class Worker:
    """A worker process, its lane, and what it is at.

    Attributes:
        pid: number of the process and of its session.
        line: the line to it.
        lane: name of the lane.
        task: task that it works on.
        part: name of the part that is timed, and its beginning in wall and processor seconds.
        heard: moment of its last message.
        warnings: number of warnings that it sent.
        environment: as reported when it was ready.
    """

    pid: int
    line: Line
    lane: str
    task: StageTask | None = None
    part: tuple[str, float, float] | None = None
    heard: float = field(default_factory=time.monotonic)
    warnings: int = 0
    environment: Mapping[str, Any] | None = None

    @property
    def at(self) -> str:
        """Name of what it is at."""
        return self.part[0] if self.part else self.task.stage if self.task else "start"

    @property
    def limit(self) -> float:
        """Seconds that a part of its task may take."""
        return self.task.cell.budget.timeout if self.task else float("inf")

    def deadline(self) -> float:
        """Return the time after which it is killed; outside timed parts, that of a stranger's silence."""
        if self.part is None and not self.lane.startswith(STRANGERS):
            return float("inf")
        return (self.part[1] if self.part else self.heard) + self.limit + GRACE

    def spent(self) -> dict[str, float]:
        """Return the cost of the part since its beginning."""
        if self.part is None:
            return {"seconds": 0.0, "processor_seconds": 0.0}
        _, wall, processor = self.part
        total, processes = session_load(self.pid)
        return {"seconds": time.monotonic() - wall, "processor_seconds": total - processor, "processes": processes}


@dataclass
class LocalProcesses:
    """Executor with one worker for each lane.

    Attributes:
        store: root of the store.
        device: "cpu" or "cuda".
        plugins: plug-in files that every worker registers; it imports what a stage uses.
        allow_code: run the code behind GANs of the user.
        progress: callback for progress.
        printed: callback for what code in workers prints.
    """

    store: Path
    device: str
    plugins: Sequence[Path] = ()
    allow_code: bool = False
    progress: Callable[[str, int, int, Mapping[str, float]], None] = lambda *given: None
    printed: Callable[[str], None] = lambda text: None
    _workers: dict[str, Worker] = field(default_factory=dict)
    _queues: dict[str, deque[StageTask]] = field(default_factory=dict)
    _finished: deque[StageOutcome] = field(default_factory=deque)
    _lost: dict[tuple[str, str], int] = field(default_factory=dict)
    _spent: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    _shown: int = 0

    def submit(self, task: StageTask) -> None:
        """See ``bench.harness.executor.Executor``."""
        self._queues.setdefault(task.lane, deque()).append(task)
        self._advance(task.lane)

    def wait(self) -> StageOutcome:
        """See ``bench.harness.executor.Executor``."""
        while not self._finished:
            self._pump()
        return self._finished.popleft()

    def retire(self, lane: str) -> None:
        """End the worker of a lane with all that it started."""
        worker = self._workers.pop(lane, None)
        if worker is not None:
            end(worker.pid)
            worker.line.socket.close()

    def close(self) -> None:
        """End all workers; the server stays for the next run."""
        self._queues.clear()
        for lane in list(self._workers):
            self.retire(lane)

    def _advance(self, lane: str) -> None:
        """Give the worker of a lane its next task, if it has none."""
        queue = self._queues.get(lane)
        if not queue or ((worker := self._workers.get(lane)) and worker.task):
            return
        try:
            worker = self._workers.get(lane) or self._started(lane)
            worker.task = queue.popleft()
            task = worker.task
            nonce = {"nonce": ""} if lane.startswith(STRANGERS) else {}
            worker.line.send(
                stage=task.stage,
                cell=cell_facts(task.cell) | nonce,
                keys=asdict(task.keys),
                lane=lane,
                outside=self._spent.get(task.keys.cell, {}),
            )
        except ServerDied:
            self._restart()
        except OSError:  # it died meanwhile; its end of the line says so
            self._ended(self._workers[lane])

    def _started(self, lane: str) -> Worker:
        pid, line = server().start_worker()
        line.send(
            folder=str(Path.cwd()),
            environment={k: v for k, v in os.environ.items() if k != VARIABLE},
            path=sys.path,
            plugins=[str(path) for path in self.plugins],
            device=self.device,
            store=str(self.store),
            allow_code=self.allow_code,
            isolated=lane.startswith(STRANGERS),
        )
        worker = self._workers[lane] = Worker(pid, line, lane)
        return worker

    def _pump(self) -> None:
        """Wait for the next event, and deal with all that are there."""
        source = server()
        lines = {worker.line.socket.fileno(): worker for worker in self._workers.values()}
        first = min((worker.deadline() for worker in self._workers.values()), default=float("inf"))
        left = None if first == float("inf") else max(0.0, first - time.monotonic())
        for ready in wait([source.control.socket, source.output, *lines], left):
            if ready is source.control.socket:
                try:
                    source.listen()
                except ServerDied:
                    self._restart()
                    return
            elif ready == source.output:
                self._pass_on(os.read(source.output, 65536))
            elif isinstance(ready, int) and lines[ready] in self._workers.values():
                self._heard(lines[ready])
        for worker in list(self._workers.values()):
            if time.monotonic() > worker.deadline():
                limit = f"limit {worker.limit:g} s"
                self._give_up(worker, f"out of time ({limit}); it did not stop by itself, its process was killed")

    def _heard(self, worker: Worker) -> None:
        """Deal with what a worker sent; a method in it may have sent anything."""
        try:
            messages = worker.line.arrived()
            worker.heard = time.monotonic()
            for message in messages or ():
                self._take(worker, message)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            self._give_up(worker, "its process sent what is no message of the suite")
            return
        if messages is None and worker in self._workers.values():
            self._ended(worker)

    def _take(self, worker: Worker, message: Mapping[str, Any]) -> None:
        if "progress" in message:
            self._show(worker, *message["progress"])
        elif "warning" in message:
            worker.warnings += 1
            if worker.warnings <= WARNINGS:
                warnings.warn(str(message["warning"])[:LONGEST_REASON], UserWarning, stacklevel=2)
        elif "ready" in message and worker.environment is None:
            worker.environment = dict(message["ready"])
        elif "begin" in message:
            worker.part = (str(message["begin"])[:80], time.monotonic(), session_load(worker.pid)[0])
        elif "clock" in message:
            spent = worker.spent()
            with suppress(OSError):
                worker.line.send(seconds=spent["seconds"], processor_seconds=spent["processor_seconds"])
            if message["clock"] == "end" and worker.part is not None and worker.task is not None:
                self._spent.setdefault(worker.task.keys.cell, {})[worker.part[0]] = spent
                worker.part = None
        elif worker.task is not None and "failed" in message:
            self._finish(worker, _failure(worker, message["failed"]))
        elif worker.task is not None:
            seen = self._spent.get(worker.task.keys.cell, {})
            if worker.lane.startswith(STRANGERS) and worker.task.stage == "invert" and not seen.keys() >= PARTS:
                self._give_up(worker, "its process says that it is done, but has not done it")
                return
            self._finish(worker, None)

    def _show(self, worker: Worker, what: str, step: int, steps: int, figures: Mapping[str, float]) -> None:
        others = [each for each in self._workers.values() if each.task and each is not worker]
        if worker.lane == MEASURE and others:
            return  # one line of progress at a time: that of the slower work
        most = min(max(int(steps), 1), 10**9)
        shown = {str(name)[:20]: float(value) for name, value in list(figures.items())[:8]}
        self.progress(" ".join(str(what).split())[:80], min(max(int(step), 0), most), most, shown)

    def _finish(self, worker: Worker, failure: StageFailure | None) -> None:
        assert worker.task is not None
        self._finished.append(StageOutcome(worker.task, failure))
        worker.task, worker.part = None, None
        self._advance(worker.lane)

    def _ended(self, worker: Worker) -> None:
        """Make a failure of the task of a worker that is not there any more."""
        source, until = server(), time.monotonic() + 2.0
        try:
            while worker.pid not in source.exits and wait(
                [source.control.socket], max(0.0, until - time.monotonic())
            ):
                source.listen()
        except ServerDied:
            self._restart()
            return
        self._give_up(worker, death(source.exits.pop(worker.pid, None)))

    def _give_up(self, worker: Worker, how: str) -> None:
        """End a worker; its task failed."""
        self.retire(worker.lane)
        if worker.task is not None:
            self._finish(worker, StageFailure(f"{worker.at}: {how}", environment=worker.environment))

    def _restart(self) -> None:
        """Run the tasks of all workers again under a new server; theirs died with them."""
        tasks = [worker.task for worker in self._workers.values() if worker.task is not None]
        for lane in list(self._workers):
            self.retire(lane)
        stop_server()
        for task in reversed(tasks):
            name = task.keys.cell, task.stage
            self._lost[name] = self._lost.get(name, 0) + 1
            if self._lost[name] >= (DEATHS if task.lane.startswith(STRANGERS) else 5 * DEATHS):
                reason = f"{task.stage}: the server of worker processes was killed {self._lost[name]} times"
                self._finished.append(StageOutcome(task, StageFailure(reason)))
            else:
                self._queues.setdefault(task.lane, deque()).appendleft(task)
        for lane in list(self._queues):
            self._advance(lane)

    def _pass_on(self, text: bytes) -> None:
        if not text or self._shown > PRINTED:
            return
        self._shown += len(text)
        self.printed(text.decode(errors="replace"))
        if self._shown > PRINTED:
            self.printed(f"[more than {PRINTED // 1024} KiB were printed; what follows is not shown]\n")


def _failure(worker: Worker, stated: Mapping[str, Any]) -> StageFailure:
    """Return the failure that a worker reports. A stranger's cannot end the run, nor speak of another machine."""
    return StageFailure(
        " ".join(plain_text(stated["reason"]).split())[:LONGEST_REASON] or "failed",
        "not applicable" if stated["status"] == "not applicable" else "failed",
        traceback=plain_text(stated["traceback"])[-20 * LONGEST_REASON :],
        ends_the_run=bool(stated["ends_the_run"]) and not worker.lane.startswith(STRANGERS),
        environment=worker.environment,
    )
