"""Watch over the files that a method opens: those of datasets and of the store are not its input.

Python reports every file that it opens, lists, renames or removes to audit hooks, which cannot be removed. A method
that reads files by other means (compiled code, of its own or of a package) is not noticed.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.core.errors import ContractError
from bench.core.paths import data_folder

PROCESSES = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"}
"""Audit events of starting another process."""
CHANGES = {"os.rename", "os.remove", "os.link", "os.symlink", "os.truncate", "os.mkdir", "os.rmdir", "os.chmod"}
"""Audit events of changing files and folders."""
LISTINGS = {"os.listdir", "os.scandir"}
DEVICES = ("/dev/", "/proc/")
PLACES = [*(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")), str(Path(__file__).parents[1])]
PROGRAM = tuple({f"{Path(place).resolve()}{os.sep}" for place in PLACES})
"""Folders of Python, of installed packages and of this one, in which a method writes nothing."""


class FileWatch:
    """Notes what happens in this process while a method works; inactive until ``start``."""

    def __init__(self) -> None:
        self.processes: list[str] = []
        self.written: dict[str, None] = {}
        self._data: set[str] = set()
        self._noting = False
        self._forbidden: tuple[str, ...] = ()
        self._allowed: tuple[str, ...] = ()
        self._stage = ""
        self._faults: list[str] = []

    def start(self) -> None:
        """Begin to listen to the audit events of this process; they cannot be unsubscribed."""
        sys.dont_write_bytecode = True  # imports within a stage write nothing
        sys.addaudithook(self._heard)

    @contextmanager
    def noting_data(self) -> Iterator[None]:
        """Note the files that are opened in the block as files of the dataset."""
        self._noting = True
        try:
            yield
        finally:
            self._noting = False

    @contextmanager
    def forbidding(self, stage: str, folders: Sequence[Path], but: Path | None = None) -> Iterator[None]:
        """Refuse to open, list or change files of datasets and of these folders, and to change programs.

        Args:
            stage: as named in the message.
            folders: whose files may not be opened.
            but: the file in them that the harness itself opens in the block: the stage's checkpoint.

        Raises:
            ContractError: such a file was opened; also if the method caught the error.
        """
        self._faults.clear()
        self._stage = stage
        own = but.resolve() if but else None
        self._allowed = (str(own), str(own.with_name(f".{own.name}."))) if own else ()
        self._forbidden = tuple(f"{folder.resolve()}{os.sep}" for folder in (*folders, data_folder()))
        try:
            yield
        finally:
            self._stage = ""
        if self._faults:
            raise ContractError(self._faults[0])

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._opening(arguments[0], arguments[2] if len(arguments) > 2 else 0)
        elif self._stage and event in PROCESSES:
            self.processes.append(event)
        elif self._stage and event in CHANGES:
            for path in (each for each in arguments[:2] if isinstance(each, str | bytes | os.PathLike)):
                self._opening(path, os.O_WRONLY)
        elif self._stage and event in LISTINGS and arguments[0] is not None:
            self._opening(arguments[0], 0)

    def _opening(self, file: Any, flags: Any) -> None:
        if not (self._noting or self._stage) or not isinstance(file, str | bytes | os.PathLike):
            return
        path = os.path.realpath(os.fsdecode(file))
        writes = isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
        if self._noting and not path.endswith((".py", ".pyc")):
            self._data.add(path)
        elif self._stage and (fault := self._fault(path, writes)):
            self._faults.append(fault)
            raise ContractError(fault)
        elif self._stage and writes and not self._is_own(path) and not path.startswith(DEVICES):
            self.written[path] = None

    def _fault(self, path: str, writes: bool) -> str:
        """Return the message about a file that a method may not open; "" for any other."""
        mine = self._is_own(path) and (writes or path != str(Path(self._allowed[0]).parent))
        if not mine and (path in self._data or f"{path}{os.sep}".startswith(self._forbidden)):
            return (
                f"the method opens {path} during {self._stage}; files of datasets and of the store are not its input"
            )
        if writes and path.startswith(PROGRAM):
            return f"the method changes {path} during {self._stage}; it may not change installed packages"
        return ""

    def _is_own(self, path: str) -> bool:
        """Return True for the stage's checkpoint, its temporary files, and its folder, which is made if need be."""
        if not self._allowed:
            return False
        own, temporary = self._allowed
        return path in {own, str(Path(own).parent)} or path.startswith(temporary)
