"""Weights files: where each is looked for, and that it is the one that is meant. Never fetched; without torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.core.errors import WeightsError
from bench.core.files import sha256
from bench.core.paths import data_folder, shipped_folder


def torch_hub_checkpoints() -> Path:
    """Torch hub's folder for weights, as torch works it out from ``TORCH_HOME`` and ``XDG_CACHE_HOME``."""
    cache_home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    torch_home = os.environ.get("TORCH_HOME", f"{cache_home}/torch")
    return Path(torch_home).expanduser() / "hub" / "checkpoints"


def downloaded() -> tuple[Path, ...]:
    """Where files lie that a user downloaded: torch hub's folder, then the suite's own."""
    return torch_hub_checkpoints(), data_folder() / "weights"


PLACES: dict[str, Callable[[], tuple[Path, ...]]] = {
    "downloaded": downloaded,
    "shipped": lambda: (shipped_folder(),),
}
"""Folders in which each kind of file is looked for, in this order. Rooms with files of other kinds add theirs."""


@dataclass(frozen=True)
class WeightsFile:
    """One file of weights.

    Attributes:
        file: its name.
        sha256: checksum of the whole file (hex).
        where: which of ``PLACES`` are searched.
        get: how to obtain it, for the error message.
    """

    file: str
    sha256: str
    where: str
    get: str

    def places(self) -> tuple[Path, ...]:
        """Folders in the order in which they are searched."""
        return PLACES[self.where]()

    def find(self) -> Path:
        """The file, its checksum verified.

        Raises:
            WeightsError: in none of the places, or not the file that is meant (truncated, altered).
        """
        places = self.places()
        for folder in places:
            path = folder / self.file
            if path.is_file():
                self._verify(path)
                return path
        looked = ", ".join(str(folder) for folder in places) or "nowhere: the package is not installed"
        raise WeightsError(f"weights {self.file} not found (looked in {looked}); {self.get}")

    def _verify(self, path: Path) -> None:
        found = checksum(path)
        if found != self.sha256:
            raise WeightsError(
                f"weights {path}: SHA-256 is {found[:12]}…, expected {self.sha256[:12]}… "
                f"(truncated or another file); {self.get}"
            )


def checksum(path: Path) -> str:
    """SHA-256 of a file (hex); one that has not changed is read once a process."""
    stat = path.stat()
    return _checksum(path, stat.st_mtime_ns, stat.st_size)


@cache
def _checksum(path: Path, modified: int, size: int) -> str:
    return sha256(path)


def from_url(url: str) -> str:
    """How to obtain a file that is published at an address."""
    return f"download {url} into one of them"


VGG16 = WeightsFile(
    "vgg16-397923af.pth",
    "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    "downloaded",
    from_url("https://download.pytorch.org/models/vgg16-397923af.pth"),
)
"""VGG-16 as torchvision publishes it: the trunk of one LPIPS, and what DFI_VGG16 looks through."""
