"""MNIST, CIFAR-10 and SVHN, downloaded and read by torchvision, after a comparison with their MD5s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from bench.core.registry import dataset
from bench.datasets.pinned import PinnedSource
from bench.datasets.source import Split

DIGITS = tuple(str(digit) for digit in range(10))


@dataset("mnist")
@dataclass
class Mnist(PinnedSource):
    """MNIST: 70,000 handwritten digits, grey, 28 x 28.

    Example:
        >>> from bench.datasets.catalogue import open_dataset
        >>> source = open_dataset("mnist")
        >>> len(source.classes), len(source.md5)  # digits, and files whose content is compared
        (10, 4)
        >>> source.home().name
        'mnist'
    """

    # Sums of the unpacked files that are read; torchvision checks only the compressed ones when it downloads.
    md5: ClassVar[Mapping[str, str]] = {
        "MNIST/raw/train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "MNIST/raw/train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "MNIST/raw/t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "MNIST/raw/t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    }
    classes = DIGITS

    def download(self, folder: Path) -> None:
        """Download and unpack the four files."""
        from torchvision.datasets import MNIST

        MNIST(folder, download=True)

    def read_split(self, folder: Path, split: Literal["train", "test"]) -> Split:
        """Read images ``[N, 1, 28, 28]`` and labels."""
        from torchvision.datasets import MNIST

        found = MNIST(folder, train=split == "train")
        return Split(found.data.numpy()[:, None], found.targets.numpy())


@dataset("cifar10")
@dataclass
class Cifar10(PinnedSource):
    """CIFAR-10: 60,000 small colour photographs, 32 x 32, ten classes.

    Example:
        >>> from bench.datasets.catalogue import open_dataset
        >>> source = open_dataset("cifar10")
        >>> source.classes[:3]
        ('airplane', 'automobile', 'bird')
        >>> sum("data_batch" in name for name in source.md5)  # 10,000 training images each
        5
    """

    # The batches are pickles, which can run code: they are opened only after a comparison with these sums.
    md5: ClassVar[Mapping[str, str]] = {
        "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
        "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
        "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
        "cifar-10-batches-py/batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    }
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

    def download(self, folder: Path) -> None:
        """Download and unpack the archive."""
        from torchvision.datasets import CIFAR10

        CIFAR10(folder, download=True)

    def read_split(self, folder: Path, split: Literal["train", "test"]) -> Split:
        """Read images ``[N, 3, 32, 32]`` and labels."""
        import numpy as np
        from torchvision.datasets import CIFAR10

        found = CIFAR10(folder, train=split == "train")
        return Split(found.data.transpose(0, 3, 1, 2), np.asarray(found.targets, np.int64))


@dataset("svhn")
@dataclass
class Svhn(PinnedSource):
    """SVHN: 99,289 house-number digits in colour, 32 x 32 (the cropped set without its extra part).

    Example:
        >>> from bench.datasets.catalogue import open_dataset
        >>> source = open_dataset("svhn")
        >>> sorted(source.md5)
        ['test_32x32.mat', 'train_32x32.mat']
        >>> source.classes.index("0")  # the files store the digit 0 as 10
        0
    """

    md5: ClassVar[Mapping[str, str]] = {
        "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
        "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
    }
    classes = DIGITS

    def download(self, folder: Path) -> None:
        """Download both files."""
        from torchvision.datasets import SVHN

        for split in ("train", "test"):
            SVHN(folder, split, download=True)

    def read_split(self, folder: Path, split: Literal["train", "test"]) -> Split:
        """Read images ``[N, 3, 32, 32]`` and labels, digit 0 as label 0."""
        from torchvision.datasets import SVHN

        found = SVHN(folder, split)
        return Split(found.data, found.labels)
