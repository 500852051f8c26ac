"""The idx parser gives back what was written, and refuses everything else by name."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torchvision.datasets.mnist import read_image_file

from bench.core.errors import DataError
from bench.datasets.idx import parse_idx, read_idx


def encode(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)))
def test_round_trip(array):
    assert np.array_equal(parse_idx(encode(array), array.ndim, "x"), array)


@given(st.binary(max_size=40))
def test_arbitrary_bytes_are_parsed_whole_or_refused(content):
    try:
        parsed = parse_idx(content, 1, "x")
    except DataError:
        return
    assert encode(parsed) == content


def test_agrees_with_torchvision(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5), np.uint8)
    (tmp_path / "raw").write_bytes(encode(images))
    assert np.array_equal(read_idx(tmp_path / "raw", 3), read_image_file(str(tmp_path / "raw")).numpy())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda b: b[:-1], r"header states .* = 60 bytes, the file holds 59"),
        (lambda b: b + b"x", "the file holds 61"),
        (lambda b: b[:9], "less than the header"),
        (lambda b: b"\0\0\x0d\x03" + b[4:], "starts with '00000d03'"),
        (lambda b: b"", "no idx file"),
    ],
)
def test_damage_is_named(tmp_path, spoil, reason):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(spoil(encode(np.zeros((3, 4, 5), np.uint8)))))
    with pytest.raises(DataError, match=rf"images\.gz: .*{reason}"):
        read_idx(path, 3)


@pytest.mark.parametrize("spoil", [lambda b: b[:-12], lambda b: b"no gzip" + b, lambda b: b[:10] + b"\xff" + b[11:]])
def test_a_damaged_gzip_stream_is_named(tmp_path, spoil):
    path = tmp_path / "images.gz"
    content = np.random.default_rng(0).integers(0, 256, (3, 4, 5), np.uint8)
    path.write_bytes(spoil(gzip.compress(encode(content))))
    with pytest.raises(DataError, match=r"images\.gz: cannot be read"):
        read_idx(path, 3)
