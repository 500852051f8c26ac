"""Datasets of fixed files, which are found in a folder or fetched, and compared with their MD5s."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, ClassVar, Literal, cast

from filelock import FileLock

from bench.core.errors import DataError, StoreError
from bench.core.files import digest, file_stamp
from bench.core.paths import data_folder
from bench.core.types import Dataset
from bench.datasets.source import SPLIT_SEED, VAL_LIMIT, GuardedSource, Split, to_dataset


class PinnedSource(GuardedSource):
    """Base of a dataset that consists of fixed files.

    Attributes:
        md5: file name inside the folder -> MD5 of its content; of the decompressed content for ``.gz`` files, which
            packagers compress in different ways.
        classes: class names in the order of the labels.
    """

    md5: ClassVar[Mapping[str, str]]
    classes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def download(self, folder: Path) -> None:
        """Download the files into ``folder``, which exists.

        Raises:
            RuntimeError, OSError: the download fails.
        """

    @abstractmethod
    def read_split(self, folder: Path, split: Literal["train", "test"]) -> Split:
        """Read one official split from checked files."""

    def home(self) -> Path:
        """Return the folder that ``get`` fills."""
        return data_folder() / self.registered_name

    def folders(self) -> tuple[Path, ...]:
        """Return the folders that are searched for the files, in order."""
        return (self.home(),)

    def identity(self) -> str:
        """Return a hash of the files' MD5s and of the rule for ``val``, after comparing the files with the MD5s."""
        self._checked()
        return f"{self.registered_name}-{digest([dict(self.md5), SPLIT_SEED, VAL_LIMIT])}"

    def availability(self) -> tuple[bool, str]:
        """Return True and the folder if all files exist (content is not compared), else False and the reason."""
        try:
            return True, str(self._place())
        except DataError as error:
            return False, str(error)

    def get(self) -> str:
        """Fetch the files unless they exist, compare them with their MD5s, and return their folder."""
        if not self.availability()[0]:
            try:
                self.home().mkdir(parents=True, exist_ok=True)
                with FileLock(data_folder() / f"{self.registered_name}.lock"):
                    self._fetch()
            except OSError as error:
                raise StoreError(f"cannot write {self.home()}: {error.strerror or error}") from error
        return str(self._checked())

    def read(self) -> Dataset:
        """Check the files, then read both official splits and take ``val`` from the training images."""
        folder = self._checked()
        train, test = self.read_split(folder, "train"), self.read_split(folder, "test")
        return to_dataset(self.registered_name, self.classes, train, test)

    def _fetch(self) -> None:
        if self.availability()[0]:
            return  # another process fetched them while this one waited for the lock
        try:
            self.download(self.home())
        except (RuntimeError, OSError) as error:
            raise DataError(
                f"{self.registered_name}: cannot be fetched ({one_line(error)}); "
                f"put {', '.join(self.md5)} into {self.home()} by hand"
            ) from error

    def _place(self) -> Path:
        for folder in self.folders():
            if not missing_files(folder, self.md5):
                return folder
        absent = ", ".join(missing_files(self.home(), self.md5))
        elsewhere = "".join(f" (nor in {folder})" for folder in self.folders() if folder != self.home())
        raise DataError(
            f"{self.registered_name}: {absent} not in {self.home()}{elsewhere}; "
            f"run `ganinv data get {self.registered_name}`"
        )

    def _checked(self) -> Path:
        folder = self._place()
        check_files(folder, self.md5)
        return folder


def missing_files(folder: Path, md5: Mapping[str, str]) -> list[str]:
    """Return the names that are not files in ``folder``."""
    return [name for name in md5 if not (folder / name).is_file()]


def check_files(folder: Path, md5: Mapping[str, str]) -> None:
    """Compare files with their MD5s; an unchanged file is read once per process.

    Raises:
        DataError: a file is damaged; the message names the first one and both sums.
    """
    for name, expected in md5.items():
        path = folder / name
        found = _content_md5(path, file_stamp(path.stat()))
        if found != expected:
            raise DataError(f"{path}: damaged, MD5 is {found} and should be {expected}; delete it and get it again")


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, decompressed if its name ends in ``.gz``.

    Raises:
        DataError: the file cannot be read, or its compressed stream is truncated or damaged.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as handle:
            yield cast("IO[bytes]", handle)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {one_line(error)}; delete it and get it again") from error


def one_line(error: Exception) -> str:
    """Return the text of an error without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


@cache
def _content_md5(path: Path, stamp: tuple[int, ...]) -> str:
    with opened(path) as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()  # type: ignore[arg-type]
