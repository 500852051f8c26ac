"""Places and machine facts: where data, artefacts and shipped models lie, and which device computes.

One environment variable, ``GANINV_HOME``, moves everything that is not in the project itself.
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
    """The user's cache folder of the suite (``GANINV_HOME``, else the platform's cache folder)."""
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().resolve()
    from platformdirs import user_cache_path

    return user_cache_path("ganinv")


def data_folder() -> Path:
    """Where datasets are looked for first and downloaded to."""
    return home() / "data"


def shipped_folder() -> Path:
    """Models that ship with the project: ``results/models`` of a checkout, ``bench/shipped`` of a wheel."""
    installed = Path(__file__).parents[1] / "shipped"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "results" / "models"


def device() -> str:
    """The device that computes: ``GANINV_DEVICE``, else ``cuda`` when an NVIDIA driver is loaded, else ``cpu``.

    Decided without importing torch, because it is part of a measurement's key. If the driver is there but
    torch cannot use it, the first computation raises rather than move to the CPU in silence.

    Raises:
        BenchError: the variable names something other than cpu or cuda.
    """
    chosen = os.environ.get(DEVICE_VARIABLE, "auto")
    if chosen == "auto":
        return "cuda" if any(Path("/proc/driver/nvidia/gpus").glob("*")) else "cpu"
    if chosen not in {"cpu", "cuda"}:
        raise BenchError(f"{DEVICE_VARIABLE}={chosen!r}: expected 'cpu', 'cuda' or 'auto'")
    return chosen


_code_allowed: ContextVar[bool] = ContextVar("code_allowed", default=False)


def code_allowed() -> bool:
    """Whether GANs that run code of the user may be opened."""
    return _code_allowed.get()


@contextmanager
def allowing_code(allowed: bool = True) -> Iterator[None]:
    """Give, or withhold, that permission for the length of a block."""
    before = _code_allowed.set(allowed)
    try:
        yield
    finally:
        _code_allowed.reset(before)
