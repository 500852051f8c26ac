"""Hashes of files: those of the content, also if name, size and date stay the same."""

import hashlib
import os

import pytest

from bench.core.errors import DataError
from bench.datasets import content
from bench.datasets.content import content_hashes


def blake(data):
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@pytest.fixture
def place(tmp_path):
    """A folder with files of different sizes, one larger than a block."""
    folder = tmp_path / "files"
    (folder / "inner").mkdir(parents=True)
    (folder / "a").write_bytes(b"first")
    (folder / "inner" / "b").write_bytes(b"")
    (folder / "c").write_bytes(bytes(range(256)) * 2048)
    return folder


NAMES = ["c", "inner/b", "a"]


@pytest.fixture
def kept(monkeypatch):
    """Hashes of new files are kept at once, also within the clock tick of the file system."""
    monkeypatch.setattr(content, "SETTLED", -3600.0)


@pytest.fixture
def read(monkeypatch):
    """Names of the files that were read, in order."""
    names, hash_file = [], content._hash

    def counted(path, name, who):
        names.append(name)
        return hash_file(path, name, who)

    monkeypatch.setattr(content, "_hash", counted)
    return names


def the_cache(data):
    [cache] = (data / "content-hashes").iterdir()
    return cache


def test_hashes_are_those_of_the_content_in_the_order_of_the_names(place):
    expected = [blake((place / name).read_bytes()) for name in NAMES]
    assert content_hashes(place, NAMES, "x") == expected
    assert content_hashes(place, [], "x") == []


def test_an_unchanged_file_is_read_once(place, kept, read):
    first = content_hashes(place, NAMES, "x")
    assert sorted(read) == sorted(NAMES)
    assert content_hashes(place, NAMES, "x") == first
    assert len(read) == 3
    (place / "d").write_bytes(b"new")
    assert content_hashes(place, ["d", "a"], "x") == [blake(b"new"), blake(b"first")]
    assert read[3:] == ["d"]
    assert content_hashes(place, NAMES, "x") == first
    assert len(read) == 4, "a list of other files of the folder made it forget these"


def test_a_file_that_just_changed_is_read_again(place, read):
    for data in (b"FIRST", b"other"):
        content_hashes(place, ["a"], "x")
        stat = (place / "a").stat()
        (place / "a").write_bytes(data)
        os.utime(place / "a", ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert content_hashes(place, ["a"], "x") == [blake(data)]


def test_another_file_of_the_same_size_and_date_is_noticed(place, kept):
    content_hashes(place, ["a"], "x")
    stat = (place / "a").stat()
    (place / "a").rename(place / "old")  # stays, so that its inode is not used again
    (place / "a").write_bytes(b"other")
    os.utime(place / "a", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert content_hashes(place, ["a"], "x") == [blake(b"other")]


def test_an_edit_in_place_with_its_date_set_back_is_noticed(place, kept):
    content_hashes(place, ["a"], "x")
    stat = now = (place / "a").stat()
    while now.st_ctime_ns == stat.st_ctime_ns:  # until the clock of the file system ticks
        (place / "a").write_bytes(b"other")
        os.utime(place / "a", ns=(stat.st_atime_ns, stat.st_mtime_ns))
        now = (place / "a").stat()
    assert (now.st_ino, now.st_size, now.st_mtime_ns) == (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    assert content_hashes(place, ["a"], "x") == [blake(b"other")]


def test_a_link_counts_with_what_it_leads_to(place, kept, tmp_path):
    for name, data in (("one", b"1"), ("two", b"2")):
        (tmp_path / name).write_bytes(data)
    for name, data in (("one", b"1"), ("two", b"2")):
        (place / "link").unlink(missing_ok=True)
        (place / "link").symlink_to(tmp_path / name)
        assert content_hashes(place, ["link"], "x") == [blake(data)]


@pytest.mark.parametrize("damage", ["gone", "cut", "flipped", "other", "text"])
def test_a_lost_or_damaged_cache_costs_time_alone(place, data, kept, damage):
    first = content_hashes(place, NAMES, "x")
    cache = the_cache(data)
    whole = cache.read_text()
    found = whole.index(first[0])
    damaged = {
        "cut": whole[:-9],
        "flipped": whole[:found] + ("0" if whole[found] != "0" else "1") + whole[found + 1 :],
        "other": "{}\n",
        "text": "\x00",
    }
    cache.unlink() if damage == "gone" else cache.write_text(damaged[damage])
    assert content_hashes(place, NAMES, "x") == first
    assert the_cache(data).read_text() == whole


def test_a_data_folder_that_cannot_be_written_costs_time_alone(place, data, kept):
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text("a file where a folder should be")
    assert content_hashes(place, ["a"], "x") == [blake(b"first")]


def test_what_cannot_be_read_is_named(place, monkeypatch):
    with pytest.raises(DataError, match=r"^x: cannot read 'inner/c': No such file"):
        content_hashes(place, ["a", "inner/c"], "x")
    with pytest.raises(DataError, match=r"^x: 'inner' is not a regular file$"):
        content_hashes(place, ["inner"], "x")
    os.mkfifo(place / "pipe")  # would wait for a writer
    with pytest.raises(DataError, match=r"^x: 'pipe' is not a regular file$"):
        content_hashes(place, ["pipe"], "x")

    def refuse(path, *args, **kwargs):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(content, "open", refuse, raising=False)
    with pytest.raises(DataError, match=r"^x: cannot read 'a': Permission denied$"):
        content_hashes(place, ["a"], "x")
