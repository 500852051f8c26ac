"""Weights files of the feature networks: names, checksums, folders. Read without torch, before any training."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from bench.core.errors import WeightsError
from bench.core.paths import home
from bench.core.pretrained_files import PLACES, VGG16, WeightsFile, checksum, from_url

DEFAULT_NETWORK = {
    "lpips": "alex",
    **dict.fromkeys(("fid", "kid", "precision", "recall", "density", "coverage"), "inception"),
    **dict.fromkeys(("rand_fid", "rand_rec_fid", "ts_rec_fid", "int_ts_fid"), "inception"),
    **dict.fromkeys(("inception_score", "rand_is"), "inception"),
    "label_accuracy": "fashion-mnist-cnn",
    **dict.fromkeys(("fac", "anet_accuracy", "anet_f1", "map"), "drawn-faces-cnn"),
}
"""Default feature network of each metric, for names without ``@network``."""


def _lpips_heads() -> tuple[Path, ...]:
    spec = importlib.util.find_spec("lpips")
    return (Path(spec.origin).parent / "weights" / "v0.1",) if spec and spec.origin else ()


def classifiers_folder() -> Path:
    """Folder of the classifiers that ``ganinv train-classifier`` trained on this machine."""
    return home() / "models"


def _trained() -> tuple[Path, ...]:
    return (classifiers_folder(),)


PLACES |= {"lpips package": _lpips_heads, "trained": _trained}


_FROM_WHEEL = "reinstall the lpips package"
_FROM_CHECKOUT = "restore it from the repository"

INCEPTION = WeightsFile(
    "weights-inception-2015-12-05-6726825d.pth",
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    "downloaded",
    from_url(
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
    ),
)
ALEX = WeightsFile(
    "alexnet-owt-7be5be79.pth",
    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    "downloaded",
    from_url("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"),
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
    "vgg": VGG16,
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
    """Return the file name of a dataset's classifier; characters that are unsafe in file names become "-"."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', dataset)}-cnn.safetensors"


def trained_weights(dataset: str) -> WeightsFile:
    """Return the weights file of a locally trained classifier, with its actual checksum, "" if it is missing."""
    name = classifier_file(dataset)
    path = classifiers_folder() / name
    found = ""
    if path.is_file():
        found = checksum(path)
    return WeightsFile(name, found, "trained", f"train it: ganinv train-classifier {dataset}")


def network_of(metric_name: str) -> str:
    """Return the feature network of a metric, "" if none: ``alex`` for ``fid@alex`` and ``lpips``."""
    base, _, network = metric_name.partition("@")
    return network or DEFAULT_NETWORK.get(base.partition(":")[0], "")


def weights_files(metric_name: str) -> tuple[WeightsFile, ...]:
    """Return all weights files that a metric reads; none for networks of plug-ins, which bring their own."""
    network = network_of(metric_name)
    files = [NETWORKS[network]] if network in NETWORKS else []
    kind, _, dataset = network.partition(":")
    if kind == TRAINED:
        files.append(trained_weights(dataset or "DATASET"))
    if metric_name.startswith("lpips") and network in LPIPS_HEADS:
        files.append(LPIPS_HEADS[network])
    return tuple(files)


def weights_identity(metric_name: str) -> str:
    """Return the checksums of the weights that a metric's value depends on, joined by "+"; "" if there are none."""
    return "+".join(file.sha256 for file in weights_files(metric_name))


def weights_available(metric_name: str) -> str | None:
    """Return None if every file that the metric reads is present and intact, else the reason and the remedy."""
    try:
        for file in weights_files(metric_name):
            file.find()
    except WeightsError as error:
        return str(error)
    return None
