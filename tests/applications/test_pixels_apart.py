"""Applications on a generator whose codes are pixels: every number is known beforehand."""

import dataclasses

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from skimage.util import view_as_blocks

from bench.applications.deblur import Deblur, blur, soften
from bench.applications.frames import Frames, gaussian_weights, linear_weights, move
from bench.applications.interpolate import Interpolate
from bench.applications.measures import mean_psnr, steps_across
from bench.applications.merge import Merge, put_together
from bench.applications.tile import Tile
from bench.core.errors import DataError
from bench.core.options import create
from bench.core.types import Inverter

EXACT = pytest.approx(58.9226, abs=1e-4)  # identical images: the error of rounding to 256 levels


def table(result):
    (rows,) = result.tables.values()
    return rows.set_index(rows.columns[0])


def test_psnr_is_that_of_scikit_image(pictures):
    x, y = pictures(3), pictures(3, seed=5)
    eight = [((t + 1) * 127.5).round().byte().numpy() for t in (x, y)]
    expected = np.mean([peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(*eight, strict=True)])
    assert mean_psnr(x, y) == pytest.approx(expected, rel=1e-9)
    assert mean_psnr(x, x) == EXACT


def test_steps_are_counted_at_their_places():
    x = torch.zeros(1, 1, 4, 6)
    x[..., 3:] = 0.5
    assert steps_across(x, [3], 3) == 0.5
    assert steps_across(x, [1, 3], 3) == 0.25
    assert steps_across(x, [1, 2, 3], 2) == 0.0
    assert np.isnan(steps_across(x, [], 2))


def test_a_walk_in_pixels_is_straight(subject, pictures):
    x = pictures(4)
    rows = table(Interpolate(alphas=(0.0, 0.5, 1.0)).run(subject(x)))
    expected = (x[0::2] - x[1::2]).square().flatten(1).mean(1).sqrt().mean()
    assert rows.loc["codes", "path"] == pytest.approx(float(expected), rel=1e-5)
    assert rows.loc["codes", "detour"] == pytest.approx(1.0, rel=1e-5)
    assert rows.loc["codes", "largest step"] == pytest.approx(0.5, rel=1e-5)
    assert "LPIPS path" not in rows


def test_the_picture_of_a_walk_holds_its_midpoints(subject, pictures):
    x = pictures(2)
    (walk, blend) = Interpolate(alphas=(0.0, 0.5, 1.0)).run(subject(x)).strips
    middle = ((x.mean(0) + 1) * 127.5).round().byte().numpy()
    assert np.array_equal(walk.images[2], middle)
    assert np.array_equal(walk.images, blend.images)


@pytest.mark.parametrize("seam", ["vertical", "horizontal"])
def test_merging_takes_its_share_of_each(subject, pictures, seam):
    x = pictures(3)
    result = Merge(seam=seam, share=0.25).run(subject(x))
    together = torch.from_numpy(result.strips[2].images)
    parts = [torch.from_numpy(strip.images) for strip in result.strips[:2]]
    axis = 3 if seam == "vertical" else 2
    assert torch.equal(together.narrow(axis, 0, 3), parts[0].narrow(axis, 0, 3))
    assert torch.equal(together.narrow(axis, 3, 9), parts[1].narrow(axis, 3, 9))
    rows = table(result)
    assert rows.loc["merged", "psnr"] == EXACT
    assert rows.loc["together", "step at seam"] == pytest.approx(rows.loc["merged", "step at seam"])
    expected = (x.narrow(axis, 2, 1) - x.roll(-1, 0).narrow(axis, 3, 1)).abs().mean()
    assert rows.loc["together", "step at seam"] == pytest.approx(float(expected), rel=1e-5)
    assert rows.loc["images", "step at seam"] < rows.loc["together", "step at seam"]


def test_putting_an_image_together_with_itself_changes_nothing(pictures):
    x = pictures(2)
    assert torch.equal(put_together(x, x, 5, 2), x)


def test_extrapolated_codes_are_unsharp_masking_here(subject, pictures):
    rows = table(Deblur(strengths=(0.25, 1.0)).run(subject(pictures(3) * 0.5)))
    for strength in ("0.25", "1"):
        assert rows.loc[f"codes, s = {strength}", "psnr"] == rows.loc[f"pixels, s = {strength}", "psnr"]
    assert rows.loc["inverted", "psnr"] == rows.loc["low", "psnr"]
    assert rows.loc["original inverted", "psnr"] == EXACT
    assert rows.loc["blurred", "psnr"] < rows.loc["low", "psnr"]
    assert rows.loc["low", "ssim"] < 1


def test_blur_is_scipys(pictures):
    from scipy.ndimage import gaussian_filter

    x = pictures(1, side=24)
    expected = gaussian_filter(x[0, 0].numpy(), 1.0, mode="mirror", truncate=3.0)
    assert np.allclose(blur(x, 1.0)[0, 0].numpy(), expected, atol=1e-5)


def test_low_resolution_keeps_flat_images_and_needs_a_divisor(pictures):
    flat = torch.full((1, 1, 12, 12), 0.3)
    assert torch.allclose(soften(flat, 3), flat, atol=1e-6)
    with pytest.raises(DataError, match="--factor 5"):
        soften(flat, 5)
    with pytest.raises(DataError, match="--sigma 4"):
        blur(flat, 4.0)


