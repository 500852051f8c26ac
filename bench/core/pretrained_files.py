"""Weights files: search folders and checksums. Files are never downloaded; torch is not needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.core.errors import WeightsError
from bench.core.files import file_stamp, sha256
from bench.core.paths import data_folder, shipped_folder


def torch_hub_checkpoints() -> Path:
    """Return torch hub's folder for weights, determined as in torch from ``TORCH_HOME`` and ``XDG_CACHE_HOME``."""
    cache_home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    torch_home = os.environ.get("TORCH_HOME", f"{cache_home}/torch")
    return Path(torch_home).expanduser() / "hub" / "checkpoints"


def downloaded() -> tuple[Path, ...]:
    """Return the folders of files that a user downloaded: torch hub's, then the suite's own."""
    return torch_hub_checkpoints(), data_folder() / "weights"


PLACES: dict[str, Callable[[], tuple[Path, ...]]] = {
    "downloaded": downloaded,
    "shipped": lambda: (shipped_folder(),),
}
"""Folders that are searched for each kind of file, in order. Packages with files of other kinds add theirs."""


@dataclass(frozen=True)
class WeightsFile:
    """One file of weights.

    Attributes:
        file: its name.
        sha256: checksum of the whole file (hex).
        where: key of ``PLACES``.
        get: how to obtain it, for the error message.
    """

    file: str
    sha256: str
    where: str
    get: str

    def places(self) -> tuple[Path, ...]:
        """Return the folders in the order in which they are searched."""
        return PLACES[self.where]()

    def find(self) -> Path:
        """Return the path of the file, after verifying its checksum.

        Raises:
            WeightsError: the file is in none of the folders, or has another checksum (truncated, altered).
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
    """Return the SHA-256 of a file (hex); an unchanged file is read once per process."""
    return _checksum(path, file_stamp(path.stat()))


@cache
def _checksum(path: Path, stamp: tuple[int, ...]) -> str:
    return sha256(path)


def from_url(url: str) -> str:
    """Return the instruction to obtain a file that is published at an address."""
    return f"download {url} into one of them"


VGG16 = WeightsFile(
    "vgg16-397923af.pth",
    "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    "downloaded",
    from_url("https://download.pytorch.org/models/vgg16-397923af.pth"),
)
"""VGG-16 as torchvision publishes it: the trunk of one LPIPS, and the network of DFI_VGG16."""
