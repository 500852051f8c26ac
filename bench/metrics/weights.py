"""Weights files of the feature networks: names, checksums, places. Read before anything is trained, without torch."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.errors import WeightsError
from bench.files import sha256
from bench.settings import data_folder, home, shipped_folder

DEFAULT_NETWORK = {
    "lpips": "alex",
    **dict.fromkeys(("fid", "kid", "precision", "recall", "density", "coverage"), "inception"),
    **dict.fromkeys(("rand_fid", "rand_rec_fid", "ts_rec_fid", "int_ts_fid"), "inception"),
    **dict.fromkeys(("inception_score", "rand_is"), "inception"),
    "label_accuracy": "fashion-mnist-cnn",
    **dict.fromkeys(("fac", "anet_accuracy", "anet_f1", "map"), "drawn-faces-cnn"),
}
"""The network that a metric looks through when its name says none."""


def torch_hub_checkpoints() -> Path:
    """Torch hub's folder for weights, as torch works it out from ``TORCH_HOME`` and ``XDG_CACHE_HOME``."""
    cache_home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    torch_home = os.environ.get("TORCH_HOME", f"{cache_home}/torch")
    return Path(torch_home).expanduser() / "hub" / "checkpoints"


def _downloaded() -> tuple[Path, ...]:
    return torch_hub_checkpoints(), data_folder() / "weights"


def _shipped() -> tuple[Path, ...]:
    return (shipped_folder(),)


def _lpips_heads() -> tuple[Path, ...]:
    spec = importlib.util.find_spec("lpips")
    return (Path(spec.origin).parent / "weights" / "v0.1",) if spec and spec.origin else ()


def classifiers_folder() -> Path:
    """Where the classifiers that ``ganinv train-classifier`` trains on this machine lie."""
    return home() / "models"


def _trained() -> tuple[Path, ...]:
    return (classifiers_folder(),)


_PLACES = {"downloaded": _downloaded, "shipped": _shipped, "lpips package": _lpips_heads, "trained": _trained}


@dataclass(frozen=True)
class WeightsFile:
    """One file of weights.

    Attributes:
        file: its name.
        sha256: checksum of the whole file (hex).
        where: which places are searched: "downloaded", "shipped", "lpips package" or "trained".
        get: how to obtain it, for the error message.
    """

    file: str
    sha256: str
    where: str
    get: str

    def places(self) -> tuple[Path, ...]:
        """Folders in the order in which they are searched."""
        return _PLACES[self.where]()

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
        stat = path.stat()
        found = _checksum(path, stat.st_mtime_ns, stat.st_size)
        if found != self.sha256:
            raise WeightsError(
                f"weights {path}: SHA-256 is {found[:12]}…, expected {self.sha256[:12]}… "
                f"(truncated or another file); {self.get}"
            )


@cache
def _checksum(path: Path, modified: int, size: int) -> str:
    return sha256(path)


def _from_url(url: str) -> str:
    return f"download {url} into one of them"


_FROM_WHEEL = "reinstall the lpips package"
_FROM_CHECKOUT = "restore it from the repository"

INCEPTION = WeightsFile(
    "weights-inception-2015-12-05-6726825d.pth",
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    "downloaded",
    _from_url(
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
    ),
)
ALEX = WeightsFile(
    "alexnet-owt-7be5be79.pth",
    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    "downloaded",
    _from_url("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"),
)
VGG = WeightsFile(
    "vgg16-397923af.pth",
    "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    "downloaded",
    _from_url("https://download.pytorch.org/models/vgg16-397923af.pth"),
)
FASHION_MNIST_CNN = WeightsFile(
    "fashion-mnist-cnn.safetensors",
    "3c6c651e461957dcf2733c903575426a14ef7da7c34028b958693b0088d88062",
    "shipped",
    _FROM_CHECKOUT,
)

DRAWN_FACES_CNN = WeightsFile(
    "drawn-faces-cnn.safetensors",
    "b4f8d514de73512def4841d169e0615189833c2cc3f42c32cd457befe3643774",
    "shipped",
    _FROM_CHECKOUT,
)

NETWORKS = {
    "inception": INCEPTION,
    "alex": ALEX,
    "vgg": VGG,
    "fashion-mnist-cnn": FASHION_MNIST_CNN,
    "drawn-faces-cnn": DRAWN_FACES_CNN,
}
"""File of each feature network."""

LPIPS_HEADS = {
    "alex": WeightsFile(
        "alex.pth",
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        "lpips package",
        _FROM_WHEEL,
    ),
    "vgg": WeightsFile(
        "vgg.pth",
        "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        "lpips package",
        _FROM_WHEEL,
    ),
}
"""Linear heads of LPIPS v0.1, by trunk."""


TRAINED = "trained"
"""The feature network ``trained:DATASET``."""


def classifier_file(dataset: str) -> str:
    """Name of the weights file of a dataset's classifier; characters that a file name may lack become "-"."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', dataset)}-cnn.safetensors"


def trained_weights(dataset: str) -> WeightsFile:
    """The classifier of a dataset that was trained on this machine; its checksum is the found file's, "" if none."""
    name = classifier_file(dataset)
    path = classifiers_folder() / name
    found = ""
    if path.is_file():
        stat = path.stat()
        found = _checksum(path, stat.st_mtime_ns, stat.st_size)
    return WeightsFile(name, found, "trained", f"train it: ganinv train-classifier {dataset}")


def network_of(metric_name: str) -> str:
    """The feature network that a metric looks through, "" if none: ``fid@alex`` and ``lpips`` give ``alex``."""
    base, _, network = metric_name.partition("@")
    return network or DEFAULT_NETWORK.get(base.partition(":")[0], "")


def weights_files(metric_name: str) -> tuple[WeightsFile, ...]:
    """Every weights file that a metric reads; empty if it reads none, or if a plug-in brings its own."""
    network = network_of(metric_name)
    files = [NETWORKS[network]] if network in NETWORKS else []
    kind, _, dataset = network.partition(":")
    if kind == TRAINED:
        files.append(trained_weights(dataset or "DATASET"))
    if metric_name.startswith("lpips") and network in LPIPS_HEADS:
        files.append(LPIPS_HEADS[network])
    return tuple(files)


def weights_identity(metric_name: str) -> str:
    """Checksums of the weights that a metric's value depends on, joined by "+"; "" if there are none."""
    return "+".join(file.sha256 for file in weights_files(metric_name))


def weights_available(metric_name: str) -> str | None:
    """None if every file that the metric reads is here and intact, else the reason and how to get it."""
    try:
        for file in weights_files(metric_name):
            file.find()
    except WeightsError as error:
        return str(error)
    return None