def test_tiles_of_a_large_image_come_back_whole(subject, pictures):
    large = pictures(2, side=36)
    result = Tile().run(subject(large))
    assert result.strips[2].name == "difference"
    assert not result.strips[2].images.any(), "no difference is black"
    rows = table(result)
    assert rows.loc["tiled", "psnr"] == EXACT
    assert rows.loc["tiled", "numbers"] == 36 * 36
    assert rows.loc["shrunk", "numbers"] == 12 * 12
    assert rows.loc["shrunk", "psnr"] < 60
    assert rows.loc["tiled", "step at borders"] == pytest.approx(rows.loc["image", "step at borders"])


def test_random_numbers_begin_anew_with_every_inversion(subject):
    @dataclasses.dataclass
    class Drawn(Inverter):
        def invert(self, x):
            return torch.randn(len(x), self.gan.code_dim, generator=self.run.rng)

    made = subject(method=Drawn())
    assert torch.equal(made.invert(made.x), made.invert(made.x))


def test_small_images_are_laid_side_by_side(subject, pictures):
    x = pictures(5)
    result = Tile(mosaic=2).run(subject(x))
    (whole,) = result.strips[0].images
    blocks = view_as_blocks(whole[0], (12, 12)).reshape(4, 12, 12)
    assert np.array_equal(blocks, ((x[:4, 0] + 1) * 127.5).round().byte().numpy())
    with pytest.raises(DataError, match="needs 9 images, found 5"):
        Tile(mosaic=3).run(subject(x))


def test_gaussian_weights_are_the_density_scaled():
    from scipy.stats import norm

    times, kept = np.array([1, 3]), np.array([0, 2, 4])
    expected = norm.pdf(times[:, None] - kept[None], scale=0.7)
    expected /= expected.sum(1, keepdims=True)
    assert np.allclose(gaussian_weights(times, kept, 0.7), expected)
    assert np.isfinite(gaussian_weights(times, kept, 1e-3)).all()


def test_linear_weights_are_numpys():
    times, kept = np.array([1, 2, 4, 5]), np.array([0, 3, 6])
    values = np.array([2.0, -1.0, 5.0])
    assert np.allclose(linear_weights(times, kept) @ values, np.interp(times, kept, values))


def test_clips_that_memory_cannot_hold_are_refused():
    with pytest.raises(ValueError, match="length = 1000000000: expected at most 1,000"):
        Frames(length=1_000_000_000)


def test_frames_of_a_steady_change_are_found_exactly(subject, pictures):
    start, end = pictures(2) * 0.5
    clip = torch.stack([start + (end - start) * t / 4 for t in range(6)])
    result = Frames(motion="frames").run(subject(clip))
    rows = table(result)
    assert result.protocol["frames"] == 5
    frames, codes, _ = (strip.images for strip in result.strips)
    assert (codes[::2] == frames[::2]).all(), "frames that are kept are drawn from their own codes"
    assert (codes[1::2] != frames[1::2]).any()
    assert rows.loc["codes, linear", "psnr"] > 55
    assert rows.loc["codes, linear", "psnr"] == rows.loc["pixels, linear", "psnr"]
    assert rows.loc["frame itself inverted", "psnr"] == EXACT
    assert rows.loc["codes, Gaussian", "psnr"] < rows.loc["codes, linear", "psnr"]
    with pytest.raises(DataError, match="at least 3 frames"):
        Frames(motion="frames").run(subject(clip[:2]))


def test_a_clip_moves_to_the_right_or_turns(pictures):
    x = pictures(1)
    shifted = move(x, "shift", 3, 0.5)[0]
    assert torch.allclose(shifted[1], x[0], atol=1e-5)
    assert torch.allclose(shifted[2][..., 3:], x[0][..., :-3], atol=1e-5)
    quarter = move(x, "turn", 3, 1.0)[0]
    both = torch.rot90(quarter[0], 1, (1, 2)), torch.rot90(quarter[0], -1, (1, 2))
    inner = slice(3, 9)  # a turn by 45 degrees and one by -45 are a right angle apart
    assert min(float((side - quarter[2])[:, inner, inner].abs().max()) for side in both) < 1e-4


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("interpolate", {"alphas": [0.5, 0.1]}, "rising"),
        ("merge", {"share": 1.0}, "share = 1.0"),
        ("merge", {"seam": "diagonal"}, "one of 'vertical', 'horizontal'"),
        ("deblur", {"strengths": []}, "above 0"),
        ("deblur", {"strengths": [1.0, np.nan]}, "strengths = .1.0, nan. should be"),
        ("deblur", {"sigma": np.inf}, "sigma = inf should be"),
        ("tile", {"mosaic": 1}, "at least 2"),
        ("frames", {"every": 9}, "longer"),
        ("inpaint", {"sqare": 4}, "did you mean 'square'"),
        ("inpaint", {"square": 4, "mask": "m.png"}, "one of them"),
        ("arithmetic", {}, "attributes is missing"),
        ("arithmetic", {"attributes": ["Male"], "strata": "Male"}, "each once"),
    ],
)
def test_options_out_of_range_are_one_line(name, options, says):
    from bench.core.errors import BenchError

    with pytest.raises(BenchError, match=says):
        create("application", name, options)


def test_too_few_images_are_refused_before_anything_is_fitted():
    with pytest.raises(DataError, match="at least 2 images, found 1"):
        Merge().check(1, 1)
    assert dataclasses.is_dataclass(Merge)
