"""Eight Gaussians on a circle: the 2-D toy dataset of papers on inference in GANs (dfi, section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core.files import digest
from bench.core.registry import dataset
from bench.core.types import Dataset
from bench.datasets.source import GuardedSource, Split, to_images

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODES = 8
RADIUS = 2.0
SIGMA = 0.1
FIRST_ANGLE = 22.5
RARE_MODES = (2, 3)
RARE_WEIGHT = 0.05
TEST_POINTS_PER_MODE = 1_000


@dataset("gaussians8")
@dataclass
class Gaussians8(GuardedSource):
    """Eight 2-D Gaussians on a circle of radius 2, two of them rare; drawn from a seed, no download.

    Mode k lies at angle 22.5 + 45 k degrees with standard deviation 0.1 along both axes. The two modes in quadrant II
    (k = 2 at 112.5 and k = 3 at 157.5 degrees) have weight 0.05 each in ``train`` and ``val``; the other six share
    the rest equally, 0.15 each. ``test`` holds 1,000 points of every mode, alternating. Labels are the modes.

    Attributes:
        seed: seed of all draws; each split has its own stream, so ``test`` does not depend on ``train``.
        train: number of training points; ``val`` has a tenth as many (at least 1), drawn independently.

    Example:
        >>> from bench.datasets.catalogue import open_dataset
        >>> data = open_dataset("gaussians8", {"train": 1000}).load()
        >>> tuple(data.train.data.shape), data.test.labels.bincount().tolist()
        ((1000, 2, 1, 1), [1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000])
        >>> data.classes[2]
        'mode 2 at 112.5 degrees'
    """

    seed: int = 0
    train: int = 50_000

    def __post_init__(self) -> None:
        if self.seed < 0 or self.train < 1:
            raise ValueError(f"seed = {self.seed} and train = {self.train}: expected seed >= 0 and train >= 1")

    def identity(self) -> str:
        """Return a hash of the seed, the count and the geometry."""
        facts = [MODES, RADIUS, SIGMA, FIRST_ANGLE, RARE_MODES, RARE_WEIGHT, TEST_POINTS_PER_MODE]
        return f"gaussians8-{digest([self.seed, self.train, facts])}"

    def availability(self) -> tuple[bool, str]:
        """Return True: the points are drawn when needed."""
        return True, "drawn when needed"

    def get(self) -> str:
        """Return a note that there is nothing to fetch."""
        return "drawn when needed"

    def read(self) -> Dataset:
        """Draw points ``[N, 2, 1, 1]`` float32 and their modes."""
        import numpy as np

        balanced = np.arange(MODES * TEST_POINTS_PER_MODE) % MODES
        train, val = self._mixture(self.train, stream=0), self._mixture(max(1, self.train // 10), stream=1)
        test = _points(balanced, np.random.RandomState([self.seed, 2]))
        classes = tuple(f"mode {k} at {FIRST_ANGLE + 360 / MODES * k:g} degrees" for k in range(MODES))
        return Dataset("gaussians8", to_images(train), to_images(val), classes, test=to_images(test))

    def _mixture(self, count: int, stream: int) -> Split:
        import numpy as np

        rng = np.random.RandomState([self.seed, stream])
        return _points(rng.choice(MODES, count, p=weights()), rng)


def centres() -> NDArray[np.float64]:
    """Return the centres of the modes, ``[8, 2]``."""
    import numpy as np

    angles = np.deg2rad(FIRST_ANGLE + 360 / MODES * np.arange(MODES))
    return RADIUS * np.stack([np.cos(angles), np.sin(angles)], 1)


def weights() -> NDArray[np.float64]:
    """Return the probabilities of the modes, ``[8]``, in ``train`` and ``val``."""
    import numpy as np

    share = np.full(MODES, (1 - RARE_WEIGHT * len(RARE_MODES)) / (MODES - len(RARE_MODES)))
    share[list(RARE_MODES)] = RARE_WEIGHT
    return share


def _points(modes: NDArray[np.int64], rng: np.random.RandomState) -> Split:
    points = centres()[modes] + SIGMA * rng.standard_normal((len(modes), 2))
    return Split(points.astype("float32")[:, :, None, None], modes.astype("int64"))
