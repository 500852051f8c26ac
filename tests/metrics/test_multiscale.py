"""Multi-scale SSIM against pytorch-msssim, single-scale SSIM, and its size limit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_msssim import ms_ssim as reference
from skimage import data

from bench.core.errors import BenchError, ContractError
from bench.metrics.evaluation import evaluate, open_metrics
from bench.metrics.multiscale import WEIGHTS, ms_ssim, smallest_side, weights_of
from bench.metrics.pixels import ssim


def pair(side, channels=1, noise=30.0, seed=0):
    """A crop of the astronaut and a noisy copy, uint8 ``[1, C, side, side]``."""
    clean = torch.from_numpy(data.astronaut()[40 : 40 + side, 150 : 150 + side, :channels].copy())
    clean = clean.permute(2, 0, 1)[None].float()
    noisy = clean + noise * torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    return clean.to(torch.uint8), noisy.round().clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("side", "scales"), [(176, 5), (352, 5), (128, 4), (64, 3), (28, 2), (30, 1)])
def test_equals_pytorch_msssim(side, scales, channels):
    x, y = pair(side, channels)
    expected = by_hand(x.float(), y.float(), scales)
    if scales == 5:  # the package itself refuses sides under 161, whatever the scales
        torch.testing.assert_close(reference(x.float(), y.float(), size_average=False), expected)
    assert ms_ssim(x, y, scales).item() == pytest.approx(expected.item(), abs=2e-5)


def by_hand(x, y, scales):
    """The published product, from the same package's single-scale parts."""
    from pytorch_msssim.ssim import _fspecial_gauss_1d, _ssim

    window = _fspecial_gauss_1d(11, 1.5).repeat([x.shape[1], 1, 1, 1])
    product = torch.ones(1, x.shape[1])
    for scale, weight in enumerate(weights_of(scales), 1):
        whole, structure = _ssim(x, y, data_range=255, win=window)
        product *= (whole if scale == scales else structure).clamp(min=0) ** weight
        x, y = halved(x), halved(y)
    return product.mean(1)


def halved(images):
    """Means of 2 x 2 pixels, by numpy."""
    edges = [(0, 0), (0, 0), *((0, side % 2) for side in images.shape[2:])]
    padded = np.pad(images.numpy(), edges, mode="edge")
    batch, channels, height, width = padded.shape
    return torch.from_numpy(padded.reshape(batch, channels, height // 2, 2, width // 2, 2).mean((3, 5)))


def test_one_scale_is_ssim():
    x, y = pair(40)
    assert ms_ssim(x, y, 1).item() == pytest.approx(ssim(x, y).item(), abs=1e-6)


@pytest.mark.parametrize(("height", "width", "scales"), [(21, 21, 2), (43, 30, 2), (30, 43, 2), (45, 47, 3)])
def test_odd_sides_are_lengthened_by_their_last_row_and_column(height, width, scales):
    x, y = (image[:, :, :height, :width] for image in pair(50, noise=60.0))
    assert ms_ssim(x, y, scales).item() == pytest.approx(by_hand(x.float(), y.float(), scales).item(), abs=2e-5)


def test_equal_images_are_one_and_batches_do_not_matter():
    x, y = (torch.cat(parts) for parts in zip(*[pair(50, 3, noise) for noise in (5.0, 60.0)], strict=True))
    assert ms_ssim(x, x, 3).tolist() == pytest.approx([1, 1])
    assert ms_ssim(x, y, 3).tolist() == pytest.approx([ms_ssim(x[i : i + 1], y[i : i + 1], 3).item() for i in (0, 1)])
    assert ms_ssim(x, y, 3)[0] > ms_ssim(x, y, 3)[1]


def test_opposite_structure_counts_as_nothing():
    x, _ = pair(48)
    assert ms_ssim(x, 255 - x, 3).item() == 0.0


def test_exponents_are_the_published_ones_and_sum_to_one_below_five():
    assert weights_of(5) == WEIGHTS
    assert sum(weights_of(3)) == pytest.approx(1)
    assert [smallest_side(scales) for scales in (1, 2, 3, 4, 5)] == [11, 21, 41, 81, 161]


@pytest.mark.parametrize(
    ("side", "scales", "message"),
    [(160, 5, "5 scales needs sides of at least 161 pixels"), (40, 6, "1 to 5 scales"), (40, 0, "1 to 5 scales")],
)
def test_mistakes_are_named(side, scales, message):
    with pytest.raises(ContractError, match=message):
        ms_ssim(*pair(side), scales)


def test_the_metric_names_its_scales_and_its_limit(pixel_gan, make_images):
    images = make_images(5, (1, 28, 28))
    codes = images.floats(slice(None)).flatten(1)
    metrics = open_metrics(["ms_ssim", "ms_ssim:2", "rand_ms_ssim:2"])
    assert [m.name for m in metrics] == ["ms_ssim", "ms_ssim:2", "rand_ms_ssim:2"]
    result = evaluate(pixel_gan((1, 28, 28)), images, codes, metrics, track="test", device="cpu")
    assert result.skipped == {
        "ms_ssim": "5 scales need sides of 161 pixels, these have 28; ms_ssim:2 fits",
        "rand_ms_ssim:2": "not on the test track",
    }
    assert result.summaries["ms_ssim:2"]["value"] == pytest.approx(1)
    with pytest.raises(BenchError, match="scales = 6: expected 1 to 5"):
        open_metrics(["ms_ssim:6"])


@pytest.mark.parametrize("batch", [7, 3, 1])
def test_sameness_of_samples_pairs_each_with_the_next_across_batches(pixel_gan, make_images, batch):
    images = make_images(7, (1, 22, 22))
    codes = images.floats(slice(None)).flatten(1)
    result = evaluate(
        pixel_gan((1, 22, 22)),
        images,
        codes,
        open_metrics(["rand_ms_ssim:2"]),
        track="own",
        true_codes=codes,
        device="cpu",
        batch=batch,
    )
    expected = ms_ssim(images.data[:-1], images.data[1:], 2)
    assert result.summaries["rand_ms_ssim:2"] == pytest.approx({"value": expected.mean().item(), "n": 6})
