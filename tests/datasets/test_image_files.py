"""The base of datasets of image files: what a subclass says is what is loaded, also when files are skipped."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import DataError
from bench.datasets.decoding import CentreSquare, Decoder
from bench.datasets.image_files import ImageFiles
from bench.datasets.layouts import Layout

NAMES = [f"{k}.png" for k in range(8)]
MARKS = np.random.default_rng(0).integers(0, 2, (8, 3)).astype(bool)


@dataclass
class Tiles(ImageFiles):
    """Eight tiles, each of one grey value: five train, one val, two test."""

    place: str
    skip: bool = False
    side: int = 4

    registered_name = "tiles"

    @property
    def root(self):
        return Path(self.place)

    def availability(self):
        return True, self.place

    def get(self):
        return self.place

    def list_inputs(self):
        return NAMES

    def layout(self):
        parts = {"train": slice(0, 5), "val": slice(5, 6), "test": slice(6, 8)}
        return Layout(
            {split: NAMES[part] for split, part in parts.items()},
            ("even", "odd"),
            lambda name: ("even", "odd")[int(name[0]) % 2],
            {split: MARKS[part] for split, part in parts.items()},
            ("a", "b", "c"),
        )

    def decoder(self):
        return Decoder(self.side, self.side, 1, CentreSquare())

    def skips_bad(self):
        return self.skip


@pytest.fixture
def place(tmp_path):
    """The folder of the tiles."""
    for k, name in enumerate(NAMES):
        Image.new("L", (6, 5), 10 * k).save(tmp_path / name)
    return str(tmp_path)


def test_labels_and_attributes_stay_with_their_images(place):
    loaded = Tiles(place).load()
    assert loaded.train.data[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40]
    assert loaded.train.labels.tolist() == [0, 1, 0, 1, 0]
    assert loaded.classes == ("even", "odd")
    assert loaded.test.attribute_names == ("a", "b", "c")
    assert np.array_equal(loaded.test.attributes.numpy(), MARKS[6:])


def test_labels_and_attributes_of_skipped_images_are_skipped_too(place):
    for k in (1, 6):
        Path(place, NAMES[k]).write_bytes(b"no image")
    with pytest.warns(UserWarning, match=r"2 images skipped: '1\.png' .*'6\.png'"):
        loaded = Tiles(place, skip=True).load()
    assert loaded.train.data[:, 0, 0, 0].tolist() == [0, 20, 30, 40]
    assert loaded.train.labels.tolist() == [0, 0, 1, 0]
    assert np.array_equal(loaded.train.attributes.numpy(), MARKS[[0, 2, 3, 4]])
    assert np.array_equal(loaded.test.attributes.numpy(), MARKS[7:])


def test_a_split_without_a_usable_image_is_refused(place):
    Path(place, NAMES[5]).write_bytes(b"no image")
    with pytest.raises(DataError, match="no usable image for 'val'"):
        Tiles(place, skip=True).load()


def test_the_identity_follows_how_images_are_decoded(place, monkeypatch):
    first = Tiles(place).identity()
    monkeypatch.setattr(Tiles, "decoder", lambda self: Decoder(4, 4, 3, CentreSquare()))
    assert Tiles(place).identity() != first


@pytest.mark.parametrize("victim", ["val.npy", "val-labels.npy", "val-attributes.npy", "facts.json"])
def test_a_damaged_cache_is_named(place, victim):
    source = Tiles(place)
    path = source.cache() / victim
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DataError, match=r"damaged cache of decoded images .*delete this folder"):
        source.load()


def test_a_cache_without_its_attributes_is_refused(place):
    source = Tiles(place)
    (source.cache() / "val-attributes.npy").unlink()
    with pytest.raises(DataError, match=r"damaged cache of decoded images .*delete this folder"):
        source.load()


def test_a_file_that_is_gone_is_named(place):
    Path(place, NAMES[3]).unlink()
    with pytest.raises(DataError, match=r"tiles .*: cannot read '3\.png': No such file"):
        Tiles(place).identity()
