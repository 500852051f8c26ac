"""What all datasets that are put into place by hand have in common, on the smallest copies of their layouts."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import DataError
from bench.core.registry import load
from bench.datasets.catalogue import catalogue, get, open_dataset

RNG = np.random.default_rng(0)
CAT = "9 10 20 30 20 20 35 5 15 8 5 15 12 25 12 32 5 35 15"


def save(path, width, height):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (height, width, 3), np.uint8)).save(path)


def celeba(root):
    names = [f"{k:06}.jpg" for k in range(1, 8)]
    for name in names:
        save(root / "img_align_celeba" / name, 178, 218)
    rows = [f"{name} {' '.join(['1', '-1'] * 20)}" for name in names]
    (root / "list_attr_celeba.txt").write_text("\n".join(["7", " ".join(f"A{k}" for k in range(40)), *rows]))
    parts = [f"{name} {k % 3}" for k, name in enumerate(names)]
    (root / "list_eval_partition.txt").write_text("\n".join(parts))


def omniglot(root):
    for part in ("images_background", "images_evaluation"):
        for k in range(4):
            save(root / part / "Latin" / "character01" / f"0001_{k:02}.png", 105, 105)


def shoes(root):
    for k in range(7):
        save(root / "ut-zap50k-images-square" / "Boots" / "Ankle" / "adidas" / f"{k}.jpg", 136, 136)


def cat_heads(root):
    for k in range(7):
        save(root / f"CAT_0{k}" / f"{k:08}_000.jpg", 60, 50)
        (root / f"CAT_0{k}" / f"{k:08}_000.jpg.cat").write_text(CAT)


def ffhq(root):
    for number in (0, 1, 2, 3, 60_000):
        save(root / "thumbnails128x128" / f"{number:05}.png", 128, 128)


def imagenet(root):
    for k in range(7):
        save(root / "train" / "n01440764" / f"n01440764_{k}.JPEG", 50, 40)


WRITERS = {
    "celeba": (celeba, "celeba", {"test_images": 2}),
    "omniglot": (omniglot, "omniglot", {}),
    "shoes": (shoes, "shoes", {"test_images": 2}),
    "cat-heads": (cat_heads, "cat-heads", {"test_images": 2}),
    "ffhq": (ffhq, "ffhq", {}),
    "imagenet-patches": (imagenet, "imagenet", {"test_images": 2}),
}


@pytest.fixture(params=WRITERS)
def name(request):
    """Each dataset in turn."""
    return request.param


@pytest.fixture
def source(name, data):
    """Makes a source of a smallest copy."""
    write, folder, options = WRITERS[name]
    write(data / folder)
    return lambda: open_dataset(name, options)


def first_image(data):
    return next(path for path in sorted(data.rglob("*")) if path.suffix.lower() in {".jpg", ".png", ".jpeg"})


def test_what_is_missing_is_named_with_where_to_get_and_to_put_it(name, data):
    source = open_dataset(name)
    available, reason = source.availability()
    assert not available
    cls = load("dataset", name)
    for part in (*cls.needed, cls.homepage, cls.archives, str(data / WRITERS[name][1])):
        assert part in reason
    assert "\n" not in reason
    for act in (source.identity, source.load, lambda: get(name)):
        with pytest.raises(DataError) as info:
            act()
        assert str(info.value) == reason
    assert reason == next(status.place for status in catalogue() if status.name == name)


def test_what_is_there_is_found_and_get_returns_its_place(source, name, data):
    place = str(data / WRITERS[name][1])
    assert source().availability() == (True, place)
    assert get(name) == place


def test_a_place_that_lacks_one_of_its_parts_names_that_part(source, name, data):
    cls = load("dataset", name)
    (data / WRITERS[name][1] / cls.needed[-1]).rename(data / "elsewhere")
    available, reason = source().availability()
    assert not available
    assert reason.startswith(f"{name}: {cls.needed[-1]} not in {data / WRITERS[name][1]}")


def test_a_reduced_copy_is_read_with_a_warning_that_counts(source, name):
    complete = load("dataset", name).complete
    for _ in range(2):  # from the images, then from the cache
        with pytest.warns(UserWarning, match=r"results are not those of the complete set") as caught:
            loaded = source().load()
        text = str(caught[0].message)
        assert all(f"{part} where the complete set has {number:,}" in text for part, number in complete.items())
    assert loaded.name == name
    assert min(len(loaded.train), len(loaded.val), len(loaded.test)) >= 1


def test_a_complete_copy_is_read_without_a_warning(source, name, monkeypatch):
    with pytest.warns(UserWarning, match="complete set"):
        source().load()
    cls = load("dataset", name)
    found = {"images_background": 4, "images_evaluation": 4, "images": 5 if name == "ffhq" else 7}
    monkeypatch.setattr(cls, "complete", {part: found[part] + cls.tolerance for part in cls.complete})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        source().load()
    assert [str(warning.message) for warning in caught] == []
    monkeypatch.setattr(cls, "complete", {part: found[part] + cls.tolerance + 1 for part in cls.complete})
    with pytest.warns(UserWarning, match="complete set"):
        source().load()


@pytest.mark.filterwarnings("ignore:.*complete set")
def test_images_are_decoded_once(source, name, data, monkeypatch):
    first = source().load()
    monkeypatch.setattr(Image, "open", lambda *args: pytest.fail("decoded again"))
    assert source().load().test.checksum == first.test.checksum
    assert [path.parent.name for path in (data / f"{name}-cache").glob("*/facts.json")] == [source().identity()]


def test_identity_follows_files_and_options_but_not_the_place(source, name, data):
    first = source().identity()
    assert source().identity() == first
    home = data / WRITERS[name][1]
    home.rename(data / "moved")
    home.symlink_to(data / "moved")
    assert source().identity() == first
    path = first_image(data)
    content = path.read_bytes()
    os.utime(path, ns=(1, 1))
    assert source().identity() == first
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # same name and size
    os.utime(path, ns=(1, 1))
    assert source().identity() != first
    path.write_bytes(content)
    assert source().identity() == first


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("celeba", [{}, {"side": 128}, {"crop": "icgan"}, {"crop": "full"}, {"test_images": 3}, {"train_images": 3}]),
        ("omniglot", [{}, {"side": 32}]),
        ("shoes", [{}, {"side": 128}, {"test_images": 3}]),
        ("cat-heads", [{}, {"side": 64}, {"margin": 0.2}, {"test_images": 3}, {"on_bad": "skip"}]),
        ("ffhq", [{}, {"side": 64}]),
        ("imagenet-patches", [{}, {"seed": 1}, {"test_images": 3}, {"train_images": 3}, {"on_bad": "skip"}]),
    ],
)
def test_every_option_is_part_of_the_identity(name, options, data):
    write, folder, _ = WRITERS[name]
    write(data / folder)
    assert len({open_dataset(name, chosen).identity() for chosen in options}) == len(options)


def test_a_damaged_image_is_fatal_and_named(source, name, data):
    victim = first_image(data)
    victim.write_bytes(victim.read_bytes()[:200])
    with pytest.raises(DataError, match=rf"{name} .*cannot use '.*{victim.name}': .*; mend (it|the file)") as info:
        source().load()
    assert "\n" not in str(info.value)


def test_neither_listing_nor_decoding_loads_torch(data):
    for write, folder, _ in WRITERS.values():
        write(data / folder)
    sources = {name: options for name, (_, _, options) in WRITERS.items()}
    code = (
        "import sys\n"
        "from bench.datasets.catalogue import open_dataset\n"
        f"for name, options in {sources!r}.items():\n"
        "    source = open_dataset(name, options)\n"
        "    source.availability(); source.identity(); source.cache()\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
