"""Images of the user's folders: the pixels of these very files."""

import os

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import DataError
from bench.overfit.inputs import from_folders


def fill(folder, first, count=6):
    """Images of one grey value each, all of the same sizes and dates."""
    folder.mkdir()
    for k in range(count):
        path = folder / f"{k}.bmp"
        Image.fromarray(np.full((4, 4), first + k, np.uint8)).save(path)
        os.utime(path, (1e9, 1e9))
    return folder


def greys(images):
    return sorted(images.data[:, 0, 0, 0].tolist())


def test_folders_of_the_same_names_sizes_and_dates_keep_their_own_pixels(tmp_path):
    train, test = fill(tmp_path / "train", 10), fill(tmp_path / "test", 100)
    real = from_folders(train, test, (1, 4, 4), seed=0)
    assert greys(real.train) == list(range(10, 16))
    assert greys(real.test) == list(range(100, 106))
    train.rename(tmp_path / "old")
    fill(train, 200)
    assert greys(from_folders(train, test, (1, 4, 4), seed=0).train) == list(range(200, 206))


def test_a_class_that_is_a_link_is_read_and_a_dead_link_is_named(tmp_path):
    train, test = fill(tmp_path / "train", 10), fill(tmp_path / "test", 100)
    (train / "more").symlink_to(fill(tmp_path / "far", 50, count=2))
    assert greys(from_folders(train, test, (1, 4, 4), seed=0).train) == [*range(10, 16), 50, 51]
    (train / "gone").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match=rf"^--train {train}: cannot read '{train}/gone': No such file or directory$"):
        from_folders(train, test, (1, 4, 4), seed=0)
