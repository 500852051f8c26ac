"""The rule that carves val from train, and what the suite promises about every split."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.core.errors import DataError
from bench.datasets.catalogue import open_dataset
from bench.datasets.source import Split, carve_val, shuffled, to_dataset, to_images, val_count


@pytest.mark.parametrize(("count", "expected"), [(2, 1), (19, 1), (1437, 143), (50_000, 5_000), (60_000, 5_000)])
def test_val_is_a_tenth_up_to_five_thousand(count, expected):
    assert val_count(count) == expected


@given(st.integers(2, 300))
def test_carving_keeps_every_image_once_with_its_label(count):
    rows = np.arange(count)
    train, val = carve_val(Split(rows.reshape(-1, 1, 1, 1), rows * 10))
    both = np.concatenate([train.images.ravel(), val.images.ravel()])
    assert sorted(both) == list(rows)
    assert len(val.images) == val_count(count)
    for part in (train, val):
        assert np.array_equal(part.labels, part.images.ravel() * 10)


def test_the_shuffle_is_the_frozen_stream_of_numpy():
    assert shuffled(10).tolist() == [
        2,
        8,
        4,
        9,
        1,
        6,
        7,
        3,
        0,
        5,
    ]  # RandomState(0).permutation(10), numpy's tutorials


def test_read_only_arrays_become_tensors_that_own_their_memory(recwarn):
    frozen = np.frombuffer(b"\x01\x02", np.uint8).reshape(2, 1, 1, 1)
    images = to_images(Split(frozen, np.array([0, 1])))
    assert images.data.flatten().tolist() == [1, 2]
    assert images.labels.dtype == torch.int64
    assert not recwarn.list


def test_classes_and_name_are_kept():
    train = Split(np.zeros((10, 1, 2, 2), np.uint8), np.arange(10))
    made = to_dataset("x", ("a", "b"), train, train)
    assert (made.name, made.classes, len(made.train), len(made.val), len(made.test)) == ("x", ("a", "b"), 9, 1, 10)


@pytest.mark.parametrize(("name", "options"), [("digits", {}), ("gaussians8", {"train": 500})])
def test_splits_are_deterministic_and_disjoint(name, options):
    first, again = (open_dataset(name, options) for _ in range(2))
    assert first.identity() == again.identity()
    one, two = first.load(), again.load()
    for split in ("train", "val", "test"):
        assert getattr(one, split).checksum == getattr(two, split).checksum
    rows = [bytes(row.numpy()) for part in (one.train, one.val, one.test) for row in part.data]
    assert len(set(rows)) == len(rows)


def test_attributes_travel_with_their_images():
    attributes = np.arange(20).reshape(10, 2) % 3 == 0
    split = Split(np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1), None, attributes)
    made = to_dataset("x", (), split, split, ("even", "odd"))
    for part in (made.train, made.val, made.test):
        assert part.attribute_names == ("even", "odd")
        assert torch.equal(part.attributes, torch.from_numpy(attributes)[part.data.flatten().long()])


@pytest.mark.parametrize(
    ("labels", "attributes", "message"),
    [
        (np.zeros(3), None, "2 images, but 3 rows of labels"),
        (None, np.zeros((1, 1), bool), "2 images, but 1 rows of attributes"),
        (None, np.zeros((2, 2), bool), r"1 names for attributes of shape \(2, 2\)"),
    ],
)
def test_rows_that_do_not_match_the_images_are_refused(labels, attributes, message):
    with pytest.raises(DataError, match=message):
        to_images(Split(np.zeros((2, 1, 1, 1), np.uint8), labels, attributes), ("a",))
