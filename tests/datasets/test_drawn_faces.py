"""Drawn faces: how often and together which attributes occur, that they can be seen, and that pixels never differ."""

import hashlib
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.errors import BenchError, DataError
from bench.core.fingerprints import Code, CodeReader
from bench.core.import_graph import ImportGraph
from bench.datasets import drawn_faces
from bench.datasets.catalogue import open_dataset
from bench.datasets.faces import drawing
from bench.datasets.faces.drawing import draw, halved
from bench.datasets.faces.people import ATTRIBUTES, CHAIN, CHOICES, COLUMNS, People, gather

CELEBA = {
    "Bald": 0.022, "Bangs": 0.152, "Black_Hair": 0.239, "Blond_Hair": 0.148, "Brown_Hair": 0.205,
    "Bushy_Eyebrows": 0.142, "Eyeglasses": 0.065, "Male": 0.417, "Mouth_Slightly_Open": 0.483, "Mustache": 0.042,
    "No_Beard": 0.835, "Pale_Skin": 0.043, "Young": 0.774, "Smiling": 0.482, "Wearing_Hat": 0.048,
}  # fmt: skip
"""Shares of CelebA's 202,599 images that have an attribute."""
HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair")
SMALL = {"train": 20, "val": 3, "test": 5}


def people(count, seed=0):
    return gather(np.random.RandomState(seed).random_sample((count, COLUMNS)))


def column(group, name):
    return group.attributes[:, ATTRIBUTES.index(name)]


def joint():
    """Probability of every combination of attributes, by walking down the chain."""
    known = {(): 1.0}
    for place, link in enumerate(CHAIN):
        parents = [[other.name for other in CHAIN[:place]].index(name) for name in link.parents]
        grown = {}
        for values, probability in known.items():
            chance = link.chances.get(tuple(values[p] for p in parents), 0.0)
            grown[*values, True], grown[*values, False] = probability * chance, probability * (1 - chance)
        known = {values: p for values, p in grown.items() if p > 0}
    return known


def marginals():
    share = dict.fromkeys(ATTRIBUTES, 0.0)
    for values, probability in joint().items():
        for link, value in zip(CHAIN, values, strict=True):
            share[link.name] += probability * value
    return share


def with_attribute(group, name, value):
    """The same people with one attribute set, and those that it excludes unset."""
    changed = group.attributes.copy()
    changed[:, ATTRIBUTES.index(name)] = value
    excluded = {"Bald": (*HAIR, "Bangs", "Wearing_Hat"), **{h: (*set(HAIR) - {h}, "Bald") for h in HAIR}}
    excluded |= {"Bangs": ("Bald",), "Wearing_Hat": ("Bald",)}
    if value:
        for other in excluded.get(name, ()):
            changed[:, ATTRIBUTES.index(other)] = False
    return People(changed, group.choices)


def test_the_chain_names_every_attribute_once_and_its_parents_first():
    names = [link.name for link in CHAIN]
    assert sorted(names) == sorted(ATTRIBUTES)
    assert len(set(CHOICES)) == len(CHOICES)
    for place, link in enumerate(CHAIN):
        assert set(link.parents) <= set(names[:place])
        assert set(link.chances) <= set(product((False, True), repeat=len(link.parents)))


def test_marginals_are_close_to_those_of_celeba():
    assert sum(joint().values()) == pytest.approx(1)
    for name, share in marginals().items():
        assert share == pytest.approx(CELEBA[name], abs=0.012), name


def test_draws_follow_the_chain():
    count = 20_000
    drawn = people(count)
    for name, share in marginals().items():
        spread = (share * (1 - share) / count) ** 0.5
        assert abs(column(drawn, name).mean() - share) < 4.5 * spread, name


def test_what_excludes_each_other_never_meets():
    drawn = people(20_000)
    assert sum(column(drawn, h).astype(int) for h in HAIR).max() == 1
    bald = column(drawn, "Bald")
    for name in (*HAIR, "Bangs", "Wearing_Hat"):
        assert not (bald & column(drawn, name)).any(), name
    women = ~column(drawn, "Male")
    assert not (women & column(drawn, "Mustache")).any()
    assert column(drawn, "No_Beard")[women].all()


