"""Distortions against slow loops written from the formulas."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.studies.transforms import cut, draw_shifts, fish_eye, reflect, shifts_of


def pictures(count, channels, height, width, seed=0):
    rng = np.random.RandomState(seed)
    return torch.from_numpy(rng.randint(1, 256, (count, channels, height, width)).astype(np.uint8))


def slow_fish_eye(image, c):
    """One channel, pixel by pixel, in exact fractions; x = (2j - W) / W, y = (2i - H) / H."""
    height, width = image.shape
    result = np.zeros_like(image)
    for i in range(height):
        for j in range(width):
            x, y = Fraction(2 * j - width, width), Fraction(2 * i - height, height)
            scale = 1 - c * (x * x + y * y)
            if scale <= 0:
                continue
            column, row = floor((x / scale + 1) * width / 2), floor((y / scale + 1) * height / 2)
            if 0 <= column < width and 0 <= row < height:
                result[i, j] = image[row, column]
    return result


@settings(max_examples=25)
@given(st.integers(4, 18), st.integers(4, 18), st.sampled_from(["0.1", "0.2", "0.3", "0.4", "0.5", "0.75", "1"]))
def test_fish_eye_equals_a_loop_over_pixels_in_exact_fractions(height, width, c):
    image = pictures(1, 1, height, width)
    expected = slow_fish_eye(image[0, 0].numpy(), Fraction(c))
    assert np.array_equal(fish_eye(image, float(c))[0, 0].numpy(), expected)


@pytest.mark.parametrize("side", [28, 64, 127, 128])
def test_fish_eye_of_0_is_the_identity(side):
    images = pictures(3, 3, side, side)
    assert torch.equal(fish_eye(images, 0.0), images)


def test_fish_eye_keeps_the_centre_and_blackens_the_corners():
    images = torch.full((2, 3, 64, 64), 200, dtype=torch.uint8)
    bent = fish_eye(images, 0.5)
    assert bent.dtype == torch.uint8
    assert (bent[:, :, 28:36, 28:36] == 200).all()
    assert (bent[:, :, 0, 0] == 0).all()
    black = [float((fish_eye(images, c) == 0).double().mean()) for c in (0.1, 0.3, 0.5)]
    assert black == sorted(black)


def test_fish_eye_treats_images_and_channels_alike():
    images = pictures(4, 3, 20, 20)
    bent = fish_eye(images, 0.3)
    assert torch.equal(bent[2:3, 1:2], fish_eye(images[2:3, 1:2], 0.3))


@settings(max_examples=25)
@given(st.integers(-4, 4), st.integers(-4, 4), st.integers(0, 5))
def test_a_raw_shift_is_a_window_elsewhere_in_the_canvas(down, right, seed):
    canvas = pictures(2, 3, 20, 22, seed)
    moved = cut(canvas, 4, 5, (12, 12), torch.tensor([[down, right], [0, 0]]))
    assert torch.equal(moved[0], canvas[0, :, 4 - down : 16 - down, 5 - right : 17 - right])
    assert torch.equal(moved[1], canvas[1, :, 4:16, 5:17])


@settings(max_examples=25)
@given(st.integers(-7, 7), st.integers(-7, 7), st.integers(0, 5))
def test_a_reflected_shift_equals_numpys_reflect_padding(down, right, seed):
    window = pictures(1, 2, 9, 8, seed)
    padded = np.pad(window[0].numpy(), ((0, 0), (7, 7), (7, 7)), mode="reflect")
    moved = reflect(window, torch.tensor([[down, right]]))
    assert np.array_equal(moved[0].numpy(), padded[:, 7 - down : 16 - down, 7 - right : 15 - right])


def test_raw_and_reflected_shifts_agree_away_from_the_edge():
    canvas = pictures(5, 1, 30, 30)
    shifts = shifts_of(draw_shifts(5, 1), 3)
    raw, mirrored = cut(canvas, 5, 5, (20, 20), shifts), reflect(cut(canvas, 5, 5, (20, 20)), shifts)
    assert torch.equal(raw[:, :, 3:17, 3:17], mirrored[:, :, 3:17, 3:17])
    assert not torch.equal(raw, mirrored)


def test_shifts_that_leave_the_canvas_are_refused():
    canvas = pictures(1, 1, 10, 10)
    with pytest.raises(ValueError, match=r"rows -1 to 6 of 10"):
        cut(canvas, 1, 1, (8, 8), torch.tensor([[2, 0]]))
    with pytest.raises(ValueError, match="needs sides longer than 10x10"):
        reflect(canvas, torch.tensor([[0, 10]]))


def test_shifts_are_uniform_whole_numbers_and_the_same_for_the_same_seed():
    uniform = draw_shifts(21_000, 3)
    shifts = shifts_of(uniform, 10)
    values, counts = shifts[:, 0].unique(return_counts=True)
    assert values.tolist() == list(range(-10, 11))
    assert counts.min() > 850
    assert counts.max() < 1150
    assert torch.equal(shifts, shifts_of(draw_shifts(21_000, 3), 10))
    assert not torch.equal(shifts, shifts_of(draw_shifts(21_000, 4), 10))
    assert shifts_of(uniform, 0).abs().max() == 0


def test_a_larger_range_moves_each_image_further():
    uniform = draw_shifts(500, 0)
    sizes = [shifts_of(uniform, most).double().abs().mean() for most in range(6)]
    assert sizes == sorted(sizes)
