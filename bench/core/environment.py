"""Facts about machine and process for records, memory settings, and a time limit."""

from __future__ import annotations

import ctypes
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from types import FrameType
from typing import Any

from bench.core.errors import BenchError, CellTimeout

PACKAGES = (
    "gan-inversion-bench",
    "torch",
    "torchvision",
    "torch-fidelity",
    "lpips",
    "numpy",
    "scipy",
    "pandas",
    "scikit-image",
)


# Parameters of glibc's mallopt(3), in bytes: 32 MiB is the largest threshold that it accepts on 64 bits.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
LARGEST_REUSED, KEPT = 32 << 20, 1 << 30


@cache
def environment(device: str) -> dict[str, Any]:
    """Return device, versions, and the commit of the suite with a flag for a dirty tree."""
    head, dirty = commit()
    return {
        "device": device_name(device),
        "versions": {"python": platform.python_version(), **{p: package_version(p) for p in PACKAGES}},
        "threads": _threads(),
        "commit": head,
        "dirty": dirty,
    }


DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "skimage": "scikit-image", "cv2": "opencv-python"}
"""Packages whose distribution name differs from their import name."""


def package_version(name: str) -> str:
    """Return the version of an installed package, or "absent"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


@cache
def imported_version(package: str) -> str:
    """Return the version of a package by the name that code imports, or "absent"; cached, because it reads files."""
    try:
        return version(DISTRIBUTIONS.get(package, package))
    except PackageNotFoundError:
        found = packages_distributions().get(package)
        return version(found[0]) if found else "absent"


def device_name(device: str) -> str:
    """Return the name of the processor or accelerator."""
    if device == "cuda":
        import torch

        return f"cuda: {torch.cuda.get_device_name()}"
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"cpu: {model}"


def prepare_device(device: str) -> None:
    """Check that torch can compute on the device, and let this process keep the memory that it frees.

    Raises:
        BenchError: a driver is present but torch cannot use it; there is no silent fallback to the CPU.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BenchError(
            "torch cannot use this machine's GPU; install a CUDA build of torch or set GANINV_DEVICE=cpu"
        )
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Let the C library reuse large blocks instead of returning them to the system; return True if it does.

    By default glibc maps new memory for every large tensor, and a search step on a batch spends up to a third of its
    time on page faults. Other C libraries are left unchanged.
    """
    library = _glibc()
    return library is not None and all(
        library.mallopt(parameter, value) == 1
        for parameter, value in ((MMAP_THRESHOLD, LARGEST_REUSED), (TRIM_THRESHOLD, KEPT))
    )


def synchronise(device: str) -> None:
    """Wait until the device has finished, so that measured times are correct."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def reset_peak_memory(device: str) -> None:
    """Reset the peak memory, where the system permits it; memory kept for reuse does not count."""
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return
    if (library := _glibc()) is not None:
        library.malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory(device: str) -> int:
    """Return the peak memory in bytes: allocated on the GPU, or resident in this process on a CPU."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


@contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """Raise an error if the block takes longer, also inside code that does not check the time.

    Uses the system's alarm, which works in the main thread only; loops check their deadline themselves.

    Raises:
        CellTimeout: the limit is exceeded.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise CellTimeout(f"{what}: out of time (limit {seconds:g} s)")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@cache
def _glibc() -> ctypes.CDLL | None:
    if platform.libc_ver()[0] != "glibc":
        return None
    library = ctypes.CDLL(None)
    library.mallopt.argtypes, library.malloc_trim.argtypes = [ctypes.c_int, ctypes.c_int], [ctypes.c_size_t]
    return library


@cache
def commit() -> tuple[str, bool]:
    """Return the commit of the suite and True for a tree with changes, as they were when first looked up."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return f"release {package_version('gan-inversion-bench')}", False
    try:
        head = _git(root, "rev-parse", "HEAD")
        return head, bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown", True


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, text=True).stdout.strip()


def _threads() -> int:
    import torch

    return torch.get_num_threads()
