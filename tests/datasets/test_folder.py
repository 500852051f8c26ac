"""Any folder of images: pixels, splits, classes, bad files, the cache, and several processes at once."""

import json
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from bench.core.errors import BenchError, DataError, StoreError, UnknownName
from bench.datasets import decoding
from bench.datasets.catalogue import open_dataset

RNG = np.random.default_rng(0)
SPLITS = ("train", "val", "test")


def save(path, size=(8, 8), channels=3, pixels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels is None:
        pixels = RNG.integers(0, 256, (size[1], size[0], channels)[: 2 if channels == 1 else 3], np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def folder(root, **options):
    return open_dataset(f"folder:{root}", {"size": 8, **options})


@pytest.fixture
def photos(tmp_path):
    """Thirty images of 8 x 8, nested, with a file that is no image."""
    root = tmp_path / "photos"
    for k in range(30):
        save(root / f"part{k % 2}" / "deep" / f"{k:02}.png")
    (root / "README.txt").write_text("no image")
    (root / ".hidden.png").write_text("no image either")
    return root


def rows(images):
    return {bytes(row.numpy()) for row in images.data}


def cache_of(data, source):
    return data / "folder-cache" / source.identity()


def test_pixels_arrive_unchanged_once_each_in_disjoint_splits(photos):
    loaded = folder(photos, crop="none").load()
    assert [len(getattr(loaded, split)) for split in SPLITS] == [25, 2, 3]
    assert (loaded.shape, loaded.train.data.dtype) == ((3, 8, 8), torch.uint8)
    expected = {np.asarray(Image.open(p)).transpose(2, 0, 1).tobytes() for p in photos.rglob("[0-9]*.png")}
    assert set.union(*(rows(getattr(loaded, split)) for split in SPLITS)) == expected
    assert len(expected) == 30


def test_the_second_load_opens_no_image(photos, data, monkeypatch):
    source = folder(photos)
    first = source.load().train.checksum
    monkeypatch.setattr(Image, "open", lambda *args: pytest.fail("decoded again"))
    assert folder(photos).load().train.checksum == first
    assert not [p.name for p in (data / "folder-cache").iterdir() if p.name.endswith(".tmp")]


def test_writing_to_the_tensor_leaves_the_cache_alone(photos):
    first = folder(photos).load().train
    before = first.data.clone()
    first.data.zero_()
    assert torch.equal(folder(photos).load().train.data, before)


def test_identity_changes_with_files_and_options_only(photos):
    first = folder(photos).identity()
    assert folder(photos).identity() == first
    assert (
        len({first, *(folder(photos, **o).identity() for o in ({"size": 9}, {"crop": "none"}, {"channels": 1}))}) == 4
    )
    path = photos / "part0" / "deep" / "00.png"
    os.utime(path, ns=(1, 1))
    assert folder(photos).identity() == first
    save(path)
    assert folder(photos).identity() != first


def test_folders_of_the_same_names_sizes_and_dates_are_told_apart(tmp_path):
    loaded, sources = {}, {}
    for name, value in (("one", 10), ("two", 200)):
        for k in range(20):
            path = tmp_path / name / f"{k:02}.bmp"
            save(path, pixels=np.full((8, 8, 3), value + k, np.uint8))
            os.utime(path, (1e9, 1e9))
        sources[name] = folder(tmp_path / name)
        loaded[name] = sources[name].load()
    facts = [
        [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in sorted((tmp_path / n).iterdir())] for n in loaded
    ]
    assert facts[0] == facts[1]
    for name, value in (("one", 10), ("two", 200)):
        shown = {int(v) for split in SPLITS for v in getattr(loaded[name], split).data.unique()}
        assert shown == {value + k for k in range(20)}
    assert sources["one"].identity() != sources["two"].identity()


def test_a_class_that_is_a_link_is_a_class(tmp_path):
    for k in range(12):
        save(tmp_path / "far" / f"{k}.png")
        save(tmp_path / "photos" / "cats" / f"{k}.png")
    (tmp_path / "photos" / "dogs").symlink_to(tmp_path / "far")
    loaded = folder(tmp_path / "photos").load()
    assert loaded.classes == ("cats", "dogs")
    assert sum(len(getattr(loaded, split)) for split in SPLITS) == 24


def test_the_place_of_the_folder_is_no_part_of_its_identity(photos, tmp_path):
    first = folder(photos).identity()
    assert folder(photos.rename(tmp_path / "moved")).identity() == first


@pytest.mark.parametrize("channels", [1, 3])
def test_centre_crop_and_grey(tmp_path, channels):
    for k in range(3):
        pixels = np.full((10, 20, 3), 255, np.uint8)
        pixels[:, 5:15] = (100, k, 0)
        save(tmp_path / "f" / f"{k}.png", pixels=pixels)
    loaded = folder(tmp_path / "f", size=4, channels=channels).load()
    image = loaded.test.data[0]
    assert image.shape == (channels, 4, 4)
    assert set(image[0].flatten().tolist()) <= ({100} if channels == 3 else {30, 31})  # .299 x 100 + .587 x k


def test_resizing_agrees_with_torch(tmp_path):
    pixels = save(tmp_path / "f" / "0.png", (16, 16))
    for k in (1, 2):
        save(tmp_path / "f" / f"{k}.png", pixels=pixels)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(pixels).permute(2, 0, 1)[None].float(), (8, 8), mode="bilinear", antialias=True
    )
    assert (folder(tmp_path / "f").load().test.data.float() - expected).abs().max() <= 1


def test_orientation_tag_is_obeyed(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by half a circle
    (tmp_path / "f").mkdir()
    for k in range(3):
        Image.fromarray(pixels).save(tmp_path / "f" / f"{k}.png", exif=exif)
    image = folder(tmp_path / "f", crop="none").load().test.data[0, 0]
    assert image[-1].tolist() == [255] * 8
    assert int(image[:-1].max()) == 0


def test_sub_folders_train_and_test_are_the_splits_and_classes_lie_inside(tmp_path):
    shown = {}
    for split, count in (("train", 20), ("test", 4)):
        for kind in ("cat", "dog"):
            for k in range(count):
                shown[save(tmp_path / "f" / split / kind / f"{k}.png").transpose(2, 0, 1).tobytes()] = (split, kind)
    loaded = folder(tmp_path / "f", crop="none").load()
    assert [len(getattr(loaded, split)) for split in SPLITS] == [36, 4, 8]
    assert loaded.classes == ("cat", "dog")
    for split in SPLITS:
        images = getattr(loaded, split)
        for row, label in zip(images.data, images.labels.tolist(), strict=True):
            assert shown[bytes(row.numpy())] == ("test" if split == "test" else "train", loaded.classes[label])
    assert len(set(loaded.train.labels[:12].tolist())) == 2  # shuffled, so the first images are a fair sample


def test_a_val_folder_is_used(tmp_path):
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        for k in range(count):
            save(tmp_path / "f" / split / f"{k}.png")
    loaded = folder(tmp_path / "f").load()
    assert [len(getattr(loaded, split)) for split in SPLITS] == [3, 2, 1]
    assert loaded.train.labels is None


def test_an_image_outside_of_the_split_folders_is_refused(tmp_path):
    for name in ("train/a.png", "test/b.png", "c.png"):
        save(tmp_path / "f" / name)
    with pytest.raises(DataError, match=r"'c\.png' lies outside"):
        folder(tmp_path / "f").load()


def test_classes_need_every_image_in_one(photos):
    assert folder(photos).load().classes == ("part0", "part1")
    save(photos / "loose.png")
    loaded = folder(photos).load()
    assert (loaded.classes, loaded.train.labels) == ((), None)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_images(tmp_path, count):
    (tmp_path / "f").mkdir()
    for k in range(count):
        save(tmp_path / "f" / f"{k}.png")
    with pytest.raises(DataError, match="no image in it" if count == 0 else f"{count} images leave none for"):
        folder(tmp_path / "f").load()


def test_a_folder_that_is_not_there(tmp_path):
    source = folder(tmp_path / "nowhere")
    assert source.availability() == (False, f"folder {tmp_path / 'nowhere'}: no such folder")
    for act in (source.identity, source.get, source.load):
        with pytest.raises(DataError, match="no such folder"):
            act()


def spoil(path, how):
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"no image", "cut": content[: len(content) // 2]}[how])


@pytest.mark.parametrize("how", ["empty", "text", "cut"])
def test_a_damaged_image_is_fatal_and_named(photos, data, how):
    spoil(photos / "part0" / "deep" / "04.png", how)
    with pytest.raises(DataError, match=r"cannot use 'part0/deep/04\.png': .*on_bad = 'skip'") as info:
        folder(photos).load()
    assert "\n" not in str(info.value)
    assert not [p for p in (data / "folder-cache").iterdir() if p.suffix != ".lock"]


def test_damaged_images_are_skipped_named_and_recorded(photos, data):
    spoiled = [f"part{k % 2}/deep/{k:02}.png" for k in range(7)]
    for name in spoiled:
        spoil(photos / name, "cut")
    for _ in range(2):  # from the images, then from the cache
        with pytest.warns(UserWarning, match=r"7 images skipped: .*OSError.* and 2 more"):
            loaded = folder(photos, on_bad="skip").load()
    assert sum(len(getattr(loaded, split)) for split in SPLITS) == 23
    whole = [p for p in photos.rglob("[0-9]*.png") if p.relative_to(photos).as_posix() not in spoiled]
    part = {np.asarray(Image.open(p)).transpose(2, 0, 1).tobytes(): p.parts[-3] for p in whole}
    labels = loaded.train.labels.tolist()
    assert [loaded.classes[k] for k in labels] == [part[bytes(row.numpy())] for row in loaded.train.data]
    facts = json.loads((cache_of(data, folder(photos, on_bad="skip")) / "facts.json").read_text())
    assert sorted(facts["skipped"]) == sorted(spoiled)


def test_mixed_sizes(photos):
    save(photos / "part0" / "odd.png", (9, 8))
    with pytest.raises(DataError, match=r"'part0/odd\.png': 9 x 8 pixels, but crop = 'none' requires 8 x 8"):
        folder(photos, crop="none").load()
    with pytest.warns(UserWarning, match="1 images skipped"):
        assert len(folder(photos, crop="none", on_bad="skip").load().train) >= 24


def test_nothing_usable(photos):
    with pytest.raises(DataError, match="no usable image for 'train'"):
        folder(photos, crop="none", size=7, on_bad="skip").load()


def test_deep_pixels_are_refused(tmp_path):
    for k in range(3):
        save(tmp_path / "f" / f"{k}.png", pixels=np.full((8, 8), 40_000, np.uint16))
    with pytest.raises(DataError, match="no 8-bit range"):
        folder(tmp_path / "f", channels=1).load()


def test_a_cache_that_cannot_be_written(photos, data):
    data.mkdir(parents=True)
    (data / "folder-cache").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*folder-cache"):
        folder(photos).load()


@pytest.mark.parametrize("victim", ["test.npy", "train-labels.npy", "facts.json"])
def test_a_damaged_cache_is_named(photos, data, victim):
    folder(photos).load()
    spoil(cache_of(data, folder(photos)) / victim, "cut")
    with pytest.raises(DataError, match=r"damaged cache of decoded images .*delete this folder"):
        folder(photos).load()


def test_what_a_killed_process_left_is_cleared(photos, data):
    cache = cache_of(data, folder(photos))
    left = cache.with_name(f".{cache.name}.tmp")
    left.mkdir(parents=True)
    (left / "train.npy").write_bytes(b"half")
    assert len(folder(photos).load().train) == 25
    assert not left.exists()


def test_a_folder_that_changes_while_it_is_read(photos, data, monkeypatch):
    source = folder(photos)
    answers = iter(["before", "after"])
    monkeypatch.setattr(type(source), "identity", lambda self: next(answers))
    with pytest.raises(DataError, match="changed while it was read"):
        source.load()
    assert not (data / "folder-cache" / "before").exists()


def test_several_processes_decode_once(photos, data):
    code = (
        "import sys; from bench.datasets import decoding; from bench.datasets.folder import Folder\n"
        "Folder._fill, fill = (lambda *a: (print('decoded'), fill(*a))[1]), Folder._fill\n"
        "print((Folder(sys.argv[1], size=8).cache() / 'train.npy').read_bytes())"
    )
    command = [sys.executable, "-c", code, str(photos)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    lines = Counter(line for process in running for line in process.communicate()[0].splitlines())
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sorted(lines.values()) == [1, 3]
    assert lines["decoded"] == 1


def test_memory_stays_bounded_while_decoding(tmp_path, monkeypatch):
    root = tmp_path / "many"
    for k in range(60):
        save(root / f"{k}.png")
    waiting, most = 0, 0

    def counted(self, path):
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        return bytes(3 * 8 * 8)

    monkeypatch.setattr(decoding, "CHUNK", 10)
    monkeypatch.setattr(decoding.Decoder, "attempt", counted)
    for pixels in decoding._decoded(decoding.Decoder(8, 8, 3, decoding.CentreSquare()), [root] * 60):
        assert len(pixels) == 192
        waiting -= 1
    assert most <= 10


def test_options_are_checked(photos):
    with pytest.raises(UnknownName, match="unknown option 'chanels'; did you mean 'channels'"):
        folder(photos, chanels=1)
    with pytest.raises(BenchError, match="channels = 2 should be one of 1, 3"):
        folder(photos, channels=2)
    with pytest.raises(BenchError, match="size = 0"):
        folder(photos, size=0)
    with pytest.raises(BenchError, match="option path is required"):
        open_dataset("folder")
    with pytest.raises(BenchError, match="the path is empty"):
        open_dataset("folder:")
