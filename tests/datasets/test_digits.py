"""Scikit-learn's digits, enlarged."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from bench.core.errors import BenchError, DataError
from bench.core.files import digest, sha256
from bench.datasets.catalogue import open_dataset
from bench.datasets.digits import SIDE, TEST_COUNT, enlarge
from bench.datasets.source import SPLIT_SEED


def test_sizes_and_types():
    loaded = open_dataset("digits").load()
    assert (len(loaded.train), len(loaded.val), len(loaded.test)) == (1294, 143, 360)
    assert (loaded.shape, loaded.train.data.dtype) == ((1, 28, 28), torch.uint8)
    assert int(loaded.train.data.max()) == 255
    assert loaded.classes == tuple("0123456789")


@pytest.mark.parametrize("side", [28, 32, 128])
def test_enlarging_agrees_with_torch(side):
    images = load_digits().images[:50]
    levels = torch.from_numpy(np.rint(images * 255 / 16))[:, None]
    expected = torch.nn.functional.interpolate(levels, (side, side), mode="bilinear", align_corners=False)
    assert np.abs(enlarge(images, side).astype(float) - expected.numpy()).max() <= 1


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (32, 3), (64, 1), (128, 3)])
def test_every_shape_has_the_same_splits(side, channels):
    loaded = open_dataset("digits", {"side": side, "channels": channels}).load()
    assert loaded.shape == (channels, side, side)
    assert (len(loaded.train), len(loaded.val), len(loaded.test)) == (1294, 143, 360)
    assert torch.equal(loaded.test.labels, open_dataset("digits").load().test.labels)


def test_in_colour_each_picture_is_the_grey_one_times_a_colour_of_its_own():
    grey, coloured = (open_dataset("digits", {"channels": c}).load().test.data.double() for c in (1, 3))
    brightest = grey.flatten(1).argmax(1)
    lit = coloured.flatten(2).gather(2, brightest[:, None, None].expand(-1, 3, 1))[..., 0]
    colours = lit / grey.flatten(1).amax(1, keepdim=True)
    assert (coloured - grey * colours[..., None, None]).abs().max() <= 1.0
    assert colours.min() >= 0.24
    assert colours.std(0).min() > 0.15  # spread over pictures, in every channel
    assert np.abs(np.corrcoef(colours.T.numpy()) - np.eye(3)).max() < 0.2


def test_identities_tell_shapes_apart_and_the_default_keeps_its_own():
    shapes = [{}, {"side": 32}, {"channels": 3}, {"side": 32, "channels": 3}]
    assert len({open_dataset("digits", shape).identity() for shape in shapes}) == 4
    file = Path(open_dataset("digits").get())
    assert open_dataset("digits").identity() == f"digits-{digest([sha256(file), SIDE, SPLIT_SEED, TEST_COUNT])}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side": 7}, "side = 7 should be 8 to 128 pixels"),
        ({"side": 129}, "side = 129 should be 8 to 128 pixels"),
        ({"channels": 2}, "option channels = 2 should be one of 1, 3"),
    ],
)
def test_other_shapes_are_refused(options, message):
    with pytest.raises(BenchError, match=message):
        open_dataset("digits", options)


def test_all_labels_of_scikit_learn_are_there_with_their_images():
    loaded = open_dataset("digits").load()
    parts = (loaded.train, loaded.val, loaded.test)
    ours = {(bytes(x.numpy()), int(y)) for part in parts for x, y in zip(part.data, part.labels, strict=True)}
    found = load_digits()
    assert ours == {(x.tobytes(), int(y)) for x, y in zip(enlarge(found.images), found.target, strict=True)}


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    from bench.datasets.digits import Digits

    assert Digits().availability() == (False, "digits: scikit-learn is missing; install scikit-learn")
    with pytest.raises(DataError, match="install scikit-learn"):
        Digits().load()
