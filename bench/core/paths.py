"""Folders of data, artefacts and shipped models, and the device that computes.

The environment variable ``GANINV_HOME`` sets the folder of everything that is not part of the project itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from bench.core.errors import BenchError

HOME_VARIABLE = "GANINV_HOME"
DEVICE_VARIABLE = "GANINV_DEVICE"


def home() -> Path:
    """Return the user's cache folder of the suite (``GANINV_HOME``, else the platform's cache folder)."""
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().resolve()
    from platformdirs import user_cache_path

    return user_cache_path("ganinv")


def data_folder() -> Path:
    """Return the folder that is searched first for datasets, and to which they are downloaded."""
    return home() / "data"


def shipped_folder() -> Path:
    """Return the folder of shipped models: ``results/models`` of a checkout, ``bench/shipped`` of a wheel."""
    installed = Path(__file__).parents[1] / "shipped"
    return installed if installed.is_dir() else results_folder() / "models"


def results_folder() -> Path:
    """Return the folder of committed results of a checkout, which an installed wheel does not have."""
    return Path(__file__).resolve().parents[2] / "results"


def device() -> str:
    """Return the device that computes: ``GANINV_DEVICE``, else ``cuda`` if an NVIDIA driver is loaded, else ``cpu``.

    It is determined without importing torch, because it is part of a measurement's key. If a driver is loaded but
    torch cannot use it, the first computation raises an error; there is no silent fallback to the CPU.

    Raises:
        BenchError: the variable is neither cpu nor cuda nor auto.
    """
    chosen = os.environ.get(DEVICE_VARIABLE, "auto")
    if chosen == "auto":
        return "cuda" if any(Path("/proc/driver/nvidia/gpus").glob("*")) else "cpu"
    if chosen not in {"cpu", "cuda"}:
        raise BenchError(f"{DEVICE_VARIABLE}={chosen!r}: expected 'cpu', 'cuda' or 'auto'")
    return chosen


_code_allowed: ContextVar[bool] = ContextVar("code_allowed", default=False)


def code_allowed() -> bool:
    """Return True if GANs that run code of the user may be opened."""
    return _code_allowed.get()


@contextmanager
def allowing_code(allowed: bool = True) -> Iterator[None]:
    """Grant or withhold that permission within a block."""
    before = _code_allowed.set(allowed)
    try:
        yield
    finally:
        _code_allowed.reset(before)
