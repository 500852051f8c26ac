"""Listing files and dividing them."""

import numpy as np
import pytest

from bench.core.errors import DataError
from bench.datasets.layouts import carve, hold_out, list_files, shuffle
from bench.datasets.source import Split, carve_val


def test_files_are_listed_sorted_with_their_folders_and_hidden_ones_left_out(tmp_path):
    for name in ("b.PNG", "a/z.jpg", "a/deep/1.JPEG", "a/notes.txt", ".hidden.png", ".git/x.png", "a/._z.jpg", "png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert list_files(tmp_path, "x") == ["a/deep/1.JPEG", "a/z.jpg", "b.PNG"]
    assert list_files(tmp_path, "x", {".jpg"}) == ["a/z.jpg"]


def test_nothing_to_list_is_an_error_with_the_endings(tmp_path):
    with pytest.raises(DataError, match=r"^x: no image in it \(expected \.jpg\)$"):
        list_files(tmp_path, "x", {".jpg"})
    with pytest.raises(DataError, match=r"^x: no such folder$"):
        list_files(tmp_path / "nowhere", "x")


@pytest.mark.parametrize("count", [2, 9, 10, 137])
def test_names_are_carved_like_images(count):
    names = [f"{k}" for k in range(count)]
    train, val = carve_val(Split(np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)))
    assert carve(names) == ([f"{k}" for k in train.images.ravel()], [f"{k}" for k in val.images.ravel()])


def test_the_last_of_a_shuffle_are_held_out_and_nothing_is_lost():
    names = [f"{k:03}" for k in range(100)]
    splits = hold_out(names, 30, "x")
    assert splits["test"] == shuffle(names)[-30:]
    assert [len(splits[split]) for split in ("train", "val", "test")] == [63, 7, 30]
    assert sorted(name for split in splits.values() for name in split) == names
    assert splits["test"] != sorted(splits["test"])


def test_a_test_split_that_leaves_nothing_to_learn_from_is_refused():
    names = [f"{k}" for k in range(12)]
    assert [len(split) for split in hold_out(names, 10, "x").values()] == [1, 1, 10]
    with pytest.raises(DataError, match=r"^x: 12 images, too few to hold out test_images = 11 .*smaller test_images"):
        hold_out(names, 11, "x")
