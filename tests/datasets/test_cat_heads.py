"""CAT read from a miniature copy in its original layout: where heads are cut out, and unusable landmarks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import BenchError, DataError
from bench.datasets.cat_heads import HeadSquare, read_landmarks
from bench.datasets.catalogue import open_dataset

RNG = np.random.default_rng(0)
# Eyes, mouth, left ear, right ear: 100 wide and 80 high, from (0, 0) to (100, 80).
HEAD = [(30, 45), (70, 45), (50, 80), (0, 30), (10, 0), (35, 15), (65, 15), (90, 0), (100, 30)]

pytestmark = pytest.mark.filterwarnings("ignore:.*where the complete set has 10,000")


def landmarks(left, top, scale=1.0):
    numbers = [n for x, y in HEAD for n in (round(left + scale * x), round(top + scale * y))]
    return f"9 {' '.join(map(str, numbers))} "  # the originals end with a space


@pytest.fixture
def cats(data):
    """21 photographs of 300 x 240 in seven folders; returns the photographs."""
    for k in range(21):
        path = data / "cat-heads" / f"CAT_0{k % 7}" / f"0000000{k % 7}_{k:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = RNG.integers(0, 256, (24, 30, 3), np.uint8)
        Image.fromarray(pixels).resize((300, 240), Image.Resampling.BICUBIC).save(path)
        path.with_name(f"{path.name}.cat").write_text(landmarks(60 + 4 * k, 50 + 2 * k))
    return sorted((data / "cat-heads").rglob("*.jpg"))


def load(**options):
    return open_dataset("cat-heads", {"test_images": 5, **options}).load()


@pytest.mark.parametrize("side", [128, 64])
def test_heads_are_cut_out_around_the_landmarks(cats, side):
    known = {}
    for path in cats:
        k = int(path.stem[-3:])
        # 100 x 1.3 = 130 pixels around the middle of the landmarks, which is 50 right and 40 below their corner.
        box = (60 + 4 * k - 15, 50 + 2 * k - 25, 60 + 4 * k + 115, 50 + 2 * k + 105)
        head = Image.open(path).crop(box).resize((side, side), Image.Resampling.BILINEAR)
        known[np.asarray(head).transpose(2, 0, 1).tobytes()] = path
    loaded = load(side=side)
    seen = [known[bytes(row.numpy())] for s in ("train", "val", "test") for row in getattr(loaded, s).data]
    assert sorted(seen) == cats
    assert [len(loaded.train), len(loaded.val), len(loaded.test)] == [15, 1, 5]
    assert loaded.shape == (3, side, side)


def box(tmp_path, text, margin=0.15, size=(300, 240)):
    (tmp_path / "cat.jpg.cat").write_text(text)
    return HeadSquare(margin)(tmp_path / "cat.jpg", *size)


def test_the_square_is_shifted_inside_and_no_larger_than_the_photograph(tmp_path):
    assert box(tmp_path, landmarks(100, 80)) == (85, 55, 215, 185)
    assert box(tmp_path, landmarks(100, 80), margin=0) == (100, 70, 200, 170)
    assert box(tmp_path, landmarks(0, 10)) == (0, 0, 130, 130)  # would start at -15, -15
    assert box(tmp_path, landmarks(199, 155)) == (170, 110, 300, 240)  # would end at 314, 260
    assert box(tmp_path, landmarks(50, 20, 2.0)) == (30, 0, 270, 240)  # 260 pixels do not fit into 240
    assert box(tmp_path, landmarks(-20, -10)) == (0, 0, 130, 130)  # an ear that is cut off
    assert box(tmp_path, landmarks(100, 80, 0.1)) == (98, 77, 111, 90)  # a small head gives a small square


def test_small_heads_are_enlarged(cats):
    path = cats[0]
    path.with_name(f"{path.name}.cat").write_text(landmarks(100, 80, 0.1))
    head = Image.open(path).crop((98, 77, 111, 90)).resize((128, 128), Image.Resampling.BILINEAR)
    loaded = load()
    rows = {bytes(row.numpy()) for s in ("train", "val", "test") for row in getattr(loaded, s).data}
    assert np.asarray(head).transpose(2, 0, 1).tobytes() in rows


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("9 1 2 3", "9 points, 3 numbers; expected '9 x1 y1"),
        ("8 " + "1 " * 18, "8 points, 18 numbers; expected"),
        ("9 " + "1 " * 19, "9 points, 19 numbers; expected"),
        ("9 " + "a " * 18, "not whole numbers; expected"),
        ("", "not whole numbers; expected"),
        ("9 " + "5 " * 18, "all landmarks are the same point"),
        (landmarks(400, 80), "all landmarks lie outside of the 300 x 240 pixels"),
        (landmarks(50, -90), "all landmarks lie outside of the 300 x 240 pixels"),
    ],
)
def test_landmarks_that_cannot_be_used_are_named_with_what_is_expected(cats, text, match):
    cats[3].with_name(f"{cats[3].name}.cat").write_text(text)
    with pytest.raises(DataError, match=rf"cannot use 'CAT_0\d/{cats[3].name}': .*{match}") as info:
        load()
    assert "\n" not in str(info.value)


def test_a_photograph_without_landmarks_fails_or_is_skipped(cats):
    cats[3].with_name(f"{cats[3].name}.cat").unlink()
    stray = cats[3].with_name("00000003_999.jpg.cat")
    stray.write_text(landmarks(1, 1))
    with pytest.raises(DataError, match=rf"'{cats[3].name}\.cat': No such file .*set on_bad = 'skip'"):
        load()
    with pytest.warns(UserWarning, match="1 images skipped"):
        loaded = load(on_bad="skip")
    assert len(loaded.train) + len(loaded.val) + len(loaded.test) == 20


def test_a_changed_landmark_changes_the_identity(cats):
    first = open_dataset("cat-heads").identity()
    cats[0].with_name(f"{cats[0].name}.cat").write_text(landmarks(100, 100))
    assert open_dataset("cat-heads").identity() != first


def test_landmarks_are_read_as_points(cats):
    assert read_landmarks(Path(f"{cats[0]}.cat")) == [(x + 60, y + 50) for x, y in HEAD]


def test_the_folder_of_a_popular_copy_is_found(cats, data):
    first = open_dataset("cat-heads").identity()
    (data / "cat-heads").rename(data / "cats")
    (data / "cat-heads").mkdir()
    (data / "cats").rename(data / "cat-heads" / "cats")
    assert open_dataset("cat-heads").identity() == first


@pytest.mark.parametrize(
    ("options", "match"),
    [({"margin": -0.1}, "margin = -0.1: expected 0 to 2"), ({"test_images": 0}, "test_images = 0: expected 1")],
)
def test_options_are_checked(options, match):
    with pytest.raises(BenchError, match=match):
        open_dataset("cat-heads", options)
