"""Eight Gaussians: places, widths and weights of the modes."""

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from bench.core.errors import BenchError, UnknownName
from bench.datasets.catalogue import open_dataset
from bench.datasets.gaussians import centres, weights


def test_exactly_two_centres_lie_in_quadrant_two_and_they_are_the_rare_ones():
    places = centres()
    np.testing.assert_allclose(np.hypot(*places.T), 2)
    second = (places[:, 0] < 0) & (places[:, 1] > 0)
    assert second.sum() == 2
    np.testing.assert_allclose(weights()[second], 0.05)
    np.testing.assert_allclose(weights()[~second], 0.15)
    assert weights().sum() == pytest.approx(1)


def test_draws_follow_the_mixture():
    train = open_dataset("gaussians8").load().train
    assert train.data.shape == (50_000, 2, 1, 1)
    labels, points = train.labels.numpy(), train.data.numpy()[:, :, 0, 0]
    assert chisquare(np.bincount(labels), weights() * len(labels)).pvalue > 0.001
    residuals = (points - centres()[labels]) / 0.1
    np.testing.assert_allclose(residuals.std(0), 1, atol=0.012)
    assert min(kstest(residuals[:, axis], "norm").pvalue for axis in (0, 1)) > 0.001


def test_test_split_is_balanced_at_any_length_and_independent_of_the_training_count():
    small, large = (open_dataset("gaussians8", {"train": n}).load() for n in (10, 100))
    assert small.test.labels.bincount().tolist() == [1_000] * 8
    assert small.test.labels[:80].bincount().tolist() == [10] * 8
    assert small.test.checksum == large.test.checksum
    assert (len(large.train), len(large.val)) == (100, 10)
    assert not small.test.is_picture


def test_val_is_drawn_apart_from_train():
    loaded = open_dataset("gaussians8", {"train": 500}).load()
    assert loaded.train.labels[:50].tolist() != loaded.val.labels.tolist()


def test_options_change_data_and_identity():
    sources = [open_dataset("gaussians8", o) for o in ({}, {"seed": 1}, {"train": 100})]
    assert len({s.identity() for s in sources}) == 3
    assert len({s.load().train.checksum for s in sources}) == 3


def test_wrong_options():
    with pytest.raises(UnknownName, match="unknown option 'sed'; did you mean 'seed'"):
        open_dataset("gaussians8", {"sed": 1})
    with pytest.raises(BenchError, match="train = 0"):
        open_dataset("gaussians8", {"train": 0})
    with pytest.raises(BenchError, match="should be int"):
        open_dataset("gaussians8", {"train": "many"})