@pytest.mark.parametrize(
    ("first", "second", "sign"),
    [
        ("Male", "Bald", 1),
        ("Male", "Eyeglasses", 1),
        ("Male", "Bushy_Eyebrows", 1),
        ("Male", "Wearing_Hat", 1),
        ("Male", "Blond_Hair", -1),
        ("Male", "Bangs", -1),
        ("Male", "Young", -1),
        ("Young", "Eyeglasses", -1),
        ("Smiling", "Mouth_Slightly_Open", 1),
        ("Mustache", "No_Beard", -1),
    ],
)
def test_attributes_depend_on_each_other_as_in_celeba(first, second, sign):
    drawn = people(20_000)
    a, b = column(drawn, first), column(drawn, second)
    assert sign * (b[a].mean() - b[~a].mean()) > 0.02


@pytest.fixture(scope="module")
def twelve():
    """Twelve young men without hats or beards, so that every attribute may be given to and taken from them."""
    drawn = people(12, seed=3)
    attributes = np.zeros_like(drawn.attributes)
    for name in ("Male", "Young", "No_Beard"):
        attributes[:, ATTRIBUTES.index(name)] = True
    return People(attributes, drawn.choices)


REGIONS = {
    "Bangs": (4, 40), "Bushy_Eyebrows": (14, 36), "Eyeglasses": (14, 46), "Wearing_Hat": (0, 34),
    "Mouth_Slightly_Open": (32, 60), "Mustache": (32, 56), "No_Beard": (28, 64), "Smiling": (26, 60),
}  # fmt: skip
"""Rows of 64 in which an attribute may change anything much."""


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_each_attribute_changes_every_face_where_it_should(name, twelve):
    without, given = (draw(with_attribute(twelve, name, v), 64).astype(int) for v in (False, True))
    change = np.abs(given - without).max(1)
    assert ((change > 24).sum((1, 2)) >= 5).all()
    if name in REGIONS:
        top, bottom = REGIONS[name]
        assert change[:, top:bottom].sum() > 0.97 * change.sum()


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1), st.integers(1, 15))
def test_a_face_does_not_depend_on_who_is_drawn_beside_it(seed, cut):
    group = people(16, seed)
    together = draw(group, 64)
    assert np.array_equal(together[:cut], draw(group.take(slice(0, cut)), 64))
    assert np.array_equal(together[cut:], draw(group.take(slice(cut, None)), 64))


def test_the_first_of_many_are_the_few():
    few, many = people(7), people(50)
    assert np.array_equal(few.attributes, many.attributes[:7])
    assert np.array_equal(few.choices, many.choices[:7])


def test_pixels_are_the_same_on_every_machine():
    found = hashlib.sha256(draw(people(24), 128).tobytes()).hexdigest()
    assert found == "d61baa58fd6c4a92a73a2c2d16e3ff32a628ea12041bc4cec8e8b068d7600b80"


def test_small_pictures_are_means_of_large_ones(twelve):
    large, small = draw(twelve, 128), draw(twelve, 64)
    means = large.reshape(12, 3, 64, 2, 64, 2).astype(float).mean((3, 5))
    np.testing.assert_array_equal(small, np.floor(means + 0.5))
    np.testing.assert_array_equal(halved(np.array([[[[0, 1], [1, 0]]]], np.uint8)), [[[[1]]]])


def test_faces_differ_from_each_other():
    pictures = draw(people(64), 64).reshape(64, -1).astype(float)
    gaps = np.abs(pictures[:, None] - pictures[None]).mean(2)[np.triu_indices(64, 1)]
    assert gaps.min() > 8


def test_a_loaded_set_is_what_was_drawn():
    loaded = open_dataset("drawn-faces", {**SMALL, "side": 64}).load()
    assert loaded.shape == (3, 64, 64)
    assert (len(loaded.train), len(loaded.val), len(loaded.test)) == (20, 3, 5)
    assert loaded.classes == ()
    assert loaded.train.attribute_names == ATTRIBUTES
    assert loaded.train.labels is None
    stream = gather(np.random.RandomState([0, 0]).random_sample((20, COLUMNS)))
    np.testing.assert_array_equal(loaded.train.data.numpy(), draw(stream, 64))
    np.testing.assert_array_equal(loaded.train.attributes.numpy(), stream.attributes)


