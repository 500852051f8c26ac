"""Kinds of images, told by what scikit-learn learns from training images."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from bench.overfit import classes as kinds
from bench.overfit.classes import kinds_of

NAMES = tuple("0123456789")


@pytest.fixture(scope="module")
def digits():
    """Rows as bytes, and their classes."""
    found = load_digits()
    return (found.data * 15.9).astype(np.uint8), found.target.astype(np.int64)


def test_classes_are_told_on_unseen_images(digits):
    rows, classes = digits
    found = kinds_of(rows[:900], classes[:900], NAMES)
    assert found.names == NAMES
    assert found.basis == "classes"
    told = found.of(rows[900:])
    assert told.dtype == np.int64
    assert (told == classes[900:]).mean() > 0.93


def test_the_same_seed_tells_the_same(digits):
    rows, classes = digits
    one, two = (kinds_of(rows[:300], classes[:300], NAMES, seed=3).of(rows[300:900]) for _ in range(2))
    assert np.array_equal(one, two)


def test_of_many_images_a_part_is_learnt_from_with_its_classes(digits, monkeypatch):
    rows, classes = digits
    monkeypatch.setattr(kinds, "FITTED_ON", 500)
    order = np.argsort(classes, kind="stable")
    told = kinds_of(rows[order], classes[order], NAMES).of(rows)
    assert 0.93 < (told == classes).mean() < 1.0


def test_fewer_images_than_components_still_tell(digits):
    rows, classes = digits
    assert (kinds_of(rows[:20], classes[:20], NAMES).of(rows[:20]) == classes[:20]).mean() > 0.9


@pytest.mark.parametrize("labels", [None, 0])
def test_without_classes_to_tell_cells_take_their_place(digits, labels):
    rows, _ = digits
    same = None if labels is None else np.full(len(rows), labels)
    found = kinds_of(rows, same, NAMES)
    assert found.basis.startswith("k-means")
    cell = found.of(rows)
    assert found.names == tuple(f"cell {k}" for k in range(10))
    assert set(cell) == set(range(10))
    inside = [rows[cell == k].astype(float).var(0).sum() for k in range(10)]
    assert max(inside) < rows.astype(float).var(0).sum()
