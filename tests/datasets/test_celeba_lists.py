"""CelebA's two lists: what is read, and every way in which they may be malformed."""

import numpy as np
import pytest

from bench.core.errors import DataError
from bench.datasets.celeba_lists import read_attributes, read_partition

NAMES = [f"Trait_{k}" for k in range(40)]
ROW = ["-1"] * 40


def write(tmp_path, *lines):
    path = tmp_path / "list.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def attributes(tmp_path, *rows, count=None, names=NAMES):
    lines = (f"{name}  {' '.join(marks)}" for name, marks in rows)
    return write(tmp_path, str(len(rows) if count is None else count), " ".join(names), *lines)


def test_attributes_are_read_by_name_and_column(tmp_path):
    marks = np.random.default_rng(0).integers(0, 2, (3, 40)).astype(bool)
    rows = [(f"00000{k}.jpg", ["1" if mark else "-1" for mark in row]) for k, row in enumerate(marks)]
    found = read_attributes(attributes(tmp_path, *rows))
    assert found.rows == {"000000.jpg": 0, "000001.jpg": 1, "000002.jpg": 2}
    assert found.values.dtype == bool
    assert np.array_equal(found.values, marks)
    assert found.names == tuple(NAMES)
    assert np.array_equal(found.columns(("Trait_7", "Trait_2")), marks[:, [7, 2]])
    with pytest.raises(DataError, match="no attribute 'Bald'"):
        found.columns(("Trait_1", "Bald"))


def test_line_ends_of_other_systems_and_empty_lines_do_not_matter(tmp_path):
    path = attributes(tmp_path, ("1.jpg", ["1", *ROW[1:]]))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert read_attributes(path).values[0].tolist() == [True] + [False] * 39


@pytest.mark.parametrize(
    ("rows", "count", "names", "match"),
    [
        ([("1.jpg", ROW)], "many", NAMES, "line 1: expected the number of images, got 'many'"),
        ([("1.jpg", ROW)], 1, NAMES[:-1], "line 2: expected 40 attribute names, got 39"),
        ([("1.jpg", ROW), ("2.jpg", ROW[:-1])], 2, NAMES, "line 4: '2.jpg' has 39 values where 40 attributes"),
        ([("1.jpg", [*ROW[1:], "0"])], 1, NAMES, "line 3: value '0' of '1.jpg' should be 1 or -1"),
        ([("1.jpg", ROW), ("1.jpg", ROW)], 2, NAMES, "line 4: '1.jpg' is listed twice"),
        ([("1.jpg", ROW)], 3, NAMES, "line 1 announces 3 images, 1 follow"),
    ],
)
def test_a_malformed_attribute_list_is_refused_with_its_line(tmp_path, rows, count, names, match):
    with pytest.raises(DataError, match=match) as info:
        read_attributes(attributes(tmp_path, *rows, count=count, names=names))
    assert str(tmp_path / "list.txt") in str(info.value)
    assert "\n" not in str(info.value)


def test_an_empty_list_and_one_that_is_no_text_are_refused(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"")
    with pytest.raises(DataError, match="line 1: expected the number of images, got ''"):
        read_attributes(tmp_path / "list.txt")
    (tmp_path / "list.txt").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DataError, match="cannot be read as text"):
        read_partition(tmp_path / "list.txt")


def test_the_partition_names_splits(tmp_path):
    found = read_partition(write(tmp_path, "1.jpg 0", "2.jpg 2", "3.jpg 1"))
    assert found == {"1.jpg": "train", "2.jpg": "test", "3.jpg": "val"}


@pytest.mark.parametrize("line", ["2.jpg 3", "2.jpg", "2.jpg 0 1", "2.jpg train"])
def test_a_malformed_partition_is_refused_with_its_line(tmp_path, line):
    with pytest.raises(DataError, match=rf"list\.txt, line 2: expected a file name and 0 .*got '{line}'"):
        read_partition(write(tmp_path, "1.jpg 0", line))


def test_an_image_in_two_splits_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"line 2: '1\.jpg' is listed twice"):
        read_partition(write(tmp_path, "1.jpg 0", "1.jpg 2"))
