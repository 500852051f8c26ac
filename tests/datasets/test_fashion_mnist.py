"""Fashion-MNIST from each of its places, on miniature files in the original layout and on the real package."""

import gzip
import hashlib
import os
import shutil
import struct
import subprocess

import numpy as np
import pytest
from torchvision.datasets import FashionMNIST

from bench.core.errors import DataError, StoreError
from bench.datasets import fashion_mnist
from bench.datasets.catalogue import get, open_dataset

REAL = fashion_mnist.DEBIAN_FOLDER


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def contents(train=20, test=8):
    rng = np.random.default_rng(0)
    made = {}
    for prefix, count in (("train", train), ("t10k", test)):
        made[f"{prefix}-images-idx3-ubyte.gz"] = idx(rng.integers(0, 256, (count, 28, 28), np.uint8))
        made[f"{prefix}-labels-idx1-ubyte.gz"] = idx(np.arange(count, dtype=np.uint8) % 10)
    return made


def write(folder, files, level=9):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(gzip.compress(content, level))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Miniature contents whose MD5s are expected; neither the package nor the network is there."""
    made = contents()
    sums = {name: hashlib.md5(content).hexdigest() for name, content in made.items()}
    monkeypatch.setattr(fashion_mnist.FashionMnist, "md5", sums)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "usr" / "fashion")
    monkeypatch.setattr(FashionMNIST, "mirrors", [f"file://{tmp_path}/nowhere/"])
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()
    tool(tmp_path, "apt-get", "echo 'E: no such package' >&2; exit 100")
    return made


def tool(tmp_path, name, script):
    path = tmp_path / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("level", [1, 9])
def test_read_from_the_data_folder_whatever_the_compression(files, data, level):
    write(data / "fashion-mnist", files, level)
    loaded = open_dataset("fashion-mnist").load()
    assert (len(loaded.train), len(loaded.val), len(loaded.test), loaded.shape) == (18, 2, 8, (1, 28, 28))
    assert loaded.test.data.numpy().tobytes() == files["t10k-images-idx3-ubyte.gz"][16:]
    assert loaded.test.labels.tolist() == list(range(8))
    assert loaded.classes[9] == "Ankle boot"


def test_the_data_folder_comes_before_the_package_and_gives_the_same_identity(files, data):
    write(fashion_mnist.DEBIAN_FOLDER, files)
    source = open_dataset("fashion-mnist")
    assert source.availability() == (True, str(fashion_mnist.DEBIAN_FOLDER))
    packaged = source.identity()
    write(data / "fashion-mnist", files)
    assert source.availability() == (True, str(data / "fashion-mnist"))
    assert source.identity() == packaged


def test_missing_files_are_named_with_the_command(files, data):
    write(data / "fashion-mnist", {k: v for k, v in files.items() if "labels" in k})
    source = open_dataset("fashion-mnist")
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz, t10k-images.*`ganinv data get fashion-mnist`"):
        source.load()
    assert not source.availability()[0]


def test_a_truncated_file_is_named(files, data):
    write(data / "fashion-mnist", files)
    path = data / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    for act in (open_dataset("fashion-mnist").identity, open_dataset("fashion-mnist").load):
        with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz: cannot be read: .*delete it"):
            act()


def test_other_content_is_refused_even_beside_a_good_package(files, data):
    write(fashion_mnist.DEBIAN_FOLDER, files)
    other = dict(files, **{"train-labels-idx1-ubyte.gz": idx(np.ones(20, np.uint8))})
    write(data / "fashion-mnist", other)
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte\.gz: damaged, MD5 is \w{32} and should be \w{32}"):
        open_dataset("fashion-mnist").load()


def test_labels_must_match_the_images(files, data, monkeypatch):
    write(data / "fashion-mnist", contents(test=9) | {k: v for k, v in files.items() if k.startswith("t10k-i")})
    monkeypatch.setattr("bench.datasets.pinned.check_files", lambda folder, md5: None)
    with pytest.raises(DataError, match="8 test images, but 9 labels"):
        open_dataset("fashion-mnist").load()


def test_get_downloads_with_torchvision(files, data, mirror, monkeypatch):
    folder, address = mirror
    write(folder, files)
    sums = [(name, hashlib.md5((folder / name).read_bytes()).hexdigest()) for name in files]
    monkeypatch.setattr(FashionMNIST, "resources", sums)
    monkeypatch.setattr(FashionMNIST, "mirrors", [address])
    assert get("fashion-mnist") == str(data / "fashion-mnist")
    assert sorted(p.name for p in (data / "fashion-mnist").iterdir()) == sorted(files)
    assert not [p for p in data.iterdir() if p.name.startswith("tmp")]
    assert len(open_dataset("fashion-mnist").load().test) == 8


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_get_falls_back_to_the_debian_package(files, data, tmp_path):
    root = tmp_path / "package"
    write(root / fashion_mnist.DEBIAN_FOLDER.relative_to("/"), files)
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(
        "Package: dataset-fashion-mnist\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: test\n"
    )
    subprocess.run(["dpkg-deb", "-b", root, tmp_path / "made.deb"], check=True, capture_output=True)
    tool(tmp_path, "apt-get", f'[ "$*" = "download dataset-fashion-mnist" ] && cp {tmp_path}/made.deb .')
    assert get("fashion-mnist") == str(data / "fashion-mnist")
    assert len(open_dataset("fashion-mnist").load().test) == 8


def test_get_refuses_downloads_of_other_content(files, data, mirror, monkeypatch):
    folder, address = mirror
    write(folder, contents(train=21))
    sums = [(name, hashlib.md5((folder / name).read_bytes()).hexdigest()) for name in files]
    monkeypatch.setattr(FashionMNIST, "resources", sums)
    monkeypatch.setattr(FashionMNIST, "mirrors", [address])
    with pytest.raises(DataError, match=r"torchvision: .*train-images-idx3-ubyte\.gz: damaged"):
        get("fashion-mnist")
    assert not list((data / "fashion-mnist").iterdir())


def test_get_that_fails_says_why_and_what_to_do(files, data):
    with pytest.raises(
        DataError, match=r"torchvision: .*debian: E: no such package\); put train-images.* by hand"
    ) as info:
        get("fashion-mnist")
    assert "\n" not in str(info.value)
    assert not list((data / "fashion-mnist").iterdir())


def test_get_into_a_place_that_is_a_file(files, data):
    data.parent.mkdir()
    data.write_text("in the way")
    with pytest.raises(StoreError, match="cannot write"):
        get("fashion-mnist")


@pytest.mark.skipif(not REAL.is_dir(), reason=f"needs the Debian package {fashion_mnist.DEBIAN_PACKAGE}")
def test_the_real_package():
    loaded = open_dataset("fashion-mnist").load()
    assert (len(loaded.train), len(loaded.val), len(loaded.test)) == (55_000, 5_000, 10_000)
    assert loaded.test.labels.bincount().tolist() == [1_000] * 10
    both = loaded.train.labels.bincount() + loaded.val.labels.bincount()
    assert both.tolist() == [6_000] * 10
    pixels = (loaded.train.data.double().sum() + loaded.val.data.double().sum()) / (60_000 * 784 * 255)
    assert float(pixels) == pytest.approx(0.2860, abs=1e-4)  # the mean that everyone normalises this set with
    assert loaded.classes == tuple(FashionMNIST.classes)
