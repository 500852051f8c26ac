"""Fashion-MNIST, from the suite's data folder, the Debian package, or its publisher."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from bench.core.errors import DataError
from bench.core.registry import dataset
from bench.datasets.idx import read_idx
from bench.datasets.pinned import PinnedSource, check_files, one_line
from bench.datasets.source import Split

DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
APT_SECONDS = 600


@dataset("fashion-mnist")
@dataclass
class FashionMnist(PinnedSource):
    """Fashion-MNIST: 70,000 grey pictures of clothes, 28 x 28, ten classes.

    Example:
        >>> import gzip, struct
        >>> from pathlib import Path
        >>> from bench.datasets.fashion_mnist import FashionMnist
        >>> images = struct.pack(">4I", 0x803, 1, 28, 28) + bytes(28 * 28)
        >>> labels = struct.pack(">2I", 0x801, 1) + bytes([9])
        >>> _ = Path("t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        >>> _ = Path("t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
        >>> split = FashionMnist().read_split(Path(), "test")
        >>> split.images.shape, FashionMnist.classes[split.labels[0]]
        ((1, 1, 28, 28), 'Ankle boot')
    """

    # Sums of the decompressed files: Debian compresses the content again, so its .gz files differ.
    md5: ClassVar[Mapping[str, str]] = {
        "train-images-idx3-ubyte.gz": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte.gz": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte.gz": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte.gz": "15d484375f8d13e6eb1aabb0c3f46965",
    }
    classes = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip

    def folders(self) -> tuple[Path, ...]:
        """Return the suite's data folder, then the folder of the Debian package."""
        return self.home(), DEBIAN_FOLDER

    def download(self, folder: Path) -> None:
        """Fetch with torchvision, or else from the Debian package, which is unpacked without root rights."""
        reasons = []
        for fetch in (_from_torchvision, _from_debian):
            try:
                return self._fetch_with(fetch, folder)
            except (RuntimeError, OSError, DataError, subprocess.SubprocessError) as error:
                reasons.append(f"{fetch.__name__.removeprefix('_from_')}: {_reason(error)}")
        raise RuntimeError("; ".join(reasons))

    def read_split(self, folder: Path, split: Literal["train", "test"]) -> Split:
        """Parse images ``[N, 1, 28, 28]`` and labels of one split.

        Raises:
            DataError: a file is damaged, or labels and images differ in number.
        """
        prefix = "train" if split == "train" else "t10k"
        images = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz", 3)
        labels = read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", 1)
        if len(images) != len(labels):
            raise DataError(f"{folder}: {len(images)} {split} images, but {len(labels)} labels")
        return Split(images[:, None], labels.astype("int64"))

    def _fetch_with(self, fetch: Callable[[Path], Path], folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            found = fetch(Path(scratch))
            check_files(found, self.md5)
            for name in self.md5:
                (found / name).replace(folder / name)


def _from_torchvision(scratch: Path) -> Path:
    from torchvision.datasets import FashionMNIST

    FashionMNIST(scratch, download=True)
    return scratch / "FashionMNIST" / "raw"


def _from_debian(scratch: Path) -> Path:
    def call(*command: str) -> None:
        subprocess.run(command, cwd=scratch, check=True, capture_output=True, text=True, timeout=APT_SECONDS)

    call("apt-get", "download", DEBIAN_PACKAGE)
    call("dpkg-deb", "-x", *(package.name for package in scratch.glob("*.deb")), "unpacked")
    return scratch / "unpacked" / DEBIAN_FOLDER.relative_to("/")


def _reason(error: Exception) -> str:
    said = (getattr(error, "stderr", None) or "").strip().splitlines()
    return said[-1] if said else one_line(error)
