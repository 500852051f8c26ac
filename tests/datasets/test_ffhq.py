"""FFHQ thumbnails read from a miniature copy in both of its layouts."""

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import DataError
from bench.datasets.catalogue import open_dataset

NUMBERS = [*range(12), 999, 1000, 59_999, 60_000, 60_001, 69_999]
RNG = np.random.default_rng(0)
PIXELS = {number: RNG.integers(0, 256, (128, 128, 3), np.uint8) for number in NUMBERS}

pytestmark = pytest.mark.filterwarnings("ignore:.*18 images where the complete set has 70,000")


@pytest.fixture(params=["nested", "flat"])
def faces(request, data):
    """Eighteen thumbnails, in folders of a thousand or in one."""
    folder = data / "ffhq" / "thumbnails128x128"
    for number, pixels in PIXELS.items():
        inner = f"{number // 1000 * 1000:05}" if request.param == "nested" else ""
        (folder / inner).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / inner / f"{number:05}.png")
    (folder / "LICENSE.txt").write_text("terms")
    return folder


def test_numbers_from_60000_are_for_testing_and_the_order_is_theirs(faces):
    loaded = open_dataset("ffhq").load()
    known = {pixels.transpose(2, 0, 1).tobytes(): number for number, pixels in PIXELS.items()}
    train, val, test = (
        [known[bytes(row.numpy())] for row in s.data] for s in (loaded.train, loaded.val, loaded.test)
    )
    assert test == [60_000, 60_001, 69_999]
    assert (train, val) == (sorted(train), sorted(val))
    assert sorted(train + val) == NUMBERS[:-3]
    assert len(val) == 1


def test_64_pixels_are_resized(faces):
    first = Image.fromarray(PIXELS[60_000]).resize((64, 64), Image.Resampling.BILINEAR)
    found = open_dataset("ffhq", {"side": 64}).load().test.data[0]
    assert np.array_equal(found.numpy(), np.asarray(first).transpose(2, 0, 1))


def test_an_image_twice_is_refused(faces):
    (faces / "again").mkdir()
    Image.fromarray(PIXELS[3]).save(faces / "again" / "3.png")
    with pytest.raises(DataError, match=r"00003\.png' and '.*again/3\.png' are the same image"):
        open_dataset("ffhq").load()


def test_a_name_that_is_no_number_is_refused(faces):
    Image.fromarray(PIXELS[3]).save(faces / "me.png")
    with pytest.raises(DataError, match=r"'thumbnails128x128/me\.png' should be a number, like 00000\.png"):
        open_dataset("ffhq").load()


def test_another_size_is_refused(faces):
    Image.new("RGB", (64, 64)).save(next(faces.rglob("00003.png")))
    with pytest.raises(DataError, match=r"00003\.png': 64 x 64 pixels, but thumbnails have 128 x 128"):
        open_dataset("ffhq").load()


def test_images_on_one_side_only_are_refused(faces):
    for path in [*faces.rglob("6*.png")]:
        path.unlink()
    with pytest.raises(DataError, match=r"15 images below number 60000 .* 0 from there on for test"):
        open_dataset("ffhq").load()
