"""MNIST, CIFAR-10 and SVHN read from miniature copies in their original file layouts."""

import hashlib
import os
import pickle
import struct

import numpy as np
import pytest
import torchvision.datasets as tv
from scipy.io import savemat

from bench.core.errors import DataError
from bench.datasets.catalogue import get, open_dataset
from bench.datasets.torchvision_sets import Cifar10, Mnist, Svhn

RNG = np.random.default_rng(0)


def pixels(*shape):
    return RNG.integers(0, 256, shape, np.uint8)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def mnist(data, monkeypatch):
    """Writes MNIST with 20 + 6 images; returns the test images."""
    raw = data / "mnist" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for prefix, count in (("train", 20), ("t10k", 6)):
        images = pixels(count, 28, 28)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, *images.shape) + images.tobytes())
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + bytes(range(count)))
    monkeypatch.setattr(Mnist, "md5", {name: md5(data / "mnist" / name) for name in Mnist.md5})
    return images[:, None]


@pytest.fixture
def cifar10(data, monkeypatch):
    """Writes CIFAR-10 with 5 x 4 + 6 images; returns the test images."""
    folder = data / "cifar10" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name in [f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]:
        images = pixels(6 if name == "test_batch" else 4, 3, 32, 32)
        batch = {"data": images.reshape(-1, 3072), "labels": list(range(len(images)))}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(Cifar10.classes)}, protocol=2))
    accept_cifar(monkeypatch, data / "cifar10")
    return images


def accept_cifar(monkeypatch, folder):
    sums = {name: md5(folder / name) for name in Cifar10.md5}
    monkeypatch.setattr(Cifar10, "md5", sums)
    short = {name.split("/")[1]: found for name, found in sums.items()}
    monkeypatch.setattr(tv.CIFAR10, "train_list", [[n, s] for n, s in short.items() if n.startswith("data_batch")])
    monkeypatch.setattr(tv.CIFAR10, "test_list", [["test_batch", short["test_batch"]]])
    monkeypatch.setattr(tv.CIFAR10, "meta", tv.CIFAR10.meta | {"md5": short["batches.meta"]})


def write_svhn(folder, monkeypatch, address=""):
    folder.mkdir(parents=True, exist_ok=True)
    lists = dict(tv.SVHN.split_list)
    for split, count in (("train", 20), ("test", 6)):
        images = pixels(count, 3, 32, 32)
        path = folder / f"{split}_32x32.mat"
        labels = (np.arange(count, dtype=np.uint8) % 10 + 1)[:, None]  # the digit 0 is stored as 10
        savemat(path, {"X": images.transpose(2, 3, 1, 0), "y": labels})
        lists[split] = [address + path.name, path.name, md5(path)]
    monkeypatch.setattr(tv.SVHN, "split_list", lists)
    monkeypatch.setattr(Svhn, "md5", {lists[s][1]: lists[s][2] for s in ("train", "test")})
    return images


@pytest.fixture
def svhn(data, monkeypatch):
    """Writes SVHN with 20 + 6 images; returns the test images."""
    return write_svhn(data / "svhn", monkeypatch)


@pytest.mark.parametrize("name", ["mnist", "cifar10", "svhn"])
def test_miniature_copies_are_read(name, request):
    images = request.getfixturevalue(name)
    loaded = open_dataset(name).load()
    assert (len(loaded.train), len(loaded.val), len(loaded.test)) == (18, 2, 6)
    assert np.array_equal(loaded.test.data.numpy(), images)
    assert loaded.test.data.is_contiguous()
    assert loaded.test.labels.tolist() == [1, 2, 3, 4, 5, 6] if name == "svhn" else list(range(6))
    assert (loaded.train.labels.dtype, len(loaded.classes)) == (loaded.test.labels.dtype, 10)
    assert open_dataset(name).load().train.checksum == loaded.train.checksum


def test_svhn_digit_zero_has_label_zero(svhn):
    loaded = open_dataset("svhn").load()
    assert set(loaded.train.labels.tolist()) | set(loaded.val.labels.tolist()) == set(range(10))


@pytest.mark.parametrize("name", ["mnist", "cifar10", "svhn"])
def test_missing_files_are_named(name, data):
    source = open_dataset(name)
    available, reason = source.availability()
    assert not available
    for part in (*type(source).md5, str(data / name), f"ganinv data get {name}"):
        assert part in reason
    for act in (source.identity, source.load):
        with pytest.raises(DataError, match="ganinv data get"):
            act()


@pytest.mark.parametrize("name", ["mnist", "cifar10", "svhn"])
def test_an_altered_file_is_named(name, request, data):
    request.getfixturevalue(name)
    victim = data / name / next(iter(type(open_dataset(name)).md5))
    content = bytearray(victim.read_bytes())
    content[-1] ^= 1
    victim.write_bytes(content)
    with pytest.raises(DataError, match=rf"{victim.name}: damaged, MD5"):
        open_dataset(name).identity()


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_an_altered_cifar_batch_is_never_unpickled(cifar10, data, tmp_path, monkeypatch):
    batch = data / "cifar10" / "cifar-10-batches-py" / "test_batch"
    batch.write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    with pytest.raises(DataError, match="test_batch: damaged"):
        open_dataset("cifar10").load()
    with pytest.raises(RuntimeError, match="corrupted"):  # torchvision's own check, if ours were not there
        open_dataset("cifar10").read_split(data / "cifar10", "test")
    assert not (tmp_path / "exploded").exists()
    accept_cifar(monkeypatch, data / "cifar10")
    with pytest.raises(TypeError):
        open_dataset("cifar10").load()
    assert (tmp_path / "exploded").exists()  # so the bomb was a live one


def test_get_downloads_and_checks(mirror, data, monkeypatch):
    write_svhn(mirror[0], monkeypatch, mirror[1])
    assert get("svhn") == str(data / "svhn") == get("svhn")
    assert len(open_dataset("svhn").load().test) == 6


def test_get_without_a_network_says_what_to_do(tmp_path, data, monkeypatch):
    monkeypatch.setattr(tv.MNIST, "mirrors", [f"file://{tmp_path}/nowhere/"])
    with pytest.raises(
        DataError, match=r"mnist: cannot be fetched \(.*\); put MNIST/raw/train-images.* by hand"
    ) as info:
        get("mnist")
    assert "\n" not in str(info.value)


def test_our_sums_are_those_of_torchvision():
    listed = dict(
        tv.CIFAR10.train_list + tv.CIFAR10.test_list + [[tv.CIFAR10.meta["filename"], tv.CIFAR10.meta["md5"]]]
    )
    assert {name.split("/")[1]: found for name, found in Cifar10.md5.items()} == listed
    assert Svhn.md5 == {tv.SVHN.split_list[s][1]: tv.SVHN.split_list[s][2] for s in ("train", "test")}
    assert [name.rsplit("/")[-1] + ".gz" for name in Mnist.md5] == [name for name, _ in tv.MNIST.resources]
