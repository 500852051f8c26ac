"""Parallel work of several processes that share a store: each takes items that no other process is computing."""

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
    """Run the same work in ``jobs - 1`` further processes during a block, each on its share of the cores.

    A search over a batch consists of many short calls, for which two processes of one thread each are faster than one
    of two threads. No result depends on a worker: work that it does not finish is done by the block.

    Args:
        jobs: number of processes, including this one; 1 changes nothing.
        work: a module-level function of ``arguments`` and ``progress``, which it calls regularly.
        arguments: values that can be pickled.
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
    """Run the work in a worker; the first process raises the same errors and warnings, and reports them."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends its workers
    torch.set_num_threads(threads)
    warnings.simplefilter("ignore")
    try:
        work(*arguments, progress=_stop_alone)
    except BenchError:
        return


def _stop_alone(what: str, step: int, steps: int, figures: Mapping[str, float]) -> None:
    """End this worker if its parent process was killed."""
    first = multiprocessing.parent_process()
    if first is None or not first.is_alive():
        raise SystemExit


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
