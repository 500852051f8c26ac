"""UT Zappos50K read from a miniature copy in its original layout."""

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import BenchError, DataError
from bench.datasets.catalogue import open_dataset

PLACES = ("Boots/Ankle/adidas", "Sandals/Flat/Aerosoles Inc.", "Shoes/Oxfords/Levi's®", "Slippers/Boot/Acorn")
RNG = np.random.default_rng(0)

pytestmark = pytest.mark.filterwarnings("ignore:.*where the complete set has 50,025")


@pytest.fixture
def shoes(data):
    """Forty photographs, ten a category; returns the files."""
    for k in range(40):
        path = data / "shoes" / "ut-zap50k-images-square" / PLACES[k % 4] / f"80309{k:02}.3.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        side = 135 if k == 0 else 136  # one original is a pixel smaller
        pixels = RNG.integers(0, 256, (17, 17, 3), np.uint8)
        Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC).save(path)
    return sorted((data / "shoes").rglob("*.jpg"))


def by_hand(path, side):
    return np.asarray(Image.open(path).resize((side, side), Image.Resampling.BILINEAR)).transpose(2, 0, 1).tobytes()


@pytest.mark.parametrize("side", [64, 128])
def test_photographs_arrive_with_their_categories_once_each(shoes, side):
    known = {by_hand(path, side): path for path in shoes}
    loaded = open_dataset("shoes", {"side": side, "test_images": 10}).load()
    assert loaded.classes == ("Boots", "Sandals", "Shoes", "Slippers")
    assert [len(loaded.train), len(loaded.val), len(loaded.test)] == [27, 3, 10]
    seen = []
    for images in (loaded.train, loaded.val, loaded.test):
        for row, label in zip(images.data, images.labels.tolist(), strict=True):
            seen.append(known[bytes(row.numpy())])
            assert loaded.classes[label] == seen[-1].parts[-4]
    assert sorted(seen) == shoes
    assert len(set(loaded.test.labels.tolist())) > 2


def test_an_image_that_is_not_square_is_named(shoes):
    Image.new("RGB", (136, 100)).save(shoes[5])
    with pytest.raises(DataError, match="136 x 100 pixels, but the images of ut-zap50k-images-square are square"):
        open_dataset("shoes", {"test_images": 10}).load()


def test_a_reduced_copy_needs_a_smaller_test_split(shoes):
    with pytest.raises(DataError, match="40 images, too few to hold out test_images = 1000"):
        open_dataset("shoes").load()


def test_options_are_checked():
    with pytest.raises(BenchError, match="test_images = 0: expected 1 or more"):
        open_dataset("shoes", {"test_images": 0})
