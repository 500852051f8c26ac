"""Pixel metrics against scikit-image, torchmetrics, closed forms and published values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data, metrics
from torchmetrics.functional.image import peak_signal_noise_ratio

from bench.core.errors import ContractError
from bench.core.types import Images
from bench.metrics.base import check_range, to_u8
from bench.metrics.evaluation import open_metrics
from bench.metrics.pixels import mae, mse, psnr, ssim


def batch(image):
    array = image[..., None] if image.ndim == 2 else image
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))[None]


def reference_ssim(x, y):
    axis = 2 if x.ndim == 3 else None
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return metrics.structural_similarity(x, y, channel_axis=axis, **options)


@pytest.fixture(scope="module")
def camera():
    """The camera image and its noisy copy, as in scikit-image's own comparison with IPOL."""
    clean = data.camera()
    noise = np.random.RandomState(5).randn(*clean.shape)
    return clean, np.clip(clean + 20.0 * noise, 0, 255).astype(np.uint8)


def test_camera_psnr_is_the_published_value(camera):
    assert psnr(*map(batch, camera)).item() == pytest.approx(22.409353363576034, abs=1e-5)


def test_camera_ssim_is_the_published_value(camera):
    assert ssim(*map(batch, camera)).item() == pytest.approx(0.357959091663361, abs=1e-3)
    assert ssim(*map(batch, camera)).item() == pytest.approx(reference_ssim(*camera), abs=1e-5)


def test_psnr_of_opposite_images_is_zero_and_not_three_decibels_lower():
    black, white = torch.zeros(1, 1, 4, 4, dtype=torch.uint8), torch.full((1, 1, 4, 4), 255, dtype=torch.uint8)
    assert psnr(black, white).item() == 0.0


def test_psnr_equals_scikit_image_with_the_range_of_two_on_floats():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randint(256, (2, 5, 3, 9, 13), generator=generator, dtype=torch.uint8)
    floats = [images.double() / 127.5 - 1 for images in (x, y)]
    pairs = zip(*(f.numpy() for f in floats), strict=True)
    expected = [metrics.peak_signal_noise_ratio(a, b, data_range=2) for a, b in pairs]
    np.testing.assert_allclose(psnr(x, y), expected, atol=1e-9)
    theirs = peak_signal_noise_ratio(*floats, data_range=2.0, dim=(1, 2, 3), reduction="none")
    np.testing.assert_allclose(psnr(x, y), theirs, atol=1e-9)
    np.testing.assert_allclose(mse(x, y), (floats[0] - floats[1]).square().mean((1, 2, 3)), atol=1e-12)
    np.testing.assert_allclose(mae(x, y), (floats[0] - floats[1]).abs().mean((1, 2, 3)), atol=1e-12)


@pytest.mark.parametrize(
    "crop", [(slice(0, 11), slice(0, 11)), (slice(40, 69), slice(7, 84)), (slice(0, 64), slice(0, 64))]
)
def test_ssim_of_colour_crops_equals_scikit_image(crop):
    clean = data.astronaut()[crop]
    other = np.roll(data.astronaut(), 3, axis=1)[crop]
    assert ssim(batch(clean), batch(other)).item() == pytest.approx(reference_ssim(clean, other), abs=1e-5)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (255, 255), (255, 254), (0, 255), (255, None), (128, None)])
def test_ssim_of_constant_images_equals_scikit_image(first, second):
    x = np.full((28, 31), first, np.uint8)
    y = np.full_like(x, second) if second is not None else data.camera()[100:128, 200:231]
    assert ssim(batch(x), batch(y)).item() == pytest.approx(reference_ssim(x, y), abs=1e-4)


@settings(max_examples=25)
@given(
    sides=st.tuples(st.integers(11, 40), st.integers(11, 40)),
    channels=st.sampled_from([1, 3]),
    contrast=st.integers(0, 127),
    offset=st.integers(0, 127),
    seed=st.integers(0, 1000),
)
def test_ssim_equals_scikit_image_at_any_size_and_contrast(sides, channels, contrast, offset, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(offset, offset + contrast + 1, (2, *sides, channels)).astype(np.uint8)
    theirs = np.mean([reference_ssim(x[..., c], y[..., c]) for c in range(channels)])
    assert ssim(batch(x), batch(y)).item() == pytest.approx(theirs, abs=1e-4)


def test_ssim_is_one_for_equal_images_and_symmetric(camera):
    clean, noisy = map(batch, camera)
    assert ssim(clean, clean).item() == pytest.approx(1.0, abs=1e-6)
    assert ssim(clean, noisy).item() == pytest.approx(ssim(noisy, clean).item(), abs=1e-7)


def test_ssim_refuses_images_smaller_than_its_window():
    small = torch.zeros(2, 1, 5, 30, dtype=torch.uint8)
    with pytest.raises(ContractError, match=r"at least 11 pixels, got \(5, 30\)"):
        ssim(small, small)
    reason = open_metrics(["ssim"])[0].applies(Images(torch.zeros(1, 1, 5, 5, dtype=torch.uint8)))
    assert reason == "5x5 images are smaller than the 11x11 window"


@pytest.mark.parametrize("function", [mse, mae, psnr, ssim])
def test_floats_and_unequal_shapes_are_refused(function):
    pixels = torch.zeros(2, 1, 12, 12, dtype=torch.uint8)
    with pytest.raises(ContractError, match="uint8"):
        function(pixels.float() / 255, pixels)
    with pytest.raises(ContractError, match="two batches"):
        function(pixels, pixels[:1])


def test_a_perfect_recovery_has_the_psnr_of_rounding_and_is_never_punished():
    metric = open_metrics(["psnr"])[0]
    target = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(30, 1, 1, 1)
    output = target.clone()
    output[0] = 255 - output[0]  # 29 of 30 are exact
    found = psnr(target, output).numpy()
    rounding = np.random.default_rng(0).uniform(-0.5, 0.5, 10**6)  # errors of rounding, in levels
    assert found[1:] == pytest.approx(10 * np.log10(255**2 / np.square(rounding).mean()), abs=0.01)
    summary = metric.compute(found)
    assert summary == {"value": pytest.approx(found.mean()), "n": 30.0, "at_ceiling": 29.0}
    assert summary["value"] > metric.compute(psnr(target, (target + 1).clamp(max=255)).numpy())["value"]


def test_no_psnr_is_above_the_ceiling():
    target = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    output = target.clone()
    output[..., 0, 0] = 1  # 77 dB without the ceiling
    assert psnr(target, output).item() == psnr(target, target).item() == pytest.approx(58.9226, abs=1e-4)


def test_every_level_survives_the_way_to_floats_and_back():
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(to_u8(Images(levels).floats(slice(None))), levels)


def test_rounding_is_to_the_nearest_level_and_clamps():
    x = torch.tensor([-1.2, -1.0, (100.4 / 127.5) - 1, (100.6 / 127.5) - 1, 1.0, 7.0])
    assert to_u8(x).tolist() == [0, 0, 100, 101, 255, 255]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.01, -1.01])
def test_a_range_mistake_is_an_error(value):
    check_range(torch.tensor([-1.0005, 1.0005]), "images")
    with pytest.raises(ContractError, match=r"expected \[-1, 1\]"):
        check_range(torch.tensor([0.0, value]), "images")
