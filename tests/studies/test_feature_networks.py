"""What studies see of images: against the metrics' own functions, and FID without a group against FID of the rest."""

import numpy as np
import pytest
import torch

from bench.core.errors import DataError, NotApplicable, UnknownName, WeightsError
from bench.core.options import create
from bench.core.types import ComponentSpec
from bench.metrics.frechet import frechet_distance
from bench.metrics.perceptual import lpips
from bench.statistics import partition
from bench.studies.base import StudyRequest, silent
from bench.studies.feature_networks import (
    GROUPS,
    DistortedFeatures,
    FeatureExtractors,
    Moments,
    choose_networks,
    compare,
    fid_intervals,
    open_data,
)

CNN = {"lpips": "fashion-mnist-cnn", "fid": "fashion-mnist-cnn"}


def test_moments_without_a_group_give_the_fid_of_the_remaining_images():
    rng = torch.Generator().manual_seed(0)
    first, second = torch.randn(300, 8, generator=rng) + 5, 2 * torch.randn(300, 8, generator=rng)
    groups = partition(300, GROUPS, 0)
    found = Moments.of(first, groups).distances(Moments.of(second, groups))
    for rows, value in zip(groups, found, strict=True):
        kept = np.setdiff1d(np.arange(300), rows)
        assert value == pytest.approx(frechet_distance(first[kept], second[kept]), rel=1e-9)


def test_equal_features_are_0_apart_and_known_shifts_their_square():
    features = torch.randn(400, 5, generator=torch.Generator().manual_seed(1))
    found = DistortedFeatures(np.zeros((2, 400)), features, (features.clone(), features + 3.0))
    values, without = found.distances(0, silent)
    assert values[0] == 0
    assert (without[:, 0] == 0).all()
    assert values[1] == pytest.approx(45.0, rel=1e-5)
    low, high = (fid_intervals(values, without)[1].low, fid_intervals(values, without)[1].high)
    assert low <= values[1] <= high


def test_compare_gives_what_the_metrics_functions_give(boxes):
    images = open_data(ComponentSpec("boxes")).test.data
    flipped = images.flip(3)

    def distort(batch, rows):
        yield batch
        yield batch
        yield batch.flip(3)

    found = compare(FeatureExtractors(CNN, (1, 28, 28), "cpu"), images, distort, 2, silent)
    network = create("features", "fashion-mnist-cnn")
    network.load("cpu")
    left, right = network.embed(images), network.embed(flipped)
    assert (found.lpips[0] == 0).all()
    assert found.lpips[1] == pytest.approx(lpips(left.maps, right.maps).numpy(), abs=1e-5)
    assert found.distances(0, silent)[0][1] == pytest.approx(
        frechet_distance(left.features, right.features), rel=1e-4
    )


def test_networks_are_the_papers_unless_named_and_never_replaced(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"lpips@alex: .*not found.*--network fashion-mnist-cnn"):
        choose_networks(StudyRequest(), ("lpips", "fid"), "fashion-mnist")
    with pytest.raises(WeightsError, match=r"fid@inception") as told:
        choose_networks(StudyRequest(), ("fid",), "digits")
    assert "--network" not in str(told.value)
    assert choose_networks(StudyRequest(network="fashion-mnist-cnn"), ("lpips", "fid"), "x") == CNN


def test_a_network_that_cannot_serve_is_told():
    with pytest.raises(UnknownName, match="did you mean 'fashion-mnist-cnn'"):
        choose_networks(StudyRequest(network="fashion-mnist-cn"), ("fid",), "fashion-mnist")
    with pytest.raises(NotApplicable, match=r"requires 28x28x1 images, got 32x32x3"):
        FeatureExtractors(CNN, (3, 32, 32), "cpu")


def test_points_are_no_pictures():
    with pytest.raises(DataError, match="its data are points"):
        open_data(ComponentSpec("gaussians8"))


def test_the_number_of_images_is_checked():
    assert StudyRequest().count(20_000, 40, "d") == 10_000
    assert StudyRequest().count(500, 40, "d") == 500
    assert StudyRequest(images=60).count(500, 40, "d") == 60
    with pytest.raises(DataError, match=r"--images 501: the test split of d has 500"):
        StudyRequest(images=501).count(500, 40, "d")
    with pytest.raises(DataError, match=r"--images 39: this study needs at least 40"):
        StudyRequest(images=39).count(500, 40, "d")
    with pytest.raises(DataError, match=r"has 20 images: this study needs at least 40"):
        StudyRequest().count(20, 40, "d")
