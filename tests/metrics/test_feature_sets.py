"""Sets of features: shared, streamed, spilt to disk; and invgan's distances to the training images."""

from __future__ import annotations

import pytest
import torch

from bench.core.errors import BenchError, ContractError
from bench.core.types import Embedding
from bench.metrics import against_train, feature_sets
from bench.metrics.evaluation import evaluate, open_metrics
from bench.metrics.feature_sets import FeatureBuffer, FeatureSets
from bench.metrics.frechet import frechet_distance

SHAPE = (1, 4, 4)


class Reference:
    """60 training images and as many samples as one wants, seen as given numbers."""

    def __init__(self, train, samples):
        self.sets = {"train": train, "sample": samples}
        self.asked = []

    def count(self, side):
        return len(self.sets[side])

    def embed(self, network, side, count):
        self.asked.append((side, count))
        return Embedding(self.sets[side][:count], (), self.sets[side][:count, :10])


@pytest.fixture
def reference():
    train, samples = torch.randn(2, 60, 16, generator=torch.Generator().manual_seed(5)) * 40
    return Reference(train, samples[:50])


def measured(pixel_gan, images, names, reference, track="test", batch=None):
    codes = images.floats(slice(None)).flatten(1)
    truth = codes if track == "own" else None
    return evaluate(
        pixel_gan(SHAPE),
        images,
        codes,
        open_metrics(names),
        track=track,
        true_codes=truth,
        reference=reference,
        device="cpu",
        batch=batch,
    )


def seen(images):
    """What the network "plain" sees of 8-bit images."""
    return images.flatten(1).float() - 127.5


@pytest.mark.parametrize("limit", [feature_sets.IN_MEMORY, 0])
def test_rows_come_back_in_order_from_memory_and_from_disk(monkeypatch, limit):
    monkeypatch.setattr(feature_sets, "IN_MEMORY", limit)
    given = torch.arange(21.0).view(7, 3)
    rows = FeatureBuffer(7)
    for part in given.split(3):
        rows.add(part)
    assert torch.equal(rows.rows, given)
    assert torch.equal(rows.rows[2:4].double(), given[2:4].double())


def test_rows_of_another_width_are_refused():
    rows = FeatureBuffer(4)
    rows.add(torch.zeros(2, 3))
    with pytest.raises(ContractError, match=r"features \(2, 5\) after \(4, 3\)"):
        rows.add(torch.zeros(2, 5))


def test_what_is_made_once_is_shared():
    shared = FeatureSets(network=None)
    calls = []
    assert [shared.once("a", lambda: calls.append(1) or 7) for _ in range(3)] == [7, 7, 7]
    assert calls == [1]


def test_metrics_of_a_network_load_it_once(pixel_gan, make_images, readers, reference):
    before = readers.loads
    names = ["fid@plain", "kid:5@plain", "recall@plain", "lpips@plain", "inception_score@ten", "ts_rec_fid:9@plain"]
    measured(pixel_gan, make_images(12, SHAPE), names, reference)
    assert readers.loads == before + 2  # lpips needs maps and does not take part


@pytest.mark.parametrize("batch", [None, 5, 1])
def test_reconstructions_are_compared_with_equally_many_training_images(
    pixel_gan, make_images, readers, reference, batch
):
    images = make_images(30, SHAPE)
    result = measured(pixel_gan, images, ["ts_rec_fid:20@plain", "ts_rec_fid:500@plain"], reference, batch=batch)
    for count, n in ((20, 20), (500, 30)):
        expected = frechet_distance(reference.sets["train"][:n], seen(images.data)[:n])
        summary = result.summaries[f"ts_rec_fid:{count}@plain"]
        assert summary == pytest.approx({"value": expected, "n": n, "features": 16}, rel=1e-5)


@pytest.mark.parametrize("batch", [None, 4, 1])
def test_midpoints_lie_between_each_code_and_the_next(pixel_gan, make_images, readers, reference, batch):
    images = make_images(9, SHAPE)
    result = measured(pixel_gan, images, ["int_ts_fid:500@plain"], reference, batch=batch)
    codes = images.floats(slice(None))
    halfway = ((codes + codes.roll(-1, 0)) / 2 + 1).mul(127.5).round().to(torch.uint8)
    expected = frechet_distance(reference.sets["train"][:9], seen(halfway))
    assert result.summaries["int_ts_fid:500@plain"]["value"] == pytest.approx(expected, rel=1e-5)


def test_samples_do_not_depend_on_the_method_and_are_capped_by_what_there_is(
    pixel_gan, make_images, readers, reference
):
    result = measured(
        pixel_gan, make_images(12, SHAPE), ["rand_fid:500@plain", "rand_rec_fid:500@plain"], reference, "own"
    )
    expected = frechet_distance(reference.sets["train"][:50], reference.sets["sample"])
    assert result.summaries["rand_fid:500@plain"] == pytest.approx({"value": expected, "n": 50, "features": 16})
    assert result.summaries["rand_rec_fid:500@plain"]["n"] == 12
    assert ("sample", 50) in reference.asked


def test_reference_sets_are_asked_for_once(pixel_gan, make_images, readers, reference):
    names = ["ts_rec_fid:8@plain", "int_ts_fid:8@plain"]
    measured(pixel_gan, make_images(12, SHAPE), names, reference)
    assert reference.asked == [("train", 8)]


def test_without_a_reference_there_is_a_reason(pixel_gan, make_images, readers):
    result = measured(pixel_gan, make_images(12, SHAPE), ["ts_rec_fid:8@plain", "psnr"], None)
    assert result.skipped["ts_rec_fid:8@plain"].startswith("needs training images or samples of the GAN")
    assert "psnr" in result.summaries


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rand_fid@plain", "option count is required"),
        ("rand_fid:1@plain", "count = 1: expected at least 2"),
        ("rand_fid:half@plain", "option count = 'half' should be int"),
    ],
)
def test_the_count_is_part_of_the_name(readers, name, message):
    with pytest.raises(BenchError, match=message):
        open_metrics([name])


def test_every_distance_to_training_images_says_its_sides():
    named = {
        "rand_fid": "codes drawn from the prior",
        "rand_rec_fid": "their reconstructions",
        "ts_rec_fid": "their reconstructions",
        "int_ts_fid": "midpoints",
    }
    for name, side in named.items():
        metric = open_metrics([f"{name}:500@fashion-mnist-cnn"])[0]
        assert isinstance(metric, against_train._AgainstTrain)
        assert side in metric.protocol()["sets"][0]
        assert metric.name == f"{name}:500@fashion-mnist-cnn"
