"""ImageNet patches from a miniature copy in the original layout."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import BenchError, DataError
from bench.datasets.catalogue import open_dataset
from bench.datasets.imagenet_patches import Patch

WNIDS = ("n01440764", "n01443537", "n02123045")
RNG = np.random.default_rng(0)

pytestmark = pytest.mark.filterwarnings("ignore:.*where the complete set has 1,281,167")


def save(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (size[1], size[0], 3), np.uint8)).save(path)


@pytest.fixture
def photos(data):
    """Thirty photographs of three classes and of all sizes; returns the files."""
    for k in range(30):
        wnid = WNIDS[k % 3]
        save(data / "imagenet" / "train" / wnid / f"{wnid}_{k}.JPEG", (32 + 3 * k, 90 - 2 * k))
    return sorted((data / "imagenet").rglob("*.JPEG"))


def load(**options):
    return open_dataset("imagenet-patches", {"test_images": 10, **options}).load()


def all_rows(loaded):
    return [bytes(row.numpy()) for s in ("train", "val", "test") for row in getattr(loaded, s).data]


def test_every_patch_is_a_part_of_its_photograph_at_full_resolution(photos):
    loaded = load()
    assert [len(loaded.train), len(loaded.val), len(loaded.test)] == [18, 2, 10]
    assert (loaded.shape, loaded.classes) == ((3, 32, 32), WNIDS)
    windows = {}
    for path in photos:
        pixels = np.asarray(Image.open(path))
        views = np.lib.stride_tricks.sliding_window_view(pixels, (32, 32), axis=(0, 1)).reshape(-1, 3, 32, 32)
        windows |= {view.tobytes(): path for view in views}
    for images in (loaded.train, loaded.val, loaded.test):
        for row, label in zip(images.data, images.labels.tolist(), strict=True):
            assert loaded.classes[label] == windows[bytes(row.numpy())].parent.name
    assert sorted(windows[row] for row in all_rows(loaded)) == photos


def test_adding_photographs_moves_no_patch_and_another_seed_moves_them(photos):
    first = set(all_rows(load()))
    save(photos[0].with_name("n01440764_999.JPEG"), (100, 100))
    later = set(all_rows(load()))
    assert first < later
    assert len(later) == 31
    assert (
        len(set(all_rows(load(seed=1))) & later) <= 2
    )  # only the photographs of about 32 pixels have no other place


def test_places_are_uniform_over_the_photograph():
    boxes = [Patch(32, 0)(Path(f"n01440764/n01440764_{k}.JPEG"), 36, 34) for k in range(6000)]
    assert all(right - left == lower - top == 32 for left, top, right, lower in boxes)
    counts = Counter((left, top) for left, top, _, _ in boxes)
    assert set(counts) == {(x, y) for x in range(5) for y in range(3)}
    # Chi-squared with 14 degrees of freedom exceeds 36.1 in one of a thousand cases.
    assert sum((count - 400) ** 2 / 400 for count in counts.values()) < 36.1


def test_the_place_depends_on_the_class_folder_and_not_on_where_the_dataset_lies():
    patch = Patch(32, 0)
    assert patch(Path("/a/n1/x.JPEG"), 500, 400) == patch(Path("/b/n1/x.JPEG"), 500, 400)
    assert patch(Path("/a/n1/x.JPEG"), 500, 400) != patch(Path("/a/n2/x.JPEG"), 500, 400)


def test_a_photograph_that_is_too_small_fails_or_is_skipped(photos):
    save(photos[4], (31, 200))
    with pytest.raises(DataError, match=rf"{photos[4].name}': 31 x 200 pixels hold no patch of 32 x 32; .*on_bad"):
        load()
    with pytest.warns(UserWarning, match="1 images skipped"):
        assert len(all_rows(load(on_bad="skip"))) == 29


def test_training_images_can_be_limited(photos):
    some, every = load(train_images=4), load()
    assert [len(some.train), len(some.val), len(some.test)] == [4, 2, 10]
    assert some.test.checksum == every.test.checksum
    assert some.train.checksum == every.train.first(4).checksum


def test_grey_and_cmyk_photographs_become_colour(photos):
    Image.fromarray(RNG.integers(0, 256, (50, 50), np.uint8)).save(photos[0])
    Image.new("CMYK", (50, 50), (0, 255, 255, 0)).save(photos[1], format="JPEG")
    assert len(all_rows(load())) == 30


def test_a_stray_photograph_and_a_reduced_copy(photos):
    with pytest.raises(DataError, match="30 images, too few to hold out test_images = 10000"):
        open_dataset("imagenet-patches").load()
    save(photos[0].parents[1] / "stray.JPEG", (40, 40))
    with pytest.raises(DataError, match=r"'train/stray\.JPEG' should be in train/WNID/"):
        load()


def test_options_are_checked():
    with pytest.raises(BenchError, match="test_images should be 1 or more"):
        open_dataset("imagenet-patches", {"test_images": 0})
