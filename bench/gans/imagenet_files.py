"""Weights files of ImageNet classifiers that methods look through: names, checksums, places. Without torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.errors import WeightsError
from bench.files import sha256
from bench.settings import data_folder

URL = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class ImageNetFile:
    """One file that torchvision publishes.

    Attributes:
        file: its name, which ends in the first digits of the checksum.
        sha256: checksum of the whole file (hex).
    """

    file: str
    sha256: str

    def find(self) -> Path:
        """The file in torch hub's folder or in the suite's, its checksum verified; it is never fetched.

        Raises:
            WeightsError: in none of the places, or not the file that is meant (truncated, altered).
        """
        get = f"download {URL}{self.file} into one of them"
        for folder in places():
            path = folder / self.file
            if path.is_file():
                found = _checksum(path, path.stat().st_mtime_ns, path.stat().st_size)
                if found != self.sha256:
                    raise WeightsError(
                        f"weights {path}: SHA-256 is {found[:12]}…, expected {self.sha256[:12]}… "
                        f"(truncated or another file); download {URL}{self.file} in its place"
                    )
                return path
        looked = ", ".join(map(str, places()))
        raise WeightsError(f"weights {self.file} not found (looked in {looked}); {get}")


def places() -> tuple[Path, ...]:
    """Folders in the order in which they are searched: torch hub's, as torch works it out, then the suite's."""
    cache_home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    torch_home = os.environ.get("TORCH_HOME", f"{cache_home}/torch")
    return Path(torch_home).expanduser() / "hub" / "checkpoints", data_folder() / "weights"


@cache
def _checksum(path: Path, modified: int, size: int) -> str:
    return sha256(path)


FILES = {
    "vgg16": ImageNetFile("vgg16-397923af.pth", "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"),
    "resnet34": ImageNetFile(
        "resnet34-b627a593.pth", "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f"
    ),
    "resnet50": ImageNetFile(
        "resnet50-0676ba61.pth", "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a"
    ),
    "resnet101": ImageNetFile(
        "resnet101-63fe2227.pth", "63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a"
    ),
}
"""File of each network; the ResNets' are torchvision's first weights (IMAGENET1K_V1)."""
