"""Benchmarks that would not measure fail; what they measured is shown at the end of a run; all cores on request."""

import os

import pytest
import torch
from threadpoolctl import threadpool_limits

from bench.core.environment import prepare_device


@pytest.fixture(scope="session", autouse=True)
def prepared():
    """The process is prepared as by every command that computes."""
    prepare_device("cpu")


@pytest.fixture(autouse=True)
def measured(request):
    """The benchmark is on, and its figures go into the report of the test."""
    if "benchmark" not in request.fixturenames:
        yield
        return
    benchmark = request.getfixturevalue("benchmark")
    assert benchmark.enabled or request.config.getoption("benchmark_disable"), "benchmarks are off"
    yield
    if benchmark.stats is not None:
        figures = {"seconds": benchmark.stats.stats.min, **benchmark.extra_info}
        request.node.user_properties.append(("measured", figures))


@pytest.fixture
def all_threads():
    """As many threads as the machine has cores, for torch, NumPy and SciPy."""
    cores, threads = os.cpu_count() or 1, torch.get_num_threads()
    torch.set_num_threads(cores)
    with threadpool_limits(cores):
        yield
    torch.set_num_threads(threads)
