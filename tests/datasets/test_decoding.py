"""One image file to pixels: windows, resizing, and boxes that do not fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.datasets.decoding import CentreSquare, Decoder, Fixed

RNG = np.random.default_rng(0)


@pytest.fixture
def photo(tmp_path):
    """A colour PNG of 20 x 12 and its pixels."""
    pixels = RNG.integers(0, 256, (12, 20, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png", pixels


def decoded(decoder, path):
    return np.frombuffer(decoder.decode(path), np.uint8).reshape(decoder.shape)


def test_a_box_of_the_wanted_size_is_cut_out_unchanged(photo):
    path, pixels = photo
    found = decoded(Decoder(5, 7, 3, Fixed(20, 12, (3, 2, 8, 9))), path)
    assert np.array_equal(found, pixels[2:9, 3:8].transpose(2, 0, 1))


def test_the_whole_image_need_not_be_square(photo):
    path, pixels = photo
    assert np.array_equal(decoded(Decoder(20, 12, 3, Fixed(20, 12)), path), pixels.transpose(2, 0, 1))


def test_resizing_sees_no_pixel_outside_of_the_box(photo):
    path, pixels = photo
    window = Fixed(20, 12, (4, 2, 12, 10))
    first = decoded(Decoder(4, 4, 3, window), path)
    other = 255 - pixels
    other[2:10, 4:12] = pixels[2:10, 4:12]
    Image.fromarray(other).save(path)
    assert np.array_equal(decoded(Decoder(4, 4, 3, window), path), first)


def test_the_centre_square_gives_an_odd_margin_to_the_right_and_the_bottom():
    window = CentreSquare()
    assert window(Path("x"), 20, 12) == (4, 0, 16, 12)
    assert window(Path("x"), 13, 12) == (0, 0, 12, 12)
    assert window(Path("x"), 12, 15) == (0, 1, 12, 13)


def test_another_size_is_refused_with_both_sizes(photo):
    with pytest.raises(ValueError, match="20 x 12 pixels, but aligned images have 178 x 218"):
        Decoder(4, 4, 3, Fixed(178, 218, demand="aligned images have")).decode(photo[0])


@pytest.mark.parametrize("box", [(-1, 0, 4, 4), (0, 0, 21, 4), (0, 9, 4, 13), (5, 0, 5, 4), (6, 0, 5, 4)])
def test_a_box_outside_of_the_image_is_refused_not_padded(photo, box):
    with pytest.raises(ValueError, match="lies outside of the 20 x 12 pixels"):
        Decoder(4, 4, 3, Fixed(20, 12, box)).decode(photo[0])


def test_decoders_that_differ_anywhere_have_another_text():
    texts = {
        repr(Decoder(8, 8, 3, CentreSquare())),
        repr(Decoder(8, 9, 3, CentreSquare())),
        repr(Decoder(8, 8, 1, CentreSquare())),
        repr(Decoder(8, 8, 3, Fixed(9, 9))),
        repr(Decoder(8, 8, 3, Fixed(9, 9, (0, 0, 8, 8)))),
        repr(Decoder(8, 8, 3, Fixed(9, 9, (1, 0, 9, 8)))),
    }
    assert len(texts) == 6
    assert not [text for text in texts if " at 0x" in text]
