"""Watch over the files that a method opens: those of datasets and of the store are not its input.

Python reports every file that it opens to audit hooks, which cannot be removed. A method that reads files by other
means (a compiled extension of its own) is not noticed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.core.errors import ContractError
from bench.core.paths import data_folder

PROCESSES = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"}
"""Audit events of starting another process."""


class FileWatch:
    """Notes what happens in this process while a method works; inactive until ``start``."""

    def __init__(self) -> None:
        self.processes: list[str] = []
        self._data: set[str] = set()
        self._noting = False
        self._forbidden: tuple[str, ...] = ()
        self._allowed: tuple[str, ...] = ()
        self._stage = ""
        self._opened: list[str] = []

    def start(self) -> None:
        """Begin to listen to the audit events of this process; they cannot be unsubscribed."""
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
    def forbidding(self, stage: str, folders: Sequence[Path], but: Sequence[Path] = ()) -> Iterator[None]:
        """Refuse to open files of datasets, and of these folders, within the block.

        Args:
            stage: as named in the message.
            folders: whose files may not be opened.
            but: folders in which the harness itself opens files in the block, such as that of checkpoints.

        Raises:
            ContractError: such a file was opened; also if the method caught the error.
        """
        self._opened.clear()
        self._stage = stage
        self._allowed = tuple(f"{folder.resolve()}{os.sep}" for folder in but)
        self._forbidden = tuple(f"{folder.resolve()}{os.sep}" for folder in (*folders, data_folder()))
        try:
            yield
        finally:
            self._stage = ""
        if self._opened:
            raise ContractError(self._message(stage, self._opened[0]))

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._opening(arguments[0])
        elif self._stage and event in PROCESSES:
            self.processes.append(event)

    def _opening(self, file: Any) -> None:
        if not (self._noting or self._stage) or not isinstance(file, str | bytes | os.PathLike):
            return
        path = os.path.realpath(os.fsdecode(file))
        if self._noting and not path.endswith((".py", ".pyc")):
            self._data.add(path)
        elif self._stage and self._is_forbidden(path):
            self._opened.append(path)
            raise ContractError(self._message(self._stage, path))

    def _is_forbidden(self, path: str) -> bool:
        mine = path.startswith(self._allowed) if self._allowed else False
        return not mine and (path in self._data or path.startswith(self._forbidden))

    @staticmethod
    def _message(stage: str, path: str) -> str:
        return f"the method opens {path} during {stage}; files of datasets and of the store are not its input"
