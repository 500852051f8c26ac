"""Evaluation: the same numbers for any batch size, one run of a network a batch, and mistakes that are named."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.core.errors import BenchError, ContractError, UnknownName
from bench.core.types import Embedding, Images
from bench.metrics import pixels
from bench.metrics.domain_networks import FashionMnistCnn
from bench.metrics.evaluation import batch_size, evaluate, open_metrics
from bench.metrics.frechet import frechet_distance

ALL = ["psnr", "ssim", "mse", "mae", "fid@fashion-mnist-cnn", "lpips@fashion-mnist-cnn", "label_accuracy"]
PER_IMAGE = ["psnr", "ssim", "mse", "mae", "lpips@fashion-mnist-cnn", "label_accuracy@fashion-mnist-cnn"]


def as_codes(images, noise=0.0, seed=1):
    generator = torch.Generator().manual_seed(seed)
    flat = images.floats(slice(None)).flatten(1)
    return (flat + noise * torch.randn(flat.shape, generator=generator)).clamp(-1, 1)


@pytest.fixture(scope="module")
def readable():
    """Images that the shipped classifier puts in the class that they are labelled with, all ten or so classes."""
    network = FashionMnistCnn()
    network.load("cpu")
    generator = torch.Generator().manual_seed(0)
    data = torch.randint(256, (60, 1, 7, 7), generator=generator, dtype=torch.uint8).repeat_interleave(4, 2)
    data = data.repeat_interleave(4, 3)
    return Images(data, network.embed(data).logits.argmax(1))


def test_values_are_those_of_the_functions_whatever_the_batch(pixel_gan, readable):
    codes = as_codes(readable, 0.1)
    gan = pixel_gan((1, 28, 28))
    results = [
        evaluate(gan, readable, codes, open_metrics(ALL), track="test", device="cpu", batch=size)
        for size in (None, 7, 1)
    ]
    output = pixels.torch.round((codes.view(-1, 1, 28, 28) + 1) * 127.5).to(torch.uint8)
    first = results[0]
    for name in ("psnr", "ssim", "mse", "mae"):
        expected = getattr(pixels, name)(readable.data, output).numpy()
        np.testing.assert_allclose(first.per_image[name], expected, rtol=1e-6)
        assert first.summaries[name]["value"] == pytest.approx(expected.mean())
    network = FashionMnistCnn()
    network.load("cpu")
    fid = frechet_distance(network.embed(readable.data).features, network.embed(output).features)
    assert first.summaries["fid@fashion-mnist-cnn"]["value"] == pytest.approx(fid, rel=1e-5)
    for other in results[1:]:
        for name, summary in first.summaries.items():
            assert other.summaries[name] == pytest.approx(summary, rel=1e-4)
    assert [c for c in first.per_image.columns if not c.startswith("influence/")] == ["index", *PER_IMAGE]
    assert first.per_image["index"].tolist() == list(range(60))
    assert first.skipped == {}


def test_perfect_codes_are_perfect(pixel_gan, readable):
    result = evaluate(
        pixel_gan((1, 28, 28)), readable, as_codes(readable), open_metrics(ALL), track="test", device="cpu"
    )
    values = {name: summary["value"] for name, summary in result.summaries.items()}
    assert values["psnr"] == pytest.approx(58.9226, abs=1e-4)
    assert result.summaries["psnr"]["at_ceiling"] == 60
    assert values["ssim"] == pytest.approx(1.0)
    assert values["fid@fashion-mnist-cnn"] == pytest.approx(0.0, abs=1e-6)
    assert values["lpips@fashion-mnist-cnn"] == values["mse"] == values["mae"] == 0.0
    assert result.summaries["label_accuracy@fashion-mnist-cnn"] == {"value": 1.0, "n": 60.0, "ceiling": 1.0}


def test_a_permutation_of_the_set_has_no_fid_but_an_lpips(pixel_gan, readable):
    codes = as_codes(readable).roll(1, 0)
    names = ["fid@fashion-mnist-cnn", "lpips@fashion-mnist-cnn"]
    result = evaluate(pixel_gan((1, 28, 28)), readable, codes, open_metrics(names), track="test", device="cpu")
    assert result.summaries[names[0]]["value"] == pytest.approx(0.0, abs=1e-6)
    assert result.summaries[names[1]]["value"] > 0.01
    assert result.summaries[names[0]]["n"] == 60


def test_a_network_runs_once_a_batch_and_side_for_all_metrics(pixel_gan, readable, monkeypatch):
    seen = []
    embed = FashionMnistCnn.embed

    def counted(self, images: torch.Tensor) -> Embedding:
        seen.append(len(images))
        return embed(self, images)

    monkeypatch.setattr(FashionMnistCnn, "embed", counted)
    evaluate(
        pixel_gan((1, 28, 28)), readable, as_codes(readable), open_metrics(ALL), track="test", device="cpu", batch=25
    )
    assert seen == [25, 25, 25, 25, 10, 10]


def test_points_have_reasons_in_place_of_pixel_metrics(pixel_gan):
    points = Images(torch.randn(12, 2, 1, 1, generator=torch.Generator().manual_seed(0)) * 3)
    codes = points.data.flatten(1)
    metrics = open_metrics([*ALL, "lpips", "fid", "code_mse", "recovery_error"])
    result = evaluate(pixel_gan((2, 1, 1)), points, codes, metrics, track="own", true_codes=codes + 0.5, device="cpu")
    assert result.summaries["code_mse"] == pytest.approx({"value": 0.25, "n": 12.0})
    assert result.summaries["recovery_error"] == {"value": 0.0, "n": 12.0, "recovered": 1.0}
    assert result.skipped.pop("label_accuracy@fashion-mnist-cnn") == "not on the own track"
    assert set(result.skipped.values()) == {"these are points, not pictures"}
    assert len(result.skipped) == 8
    assert result.gallery_target.shape == (0, 2, 1, 1)


def test_own_images_keep_exact_values_and_are_rounded_for_pixels(pixel_gan):
    exact = torch.rand(6, 1, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = exact.flatten(1).clone()
    found[:3] += 0.004
    found.clamp_(-1, 1)
    metrics = open_metrics(["mse", "recovery_error", "code_mse"])
    result = evaluate(
        pixel_gan((1, 12, 12)), Images(exact), found, metrics, track="own", true_codes=exact.flatten(1), device="cpu"
    )
    assert result.summaries["recovery_error"]["recovered"] == 0.5
    assert result.per_image["recovery_error"][0] == pytest.approx(0.004**2, rel=0.05)
    rounded = pixels.mse(*(torch.round((x.view(-1, 1, 12, 12) + 1) * 127.5).to(torch.uint8) for x in (exact, found)))
    np.testing.assert_allclose(result.per_image["mse"], rounded)


def test_latent_metrics_are_of_the_own_track_only(pixel_gan, make_images):
    images = make_images(3, (1, 12, 12))
    result = evaluate(
        pixel_gan((1, 12, 12)),
        images,
        as_codes(images),
        open_metrics(["code_mse", "mse"]),
        track="test",
        device="cpu",
    )
    assert result.skipped == {"code_mse": "not on the test track"}
    assert list(result.summaries) == ["mse"]


def test_sizes_that_metrics_cannot_see_are_skipped_with_reasons(pixel_gan, make_images):
    images = make_images(1, (3, 5, 5))
    metrics = open_metrics(["ssim", "fid@fashion-mnist-cnn", "lpips@fashion-mnist-cnn", "psnr"])
    result = evaluate(pixel_gan((3, 5, 5)), images, as_codes(images, 0.1), metrics, track="test", device="cpu")
    assert result.skipped == {
        "ssim": "5x5 images are smaller than the 11x11 window",
        "fid@fashion-mnist-cnn": "needs at least 2 images, got 1",
        "lpips@fashion-mnist-cnn": "fashion-mnist-cnn requires 28x28x1 images, got 5x5x3",
    }
    assert np.isfinite(result.summaries["psnr"]["value"])


def test_a_classifier_that_cannot_read_the_targets_is_no_judge(pixel_gan, readable):
    other = Images(readable.data, (readable.labels + 1) % 10)
    result = evaluate(
        pixel_gan((1, 28, 28)), other, as_codes(other), open_metrics(["label_accuracy"]), track="test", device="cpu"
    )
    assert result.skipped == {
        "label_accuracy@fashion-mnist-cnn": "fashion-mnist-cnn recognises only 0% of the true images"
    }
    assert list(result.per_image.columns) == ["index"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c * 3, r"decoded codes: pixels lie in \[-3, .*expected \[-1, 1\]"),
        (lambda c: c[:-1], r"codes are \(3, 144\), expected \[4, d\]"),
        (lambda c: torch.full_like(c, float("nan")), "4 of 4 codes hold values that are not finite"),
        (lambda c: torch.cat([c, c], 1), r"the generator returned \(8, 1, 12, 12\)"),
    ],
)
def test_mistakes_in_codes_are_named(change, message, pixel_gan, make_images):
    images = make_images(4, (1, 12, 12))
    with pytest.raises(ContractError, match=message):
        evaluate(
            pixel_gan((1, 12, 12)),
            images,
            change(as_codes(images)),
            open_metrics(["mse"]),
            track="test",
            device="cpu",
        )


def test_a_generator_that_makes_nan_is_named(pixel_gan, make_images):
    images = make_images(4, (1, 12, 12))
    gan = pixel_gan((1, 12, 12))
    gan.generator.register_forward_hook(lambda module, args, output: output / 0)
    with pytest.raises(ContractError, match=r"decoded codes: pixels lie in \[nan, nan\]"):
        evaluate(gan, images, torch.zeros(4, 144), open_metrics(["mse"]), track="test", device="cpu")


def test_targets_cast_from_zero_to_one_are_caught(pixel_gan, make_images):
    images = Images(make_images(4, (1, 12, 12)).data // 128)
    with pytest.raises(ContractError, match="levels 0 and 1 of 255"):
        evaluate(
            pixel_gan((1, 12, 12)), images, torch.zeros(4, 144), open_metrics(["mse"]), track="test", device="cpu"
        )


def test_a_generator_in_zero_to_one_is_caught(pixel_gan, make_images):
    images = make_images(6, (1, 12, 12))
    codes = (as_codes(images) + 1) / 2
    with pytest.raises(ContractError, match=r"seems to give \[0, 1\], expected \[-1, 1\]"):
        evaluate(pixel_gan((1, 12, 12)), images, codes, open_metrics(["psnr"]), track="test", device="cpu")


def test_a_generator_that_collapsed_to_grey_is_scored(pixel_gan, make_images):
    images = make_images(6, (1, 12, 12))
    codes = torch.zeros(6, 144)
    result = evaluate(pixel_gan((1, 12, 12)), images, codes, open_metrics(["psnr"]), track="test", device="cpu")
    assert 0 < result.summaries["psnr"]["value"] < 20


def test_a_metric_that_breaks_its_contract_is_named(pixel_gan, make_images, monkeypatch):
    images = make_images(4, (1, 12, 12))
    for broken, message in (
        (torch.zeros(3), r"gave \(3,\) for a batch of 4"),
        (torch.full((4,), torch.nan), "gave NaN"),
    ):
        monkeypatch.setattr(pixels.Mse, "update", lambda self, pairs, broken=broken: broken)
        with pytest.raises(ContractError, match=f"metric 'mse' {message}"):
            evaluate(
                pixel_gan((1, 12, 12)), images, as_codes(images), open_metrics(["mse"]), track="test", device="cpu"
            )


def test_nothing_outside_is_changed(pixel_gan, readable):
    gan = pixel_gan((1, 28, 28))
    codes = as_codes(readable).requires_grad_()
    recording = []
    gan.generator.register_forward_hook(lambda module, args, output: recording.append(torch.is_grad_enabled()))
    data, random, checksum = readable.data.clone(), torch.get_rng_state(), gan.checksum()
    evaluate(gan, readable, codes, open_metrics(ALL), track="test", device="cpu")
    assert torch.equal(readable.data, data)
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.is_grad_enabled()
    assert recording == [False]
    assert codes.grad is None
    assert gan.checksum() == checksum
    assert gan.calls == len(readable)


def test_the_gallery_holds_the_first_pairs_as_a_user_would_save_them(pixel_gan, make_images):
    images = make_images(9, (3, 12, 12))
    result = evaluate(
        pixel_gan((3, 12, 12)), images, as_codes(images), [], track="test", device="cpu", batch=4, gallery=6
    )
    assert result.gallery_target.dtype == np.uint8
    np.testing.assert_array_equal(result.gallery_target, images.data[:6].numpy())
    np.testing.assert_array_equal(result.gallery_output, images.data[:6].numpy())


def test_metrics_are_opened_by_their_full_names():
    names = [m.name for m in open_metrics(["psnr", "fid", "lpips@vgg", "label_accuracy"])]
    assert names == ["psnr", "fid@inception", "lpips@vgg", "label_accuracy@fashion-mnist-cnn"]
    with pytest.raises(BenchError, match="'lpips@alex' is named twice"):
        open_metrics(["lpips", "lpips@alex"])
    with pytest.raises(UnknownName, match="did you mean 'inception'"):
        open_metrics(["fid@inceptoin"])
    with pytest.raises(UnknownName, match="did you mean 'psnr'"):
        open_metrics(["pnsr"])
    with pytest.raises(BenchError, match="metric 'psnr': looks through no network, got '@alex'"):
        open_metrics(["psnr@alex"])


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 128, 128), (3, 1024, 1024), (2, 1, 1)])
def test_batches_are_bounded(shape):
    assert 1 <= batch_size(shape) <= 250
    assert batch_size(shape) == 1 or batch_size(shape) * np.prod(shape) <= 2**21


def test_images_of_one_pixel_have_values_or_reasons(pixel_gan):
    images = Images(torch.tensor([10, 200, 90], dtype=torch.uint8).view(3, 1, 1, 1))
    names = ["psnr", "mse", "mae", "ssim", "ms_ssim", "ms_ssim:2", "fid@fashion-mnist-cnn", "lpips@fashion-mnist-cnn"]
    codes = as_codes(images) * 0.9
    result = evaluate(pixel_gan((1, 1, 1)), images, codes, open_metrics(names), track="test", device="cpu")
    assert np.isfinite([result.summaries[name]["value"] for name in ("psnr", "mse", "mae")]).all()
    assert result.skipped == {
        "ssim": "1x1 images are smaller than the 11x11 window",
        "ms_ssim": "5 scales need sides of 161 pixels, these have 1",
        "ms_ssim:2": "2 scales need sides of 21 pixels, these have 1",
        "fid@fashion-mnist-cnn": "fashion-mnist-cnn requires 28x28x1 images, got 1x1x1",
        "lpips@fashion-mnist-cnn": "fashion-mnist-cnn requires 28x28x1 images, got 1x1x1",
    }
