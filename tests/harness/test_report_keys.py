"""A report is stored under all that its numbers depend on: code, device, data, weights and files."""

import shutil

import pytest
from PIL import Image

from bench.applications.request import ApplicationRequest
from bench.core.paths import shipped_folder
from bench.datasets.digits import Digits
from bench.datasets.gaussians import Gaussians8
from bench.harness.report_keys import report_key
from bench.metrics.weights import classifier_file, classifiers_folder

STUDY = ("study", "sample-size")


@pytest.fixture
def folder(tmp_path):
    """A folder of twelve images, as an argument."""
    (tmp_path / "images").mkdir()
    for number in range(12):
        Image.new("L", (8, 8), 20 * number).save(tmp_path / "images" / f"{number}.png")
    return tmp_path / "images"


def test_the_key_of_the_same_is_the_same(folder):
    asked = {"dataset": f"folder:{folder}?size=8&channels=1"}
    before = report_key(*STUDY, asked)
    (folder.parent / "beside.png").write_bytes(b"another file")
    assert report_key(*STUDY, asked) == before


def test_another_device_is_another_report(monkeypatch):
    before = report_key("study", "eight-gaussians", {})
    monkeypatch.setenv("GANINV_DEVICE", "cuda")
    assert report_key("study", "eight-gaussians", {}) != before


def test_the_content_of_the_dataset_counts(folder):
    asked = {"dataset": f"folder:{folder}?size=8&channels=1"}
    before = report_key(*STUDY, asked)
    Image.new("L", (8, 8), 255).save(folder / "another.png")
    assert report_key(*STUDY, asked) != before


def test_the_dataset_that_a_study_takes_by_itself_counts(monkeypatch):
    before = report_key("study", "eight-gaussians", {})
    monkeypatch.setattr(Gaussians8, "identity", lambda self: "other points")
    assert report_key("study", "eight-gaussians", {}) != before


def test_a_dataset_that_is_not_named_does_not_count(monkeypatch):
    before = report_key("study", "eight-gaussians", {})
    monkeypatch.setattr(Digits, "identity", lambda self: "other digits")
    assert report_key("study", "eight-gaussians", {}) == before


@pytest.mark.parametrize("form", ["{}", "gan={}", "{}?psi=1"])
def test_the_content_of_a_checkpoint_counts(tmp_path, form):
    path = tmp_path / "mine.safetensors"
    asked = {"dataset": "digits", "options": [form.format(f"checkpoint:{path}")]}
    shutil.copyfile(shipped_folder() / "fashion-mnist" / "dcgan.safetensors", path)
    before = report_key(*STUDY, asked)
    assert report_key(*STUDY, asked) == before
    shutil.copyfile(shipped_folder() / "fashion-mnist" / "lsgan.safetensors", path)
    assert report_key(*STUDY, asked) != before


def test_the_gan_that_ships_for_a_dataset_counts(monkeypatch, tmp_path):
    """The study composes its name from the dataset."""
    shutil.copytree(shipped_folder(), tmp_path / "shipped")
    monkeypatch.setattr("bench.gans.zoo.shipped_folder", lambda: tmp_path / "shipped")
    asked, other = {"dataset": "fashion-mnist"}, {"dataset": "digits"}
    before = report_key(*STUDY, asked), report_key(*STUDY, other)
    shutil.copyfile(
        *((tmp_path / "shipped" / "fashion-mnist" / f"{name}.safetensors") for name in ("lsgan", "dcgan"))
    )
    assert report_key(*STUDY, asked) != before[0]
    assert report_key(*STUDY, other) == before[1]


@pytest.mark.parametrize("asked", [{"network": "trained:digits"}, {"options": ["metric=fid@trained:digits"]}])
def test_the_weights_of_a_network_count(asked):
    path = classifiers_folder() / classifier_file("digits")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    before = report_key(*STUDY, asked)
    path.write_bytes(b"other weights")
    assert report_key(*STUDY, asked) != before


def test_files_that_an_application_reads_count(folder):
    mask = folder.parent / "mask.png"
    asked = {"images": str(folder), "options": [f"mask={mask}"]}
    mask.write_bytes(b"a mask")
    before = report_key("application", "inpaint", asked)
    mask.write_bytes(b"b mask")
    changed = report_key("application", "inpaint", asked)
    Image.new("L", (9, 9)).save(folder / "0.png")
    assert len({before, changed, report_key("application", "inpaint", asked)}) == 3


def test_the_cell_of_an_application_counts(monkeypatch):
    asked = {"gan": "dcgan", "dataset": "digits"}

    def key():
        return report_key("application", "merge", asked, ApplicationRequest(**asked).cell())

    before = key()
    assert key() == before
    monkeypatch.setattr(Digits, "identity", lambda self: "other digits")
    assert key() != before
