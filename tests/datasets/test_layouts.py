"""Listing files and dividing them."""

import os

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


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_links_to_folders_and_files_are_followed(tmp_path):
    root = tmp_path / "root"
    touch(tmp_path / "far" / "deep" / "1.png")
    touch(root / "cats" / "2.png")
    (root / "dogs").symlink_to(tmp_path / "far")
    (root / "cats" / "3.png").symlink_to(tmp_path / "far" / "deep" / "1.png")
    (root / "again").symlink_to(root / "cats")
    listed = ["again/2.png", "again/3.png", "cats/2.png", "cats/3.png", "dogs/deep/1.png"]
    assert list_files(root, "x") == listed
    (tmp_path / "link").symlink_to(root)
    assert list_files(tmp_path / "link", "x") == listed


def test_links_in_a_circle_are_refused(tmp_path):
    touch(tmp_path / "a" / "b" / "1.png")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    with pytest.raises(DataError, match=r"^x: '.*/a/b/up' links to a folder that contains it; remove this link$"):
        list_files(tmp_path, "x")
    (tmp_path / "a" / "b" / "up").unlink()
    touch(tmp_path / "c" / "2.png")
    (tmp_path / "a" / "other").symlink_to(tmp_path / "c")
    (tmp_path / "c" / "other").symlink_to(tmp_path / "a")
    with pytest.raises(DataError, match="links to a folder that contains it"):
        list_files(tmp_path, "x")
    (tmp_path / "c" / "other").unlink()
    (tmp_path / "self").symlink_to(tmp_path / "self")
    with pytest.raises(DataError, match=r"^x: cannot read '.*/self': Too many levels of symbolic links$"):
        list_files(tmp_path, "x")


@pytest.mark.parametrize("name", ["cats", "1.png", "cats.old"])
def test_a_link_to_nothing_is_named(tmp_path, name):
    touch(tmp_path / "dogs" / "1.png")
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match=rf"^x: cannot read '{tmp_path}/{name}': No such file or directory$"):
        list_files(tmp_path, "x")


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    for name in ("cats/1.png", "dogs/2.png"):
        touch(tmp_path / name)
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("dogs"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=rf"^x: cannot read folder '{tmp_path}/dogs': Permission denied$"):
        list_files(tmp_path, "x")


def test_an_image_that_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "1.png")
    with pytest.raises(DataError, match=rf"^x: '{tmp_path}/1.png' is not a regular file$"):
        list_files(tmp_path, "x")
