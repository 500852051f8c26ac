"""Files are whole or absent."""

import hashlib
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.errors import StoreError
from bench.core.files import digest, file_stamp, sha256, write_json, write_text, writing


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ValueError, match="boom"), writing(path) as temporary:
        temporary.write_text("half")
        raise ValueError("boom")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_in_place_of_a_folder_is_one_clear_error(tmp_path):
    blocker = tmp_path / "folder"
    blocker.write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot write .*folder/a.txt"):
        write_text(blocker / "a.txt", "x")


def test_full_disk_is_an_error_and_leaves_nothing(tmp_path):
    full = "/dev/full"
    with pytest.raises(StoreError, match="No space left"), writing(tmp_path / "a") as temporary:
        temporary.symlink_to(full)
        with temporary.open("wb", buffering=0) as handle:
            handle.write(b"x")
    assert not (tmp_path / "a").exists()


def test_sha256_agrees_with_hashlib(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), json_values))
def test_digest_ignores_order_and_survives_json(content):
    backwards = dict(reversed(content.items()))
    assert digest(content) == digest(backwards) == digest(json.loads(json.dumps(content)))


def test_digest_tells_contents_apart():
    assert digest({"a": 1}) != digest({"a": 2})
    assert digest(["ab", "c"]) != digest(["a", "bc"])


def test_write_json_is_equal_for_equal_content(tmp_path):
    write_json(tmp_path / "a", {"x": 1, "y": 2})
    write_json(tmp_path / "b", {"y": 2, "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_stamp_tells_a_file_from_one_of_the_same_size_and_date(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode())
        os.utime(tmp_path / name, (1e9, 1e9))
    one, two = ((tmp_path / name).stat() for name in ("one", "two"))
    assert (one.st_size, one.st_mtime_ns) == (two.st_size, two.st_mtime_ns)
    assert file_stamp(one) != file_stamp(two)
    assert file_stamp(one) == file_stamp((tmp_path / "one").stat())