def test_splits_seeds_and_sizes_have_pictures_of_their_own():
    first, second = (open_dataset("drawn-faces", {**SMALL, "seed": s}).load() for s in (0, 1))
    firsts = [images.data[0].numpy().tobytes() for d in (first, second) for images in (d.train, d.val, d.test)]
    assert len(set(firsts)) == 6
    larger = open_dataset("drawn-faces", {**SMALL, "train": 25}).load()
    assert np.array_equal(larger.train.data[:20], first.train.data)
    assert larger.test.checksum == first.test.checksum


def test_pictures_are_drawn_once(monkeypatch):
    source = open_dataset("drawn-faces", SMALL)
    checksum = source.load().train.checksum
    monkeypatch.setattr(drawing, "draw", None)
    again = open_dataset("drawn-faces", SMALL)
    assert again.load().train.checksum == checksum
    assert again.get() == str(source.cache())


def test_other_drawing_code_means_another_folder(monkeypatch):
    source, graph = open_dataset("drawn-faces", SMALL), ImportGraph()
    assert any(path.name == "hair.py" for path in graph.reached(graph.module_path(drawn_faces.__name__)))
    before = source.identity()
    monkeypatch.setattr(CodeReader, "module", lambda reader, name: Code(f"edited {name}", ()))
    assert source.identity() != before


def test_options_are_part_of_the_identity():
    given = [{}, {"seed": 1}, {"side": 128}, {"train": 5}, {"val": 5}, {"test": 5}]
    assert len({open_dataset("drawn-faces", options).identity() for options in given}) == len(given)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"side": 32}, "side = 32: expected 64 or 128 pixels"),
        ({"train": 0}, "train = 0: expected 1 or more images"),
        ({"test": -1}, "test = -1: expected 1 or more images"),
        ({"seed": -1}, "seed = -1: expected 0 to 4294967295"),
    ],
)
def test_wrong_options_are_refused(options, reason):
    with pytest.raises(BenchError, match=f"dataset 'drawn-faces': {reason}"):
        open_dataset("drawn-faces", options)


@pytest.mark.parametrize("content", [b"", None])
def test_a_damaged_cache_is_named(content):
    source = open_dataset("drawn-faces", SMALL)
    file = source.cache() / "val.npy"
    if content is None:
        np.save(file, np.zeros((2, 3, 64, 64), np.uint8))
    else:
        file.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged cache of drawn faces .* delete this folder") as caught:
        source.load()
    assert str(source.cache()) in str(caught.value)


def test_identity_and_drawing_leave_torch_alone():
    code = (
        "import sys; from bench.core.options import create\n"
        "s = create('dataset', 'drawn-faces', {'train': 2, 'val': 1, 'test': 1}); s.identity(); s.get()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_command_draws_the_first_images_of_a_split(call, tmp_path):
    from PIL import Image

    file = tmp_path / "faces.png"
    code, _, err = call("data", "picture", "drawn-faces?train=9&val=3&test=70", "--out", file)
    assert code == 0, err
    sheet = np.asarray(Image.open(file))
    assert sheet.shape == (8 * 65 + 1, 8 * 65 + 1, 3)
    first = open_dataset("drawn-faces", {"train": 9, "val": 3, "test": 70}).load().test.data[9].numpy()
    np.testing.assert_allclose(sheet[66:130, 66:130].transpose(2, 0, 1).astype(int), first.astype(int), atol=1)
    code, _, err = call("data", "picture", "drawn-faces?train=9&val=3&test=70", "--out", file, "--split", "val")
    assert code == 0, err
    assert np.asarray(Image.open(file)).shape == (66, 3 * 65 + 1, 3)


def test_points_have_no_picture_and_other_splits_do_not_exist(call, tmp_path):
    code, _, err = call("data", "picture", "digits", "--out", tmp_path / "digits.png", "--split", "tset")
    assert code == 2
    assert "--split: unknown split 'tset'; did you mean 'test'?" in err
    code, _, err = call("data", "picture", "gaussians8", "--out", tmp_path / "points.png")
    assert code == 2
    assert "gaussians8: holds points, not pictures" in err
