"""The same work in several processes at once, which share a store: each takes what no other one is at."""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bench.core.errors import BenchError

Work = Callable[..., None]


@contextmanager
def parallel_workers(jobs: int, work: Work, *arguments: Any) -> Iterator[None]:
    """Let ``jobs - 1`` further processes do the same work for the length of a block, each on its share of the cores.

    A search over a batch is made of many short calls: two processes of one thread each get through more of it than
    one of two threads. Nothing depends on a helper: what it does not finish, the block does.

    Args:
        jobs: processes, this one included; 1 changes nothing.
        work: a function of a module; takes ``arguments``, and ``progress``, which it calls now and then.
        arguments: what can be sent to a process.
    """
    if jobs == 1:
        yield
        return
    import torch

    before, share = torch.get_num_threads(), max(1, cores() // jobs)
    context = multiprocessing.get_context("spawn")
    helpers = [context.Process(target=_help, args=(share, work, arguments), daemon=True) for _ in range(jobs - 1)]
    for helper in helpers:
        helper.start()
    torch.set_num_threads(share)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        for helper in helpers:
            helper.terminate()
            helper.join()


def _help(threads: int, work: Work, arguments: tuple[Any, ...]) -> None:
    """What a helper does; the first process meets the same faults and warnings, and reports them."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends its helpers
    torch.set_num_threads(threads)
    warnings.simplefilter("ignore")
    try:
        work(*arguments, progress=_stop_alone)
    except BenchError:
        return


def _stop_alone(what: str, step: int, steps: int, figures: Mapping[str, float]) -> None:
    """End this helper if the process that it helps was killed."""
    first = multiprocessing.parent_process()
    if first is None or not first.is_alive():
        raise SystemExit


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
