"""The statistic C_T, and the k-means cells of training images that it and the test for missing modes use."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.overfit.distances import Index, Nearest, Rows, as_floats, nearest

CELLS = 10
"""Number of cells of C_T, and of the test for missing modes where there are no labels."""
FITTED_ON = 5_000
"""Largest number of training images that cells and classes are learnt from."""
FEWEST_IN_CELL = 20
"""Generated images that a cell has to exceed to count in C_T (Meehan et al. 2020, section 4)."""


def c_t(
    own: Rows, train: Rows, test: Rows, own_train: Nearest, test_train: Nearest, seed: int = 0, cells: int = CELLS
) -> float:
    """C_T of Meehan, Chaudhuri and Dasgupta (2020, section 3): far below 0 with copies, far above with underfitting.

    In each k-means cell of the training images, Z = (U - (nm/2 - 1/2)) / sqrt(nm(n + m + 1) / 12), where U is the
    number of pairs of a sample and an unseen image of which the sample is farther from its nearest training image.
    C_T is the mean of Z, weighted by the share of unseen images, over cells of more than ``FEWEST_IN_CELL`` samples.

    Returns:
        C_T; NaN if no cell has so many samples.
    """
    from scipy.stats import mannwhitneyu

    found = CellPartition(train, cells, seed)
    of_own, of_test = found.of(own), found.of(test)
    total = weight = 0.0
    for cell in range(cells):
        made, real = own_train.distance[of_own == cell], test_train.distance[of_test == cell]
        n, m = len(real), len(made)
        if m <= FEWEST_IN_CELL or not n:
            continue
        u = float(mannwhitneyu(made, real, method="asymptotic").statistic)
        total += n * (u - (n * m / 2 - 0.5)) / math.sqrt(n * m * (n + m + 1) / 12)
        weight += n
    return total / weight if weight else math.nan


class CellPartition:
    """K-means cells of training images.

    Args:
        train: rows ``[n, d]``; at most ``FITTED_ON`` of them are used for the fit.
        cells: number of cells; at most the number of distinct rows.
        seed: seed of the subset and of the fit.
    """

    def __init__(self, train: Rows, cells: int, seed: int) -> None:
        from sklearn.cluster import KMeans

        fitted = some(train, FITTED_ON, seed)
        count = min(cells, len(np.unique(fitted, axis=0)))
        means = KMeans(count, n_init=3, random_state=seed).fit(as_floats(fitted))
        self.centres: NDArray[np.float32] = means.cluster_centers_.astype(np.float32)

    def of(self, rows: Rows) -> Index:
        """Return the cell of each row ``[n]``."""
        return nearest(rows, self.centres).index


def some(rows: Rows, count: int, seed: int) -> Rows:
    """Return at most ``count`` of the rows, drawn with the seed, in their order."""
    if len(rows) <= count:
        return rows
    chosen: Rows = rows[np.sort(np.random.default_rng(seed).choice(len(rows), count, replace=False))]
    return chosen
