"""Small PNG files: every pixel stays, and no file grows."""

import io

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import StoreError
from bench.core.png import png_bytes, shrink_figures, smaller_png


def opened(content):
    with Image.open(io.BytesIO(content)) as picture:
        return np.array(picture.convert("RGBA"))


def rgba(pixels):
    return np.array(Image.fromarray(pixels).convert("RGBA"))


def drawing(colours):
    """Large areas of so many colours."""
    rng = np.random.default_rng(0)
    palette = rng.integers(256, size=(colours, 3), dtype=np.uint8)
    return np.repeat(np.repeat(palette[rng.integers(colours, size=(30, 40))], 4, 0), 4, 1)


def noise(*shape):
    return np.random.default_rng(0).integers(256, size=(50, 60, *shape), dtype=np.uint8)


PICTURES = {
    "grey": noise(),
    "colour": noise(3),
    "transparent": noise(4),
    "two colours": drawing(2),
    "200 colours": drawing(200),
    "1000 colours": drawing(1000),
    "opaque": np.dstack([drawing(200), np.full((120, 160), 255, np.uint8)]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pixels_stay_and_the_file_is_no_larger_than_the_usual_one(name):
    pixels = PICTURES[name]
    content = png_bytes(pixels, dpi=150)
    assert np.array_equal(opened(content), rgba(pixels))
    assert content == png_bytes(pixels, dpi=150)
    usual = io.BytesIO()
    Image.fromarray(pixels).save(usual, "png", dpi=(150, 150))
    assert len(content) <= len(usual.getvalue())
    again = smaller_png(usual.getvalue())
    assert again is None or np.array_equal(opened(again), rgba(pixels))


@pytest.mark.parametrize("name", ["two colours", "1000 colours", "colour"])
def test_the_size_on_paper_stays(name):
    with Image.open(io.BytesIO(png_bytes(PICTURES[name], dpi=150))) as picture:
        assert picture.info["dpi"] == pytest.approx((150, 150), abs=0.02)


def test_a_drawing_shrinks_and_a_second_time_it_does_not():
    plain = io.BytesIO()
    Image.fromarray(PICTURES["opaque"]).save(plain, "png")
    smaller = smaller_png(plain.getvalue())
    assert len(smaller) < 0.8 * len(plain.getvalue())
    assert smaller_png(smaller) is None


def test_a_file_that_holds_more_than_8_bit_pixels_is_left_alone():
    deep, clear = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.arange(3000, dtype=np.uint16).reshape(50, 60)).save(deep, "png")
    Image.fromarray(PICTURES["two colours"]).quantize(2).save(clear, "png", transparency=0)
    assert smaller_png(deep.getvalue()) is None
    assert smaller_png(clear.getvalue()) is None


def test_a_picture_that_is_none_is_named(tmp_path):
    (tmp_path / "x.png").write_bytes(b"junk")
    with pytest.raises(StoreError, match=r"x\.png cannot be read"):
        shrink_figures(tmp_path)


def test_figures_below_a_folder_shrink_and_keep_their_pixels(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("a/one.png", "two.png"):
        Image.fromarray(PICTURES["opaque"]).save(tmp_path / name)
    before, after = shrink_figures(tmp_path)
    assert before > after == sum(p.stat().st_size for p in tmp_path.rglob("*.png"))
    assert np.array_equal(opened((tmp_path / "a" / "one.png").read_bytes()), rgba(PICTURES["opaque"]))
    assert shrink_figures(tmp_path) == (after, after)
