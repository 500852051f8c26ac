"""What this process does with memory, seen from outside: the system counts page faults and resident bytes."""

import subprocess
import sys

import pytest

from bench.core.environment import keep_freed_memory, peak_memory, reset_peak_memory

FAULTS = """
import ctypes, resource, sys
import torch
from bench.core.environment import MMAP_THRESHOLD, keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
else:  # as glibc begins; held there, since it raises the threshold with what is freed, sooner or later
    assert ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, 128 << 10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    [torch.ones(4 << 20) for _ in range(8)]  # of 16 MiB each
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how):
    run = subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True, text=True)
    return int(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_freed_memory_is_reused_without_page_faults():
    """Each of ten rounds touches 32,768 pages where blocks are mapped anew; kept, the first, and parts of others."""
    assert faults("keep") < 0.5 * faults("map anew")  # 0.11 to 0.19 seen


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_kept_for_reuse_does_not_count_as_a_peak():
    import numpy as np

    keep_freed_memory()
    block = np.ones(3 << 20)
    assert peak_memory("cpu") > block.nbytes
    high = peak_memory("cpu")
    del block
    reset_peak_memory("cpu")
    assert peak_memory("cpu") < high - (20 << 20)
