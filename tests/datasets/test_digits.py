"""Scikit-learn's digits, enlarged."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from bench.datasets.catalogue import open_dataset
from bench.datasets.digits import enlarge
from bench.errors import DataError


def test_sizes_and_types():
    loaded = open_dataset("digits").load()
    assert (len(loaded.train), len(loaded.val), len(loaded.test)) == (1294, 143, 360)
    assert (loaded.shape, loaded.train.data.dtype) == ((1, 28, 28), torch.uint8)
    assert int(loaded.train.data.max()) == 255
    assert loaded.classes == tuple("0123456789")


def test_enlarging_agrees_with_torch():
    images = load_digits().images[:50]
    levels = torch.from_numpy(np.rint(images * 255 / 16))[:, None]
    expected = torch.nn.functional.interpolate(levels, (28, 28), mode="bilinear", align_corners=False)
    assert np.abs(enlarge(images).astype(float) - expected.numpy()).max() <= 1


def test_all_labels_of_scikit_learn_are_there_with_their_images():
    loaded = open_dataset("digits").load()
    parts = (loaded.train, loaded.val, loaded.test)
    ours = {(bytes(x.numpy()), int(y)) for part in parts for x, y in zip(part.data, part.labels, strict=True)}
    found = load_digits()
    assert ours == {(x.tobytes(), int(y)) for x, y in zip(enlarge(found.images), found.target, strict=True)}


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    from bench.datasets.digits import Digits

    assert Digits().availability() == (False, "digits: scikit-learn is missing; install scikit-learn")
    with pytest.raises(DataError, match="install scikit-learn"):
        Digits().load()
