"""CelebA read from a miniature copy in its original layout: crops, splits and attributes of each protocol."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from bench.core.errors import BenchError, DataError
from bench.datasets.catalogue import open_dataset
from bench.datasets.celeba import ICGAN_ATTRIBUTES, IMAGES

COUNT = 40
FIRST_VAL, FIRST_TEST = 24, 30
NAMES = [*ICGAN_ATTRIBUTES[::-1], *(f"Trait_{k}" for k in range(22))]
RNG = np.random.default_rng(0)
MARKS = RNG.integers(0, 2, (COUNT, 40)).astype(bool)

pytestmark = pytest.mark.filterwarnings("ignore:.*40 images where the complete set has 202,599")


def write_lists(root, marks=MARKS, kept=range(COUNT)):
    rows = [f"{k + 1:06}.jpg  {' '.join(' 1' if mark else '-1' for mark in marks[k])}" for k in kept]
    (root / "list_attr_celeba.txt").write_text("\n".join([str(len(rows)), " ".join(NAMES), *rows]) + "\n")
    parts = [f"{k + 1:06}.jpg {int(k >= FIRST_VAL) + int(k >= FIRST_TEST)}" for k in kept]
    (root / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")


@pytest.fixture
def celeba(data):
    """Forty aligned images: 24 train, 6 val, 10 test."""
    root = data / "celeba"
    (root / IMAGES).mkdir(parents=True)
    for k in range(COUNT):
        pixels = RNG.integers(0, 256, (28, 23, 3), np.uint8)
        Image.fromarray(pixels).resize((178, 218), Image.Resampling.BICUBIC).save(root / IMAGES / f"{k + 1:06}.jpg")
    write_lists(root)
    return root


def load(**options):
    return open_dataset("celeba", {"test_images": 4, **options}).load()


def by_hand(root, k, box=None, side=None):
    """Pixels of image ``k`` (from 0) as Pillow gives them."""
    image = Image.open(root / IMAGES / f"{k + 1:06}.jpg")
    image = image.crop(box) if box else image
    image = image.resize((side, side), Image.Resampling.BILINEAR) if side else image
    return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())


def which(root, images, box, side):
    """The numbers (from 0) of the images of a split, told by their pixels."""
    known = {bytes(by_hand(root, k, box, side).contiguous().numpy()): k for k in range(COUNT)}
    return [known[bytes(row.contiguous().numpy())] for row in images.data]


@pytest.mark.parametrize(
    ("options", "box", "side"),
    [
        ({"crop": "dfi"}, (25, 50, 153, 178), 64),
        ({"crop": "dfi", "side": 128}, (25, 50, 153, 178), None),
        ({"crop": "icgan"}, (30, 40, 168, 178), 64),
        ({"crop": "creswell"}, (0, 20, 178, 198), 64),
        ({"crop": "full"}, None, None),
    ],
)
def test_pixels_of_each_crop_are_those_of_pillow(celeba, options, box, side):
    loaded = load(**options)
    first = {"dfi": FIRST_TEST, "full": FIRST_TEST, "icgan": COUNT - 4, "creswell": 0}[options["crop"]]
    for row in range(4):
        assert torch.equal(loaded.test.data[row], by_hand(celeba, first + row, box, side))


def test_the_window_of_dfi_is_rows_50_to_177_and_columns_25_to_152(celeba):
    full, cropped = load(crop="full"), load(crop="dfi", side=128)
    assert (full.shape, cropped.shape) == ((3, 218, 178), (3, 128, 128))
    assert torch.equal(full.test.data[:, :, 50:178, 25:153], cropped.test.data)


def test_the_official_splits_in_their_order(celeba):
    loaded = load(crop="dfi")
    box, side = (25, 50, 153, 178), 64
    assert which(celeba, loaded.train, box, side) == list(range(FIRST_VAL))
    assert which(celeba, loaded.val, box, side) == list(range(FIRST_VAL, FIRST_TEST))
    assert which(celeba, loaded.test, box, side) == list(range(FIRST_TEST, FIRST_TEST + 4))


@pytest.mark.parametrize(
    ("crop", "box", "test"),
    [("icgan", (30, 40, 168, 178), range(36, 40)), ("creswell", (0, 20, 178, 198), range(4))],
)
def test_ends_are_held_out_and_val_is_carved_from_the_rest(celeba, crop, box, test):
    loaded = load(crop=crop)
    train, val = which(celeba, loaded.train, box, 64), which(celeba, loaded.val, box, 64)
    assert which(celeba, loaded.test, box, 64) == list(test)
    assert sorted([*train, *val, *test]) == list(range(COUNT))
    assert (len(val), train, val) == (3, sorted(train), sorted(val))


def test_attributes_belong_to_their_images(celeba):
    loaded = load()
    assert loaded.test.attribute_names == tuple(NAMES)
    assert loaded.test.attributes.dtype == torch.bool
    assert np.array_equal(loaded.test.attributes.numpy(), MARKS[FIRST_TEST : FIRST_TEST + 4])
    assert np.array_equal(loaded.train.attributes.numpy(), MARKS[:FIRST_VAL])
    assert loaded.train.labels is None


def test_icgan_has_its_18_attributes(celeba):
    loaded = load(crop="icgan")
    assert loaded.val.attribute_names == ICGAN_ATTRIBUTES
    assert len(ICGAN_ATTRIBUTES) == 18
    assert np.array_equal(loaded.test.attributes.numpy(), MARKS[36:, :18][:, ::-1])


def test_training_images_can_be_limited(celeba):
    loaded = load(train_images=5)
    assert (len(loaded.train), len(loaded.val), len(loaded.train.attributes)) == (5, 6, 5)
    assert torch.equal(loaded.train.data, load().train.data[:5])


def test_the_layout_of_torchvision_is_found(celeba):
    first = load().test.checksum
    inner = celeba.with_name("celeba-moved")
    celeba.rename(inner)
    celeba.mkdir()
    shutil.move(inner, celeba / "celeba")
    assert open_dataset("celeba").availability() == (True, str(celeba / "celeba"))
    assert load().test.checksum == first


def test_a_reduced_copy_needs_a_smaller_test_split(celeba):
    for crop, match in (
        ("dfi", "10 images in the official test split, 10000 needed; .*smaller test_images"),
        ("icgan", "40 images, too few to hold out test_images = 19961"),
        ("creswell", "40 images, too few to hold out test_images = 1000"),
    ):
        with pytest.raises(DataError, match=match):
            open_dataset("celeba", {"crop": crop}).load()


def test_an_empty_official_split_is_refused(celeba):
    (celeba / "list_eval_partition.txt").write_text("".join(f"{k + 1:06}.jpg 2\n" for k in range(COUNT)))
    with pytest.raises(DataError, match="0 images in the official train split, 1 needed"):
        load()


def drop_line(path, k):
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith(f"{k:06}.jpg")) + "\n")


def test_a_missing_partition_row_is_named(celeba):
    drop_line(celeba / "list_eval_partition.txt", 7)
    with pytest.raises(DataError, match=r"list_eval_partition\.txt has no row for '000007\.jpg'"):
        load()


def test_an_attribute_list_of_other_images_is_refused(celeba):
    write_lists(celeba, kept=range(COUNT - 1))
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt has no row for '000040\.jpg', which is in img_align"):
        load()
    write_lists(celeba)
    (celeba / IMAGES / "000003.jpg").unlink()
    with pytest.raises(
        DataError, match=r"list_attr_celeba\.txt names '000003\.jpg', which is not in img_align_celeba"
    ):
        load()


def test_an_image_of_another_size_is_named(celeba):
    Image.new("RGB", (170, 218)).save(celeba / IMAGES / "000002.jpg")
    match = r"cannot use 'img_align_celeba/000002\.jpg': 170 x 218 pixels, but aligned images have 178 x 218; mend"
    for crop in ("dfi", "full"):
        with pytest.raises(DataError, match=match) as info:
            load(crop=crop)
        assert "on_bad" not in str(info.value)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"crop": "icgan", "side": 128}, "side = 128: crop = 'icgan' has side = 64"),
        ({"crop": "full", "side": 64}, "side = 64: crop = 'full' has side = 0: the aligned 178 x 218 pixels"),
        ({"side": 32}, "side = 32 should be one of 0, 64, 128"),
        ({"crop": "centre"}, "crop = 'centre' should be one of 'dfi', 'icgan', 'creswell', 'full'"),
        ({"test_images": -1}, "test_images and train_images should be 0 or more"),
    ],
)
def test_options_are_checked(options, match):
    with pytest.raises(BenchError, match=match):
        open_dataset("celeba", options)
