"""Omniglot read from a miniature copy in its original layout."""

import numpy as np
import pytest
import torch
from PIL import Image

from bench.core.errors import BenchError, DataError
from bench.datasets.catalogue import open_dataset

ALPHABETS = {"images_background": ("Latin", "Greek"), "images_evaluation": ("Tengwar",)}
CHARACTERS, DRAWERS = 3, 4
RNG = np.random.default_rng(0)

pytestmark = pytest.mark.filterwarnings("ignore:.*where the complete set has 19,280")


@pytest.fixture
def drawings(data):
    """24 + 12 drawings, one bit a pixel; returns the files."""
    for part, alphabets in ALPHABETS.items():
        for alphabet in alphabets:
            for character in range(1, CHARACTERS + 1):
                folder = data / "omniglot" / part / alphabet / f"character{character:02}"
                folder.mkdir(parents=True)
                for drawer in range(1, DRAWERS + 1):
                    paper = np.full((105, 105), 255, np.uint8)
                    left, top = RNG.integers(0, 60, 2)
                    paper[top : top + 30, left : left + 5 * character] = 0
                    Image.fromarray(paper).convert("1").save(folder / f"{character:04}_{drawer:02}.png")
    return sorted((data / "omniglot").rglob("*.png"))


def by_hand(path, side):
    grey = Image.open(path).convert("L").resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(grey)[None].tobytes()


@pytest.mark.parametrize("side", [64, 32])
def test_drawings_arrive_with_their_classes_and_alphabets_do_not_mix(drawings, side):
    known = {by_hand(path, side): path for path in drawings}
    assert len(known) == len(drawings) == 36
    loaded = open_dataset("omniglot", {"side": side}).load()
    seen = []
    for split in ("train", "val", "test"):
        images = getattr(loaded, split)
        for row, label in zip(images.data, images.labels.tolist(), strict=True):
            path = known[bytes(row.numpy())]
            assert loaded.classes[label] == f"{path.parts[-3]}/{path.parts[-2]}"
            assert path.parts[-4] == ("images_evaluation" if split == "test" else "images_background")
            seen.append(path)
    assert sorted(seen) == drawings
    assert [len(loaded.train), len(loaded.val), len(loaded.test)] == [22, 2, 12]
    assert (loaded.shape, len(loaded.classes)) == ((1, side, side), 9)
    assert set(loaded.train.labels.tolist()) <= set(range(6))
    assert set(loaded.test.labels.tolist()) == {6, 7, 8}


def test_ink_is_black_on_white_paper(drawings):
    images = open_dataset("omniglot").load().train.data
    assert images.dtype == torch.uint8
    assert (images == 255).float().mean() > 0.5
    assert int(images.amin()) == 0


def test_the_first_test_images_are_of_several_characters(drawings):
    loaded = open_dataset("omniglot").load()
    assert len(set(loaded.test.labels[:DRAWERS].tolist())) > 1  # in the order of names they would be one


def test_the_folder_of_torchvision_is_found(drawings, data):
    first = open_dataset("omniglot").identity()
    (data / "omniglot").rename(data / "moved")
    (data / "omniglot").mkdir()
    (data / "moved").rename(data / "omniglot" / "omniglot-py")
    assert open_dataset("omniglot").identity() == first


def test_a_drawing_of_another_size_and_a_stray_one_are_named(drawings, data):
    Image.new("1", (104, 105)).save(drawings[0])
    with pytest.raises(DataError, match=rf"{drawings[0].name}': 104 x 105 pixels, but drawings have 105 x 105"):
        open_dataset("omniglot").load()
    (data / "omniglot" / "images_background" / "Latin" / "stray.png").write_bytes(drawings[1].read_bytes())
    with pytest.raises(DataError, match=r"Latin/stray\.png' should be in SET/ALPHABET/CHARACTER/"):
        open_dataset("omniglot").load()


def test_one_drawing_to_train_on_is_too_few(drawings):
    for path in [path for path in drawings if "images_background" in path.parts][1:]:
        path.unlink()
    with pytest.raises(DataError, match="1 image in images_background, 2 or more needed"):
        open_dataset("omniglot").load()


def test_options_are_checked():
    with pytest.raises(BenchError, match="side = 28 should be one of 32, 64"):
        open_dataset("omniglot", {"side": 28})
