"""Statistics of samples against scikit-learn, loops and planted copies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from bench.core.errors import ContractError
from bench.overfit import ct_test, distances
from bench.overfit import neighbours as nb


def rows(count, seed, dim=6):
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(distances, "BLOCK_VALUES", 64)


@pytest.mark.usefixtures("small_blocks")
def test_nearest_agrees_with_scikit_learn_in_any_blocks():
    queries, pool = rows(50, 0), rows(70, 1)
    found = distances.nearest(queries, pool)
    gap, place = NearestNeighbors(n_neighbors=1).fit(pool).kneighbors(queries)
    assert np.array_equal(found.index, place[:, 0])
    assert found.distance == pytest.approx(gap[:, 0], rel=1e-5)
    own = distances.nearest(pool, pool, np.arange(70))
    gap, place = NearestNeighbors(n_neighbors=2).fit(pool).kneighbors(pool)
    assert np.array_equal(own.index, place[:, 1])


def test_bytes_are_pixels_in_minus_one_to_one():
    pool = np.random.default_rng(0).integers(0, 256, (20, 9), np.uint8)
    found = distances.nearest(pool.astype(np.float32) / 127.5 - 1, pool)
    assert np.array_equal(found.index, np.arange(20))
    assert found.distance.max() == 0


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ContractError, match="expected"):
        distances.nearest(rows(3, 0, 4), rows(3, 0, 5))


def test_auth_pct_is_the_loop_of_its_definition():
    own, train = rows(40, 0), rows(30, 1)
    authentic = []
    for g in own:
        gaps = np.linalg.norm(train - g, axis=1)
        star = gaps.argmin()
        others = np.delete(np.linalg.norm(train - train[star], axis=1), star)
        authentic.append(others.min() < gaps[star])
    assert nb.auth_pct(train, distances.nearest(own, train)) == pytest.approx(100 * np.mean(authentic))
    assert nb.auth_pct(train, distances.nearest(train[:10], train)) == 0


def test_one_nn_agrees_with_scikit_learn():
    first, second = rows(40, 0), rows(40, 1) + 0.7
    labels = np.repeat([1, 0], 40)
    scores = cross_val_score(KNeighborsClassifier(1), np.concatenate([first, second]), labels, cv=LeaveOneOut())
    assert nb.one_nn(first, second).accuracy == pytest.approx(scores.mean())
    assert nb.one_nn(first, first.copy()).accuracy == 0


def test_c_t_is_the_weighted_z_of_its_cells():
    own, train, test = rows(300, 0), rows(200, 1), rows(250, 2)
    means = KMeans(4, n_init=3, random_state=0).fit(train)
    near = NearestNeighbors(n_neighbors=1).fit(train)
    made, seen = near.kneighbors(own)[0][:, 0], near.kneighbors(test)[0][:, 0]
    total = weight = 0.0
    for cell in range(4):
        a, b = made[means.predict(own) == cell], seen[means.predict(test) == cell]
        u = (a[:, None] > b).sum()
        mid, spread = len(a) * len(b) / 2 - 0.5, np.sqrt(len(a) * len(b) * (len(a) + len(b) + 1) / 12)
        total, weight = total + len(b) * (u - mid) / spread, weight + len(b)
    found = [distances.nearest(own, train), distances.nearest(test, train)]
    assert ct_test.c_t(own, train, test, *found, cells=4) == pytest.approx(total / weight, rel=1e-3)


def test_c_t_is_far_below_zero_for_copies_and_near_it_for_fresh_draws():
    train, test = rows(400, 1), rows(400, 2)

    def c_t(own):
        return ct_test.c_t(own, train, test, distances.nearest(own, train), distances.nearest(test, train))

    assert c_t(train[:300] + 0.01 * rows(300, 5)) < -5
    assert abs(c_t(rows(300, 0))) < 2


def test_copies_are_found_and_honest_samples_are_not():
    train, test = rows(100, 1), rows(150, 2)

    def copying(own, seed=0):
        return nb.copying(distances.nearest(own, train), distances.nearest(own, test), 100, 150, seed)

    assert copying(train[:30]).p < 0.001
    assert copying(test[:30]).p > 0.9
    assert copying(train[:30]).expected == 0.4
    alone = np.repeat(train[:1], 200, 0)  # a collapsed generator: one image says nothing, however often it is drawn
    assert copying(alone).p > 0.2


def test_copying_is_calibrated(monkeypatch):
    monkeypatch.setattr(nb, "PERMUTATIONS", 199)
    p = []
    for seed in range(100):
        own, pool = rows(40, 2 * seed, 2), rows(80, 2 * seed + 1, 2)
        to = [distances.nearest(own, part) for part in (pool[:40], pool[40:])]
        p.append(nb.copying(*to, 40, 40, seed).p)
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert np.mean(np.array(p) < 0.05) < 0.12


def test_sets_of_one_pool_are_alike_and_others_are_not():
    assert not nb.alike(rows(80, 0), rows(80, 1)).differ
    assert nb.alike(rows(80, 0), rows(80, 1) + 1).differ


def test_variety_of_few_images_is_low():
    assert nb.variety(rows(100, 0), rows(100, 1)).nearest == pytest.approx(1, abs=0.2)
    few = np.repeat(rows(4, 0), 25, 0) + 1e-3 * rows(100, 2)
    found = nb.variety(few, rows(100, 1))
    assert found.nearest < 0.01 < found.variance


def test_near_duplicates_are_counted():
    first = rows(20, 0)
    second = np.concatenate([rows(30, 1), first[:3] + 0.01])
    assert nb.near_duplicates(distances.nearest(first, second), first.shape[1]) == 3
