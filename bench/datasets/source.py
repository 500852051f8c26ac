"""Base of all dataset sources, with a guarded ``load``, and the rule that takes ``val`` from ``train``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, final

from bench.core.errors import DataError
from bench.core.types import Dataset, DatasetSource, Images
from bench.datasets.guard import refuse_test_split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPLIT_SEED = 0
VAL_LIMIT = 5_000


class Split(NamedTuple):
    """One split as arrays: ``images`` ``[N, C, H, W]``, ``labels`` ``[N]`` int64, ``attributes`` ``[N, A]`` bool."""

    images: NDArray[Any]
    labels: NDArray[np.int64] | None = None
    attributes: NDArray[np.bool_] | None = None


class GuardedSource(DatasetSource):
    """Base of every dataset source, third-party ones included; subclasses implement ``read``, ``load`` is guarded."""

    registered_name: ClassVar[str] = ""

    @final
    def load(self) -> Dataset:
        """Read the data.

        Raises:
            ContractError: ``forbid_test_split`` is active.
            DataError: files are missing or damaged.
        """
        refuse_test_split(self.registered_name or type(self).__name__)
        return self.read()

    @abstractmethod
    def read(self) -> Dataset:
        """Read the data without checking the guard; called by ``load`` alone.

        Raises:
            DataError: files are missing or damaged.
        """


def val_count(count: int) -> int:
    """Return the number of ``count`` training images that become ``val``: a tenth, at least 1, at most 5,000."""
    return max(1, min(VAL_LIMIT, count // 10))


def shuffled(count: int, seed: int = SPLIT_SEED) -> NDArray[np.int64]:
    """Return a permutation of ``range(count)`` that is the same for every numpy version."""
    import numpy as np

    # RandomState's streams are frozen; those of default_rng may change between numpy releases.
    order: NDArray[np.int64] = np.random.RandomState(seed).permutation(count).astype(np.int64)
    return order


def carve_val(train: Split, seed: int = SPLIT_SEED) -> tuple[Split, Split]:
    """Divide training images into ``train`` and ``val``, each in its original order."""
    import numpy as np

    order = shuffled(len(train.images), seed)
    held = val_count(len(order))
    return _rows(train, np.sort(order[held:])), _rows(train, np.sort(order[:held]))


def to_images(split: Split, attribute_names: Sequence[str] = ()) -> Images:
    """Return the split as tensors, without a copy of arrays that are contiguous and writable.

    Raises:
        DataError: labels or attributes differ in number from the images, or attributes from their names.
    """
    import numpy as np
    import torch

    for what, rows in (("labels", split.labels), ("attributes", split.attributes)):
        if rows is not None and len(rows) != len(split.images):
            raise DataError(f"{len(split.images)} images, but {len(rows)} rows of {what}")
    if split.attributes is not None and split.attributes.shape[1:] != (len(attribute_names),):
        raise DataError(f"{len(attribute_names)} names for attributes of shape {split.attributes.shape}")
    given = ((split.labels, np.int64), (split.attributes, np.bool_))
    labels, attributes = (
        None if rows is None else torch.from_numpy(np.require(rows, kind, ["C", "W"])) for rows, kind in given
    )
    pixels = torch.from_numpy(np.require(split.images, requirements=["C", "W"]))
    return Images(pixels, labels, attributes, tuple(attribute_names))


def to_dataset(
    name: str, classes: tuple[str, ...], train: Split, test: Split, attribute_names: Sequence[str] = ()
) -> Dataset:
    """Build a dataset from a training and a test part; ``val`` is taken from the former."""
    train, val = carve_val(train)
    made = [to_images(split, attribute_names) for split in (train, val, test)]
    return Dataset(name, made[0], made[1], classes, test=made[2])


def _rows(split: Split, index: NDArray[np.int64]) -> Split:
    labels = None if split.labels is None else split.labels[index]
    attributes = None if split.attributes is None else split.attributes[index]
    return Split(split.images[index], labels, attributes)
