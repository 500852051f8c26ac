"""A key changes with everything that changes an outcome, and with nothing else."""

import dataclasses

import pytest

from bench.core.types import Choice
from bench.harness import keys
from bench.harness.keys import code_fingerprint, keys_of
from bench.harness.suite import read_suite


@pytest.fixture
def cell(tiny_suite):
    return next(c for c in read_suite(tiny_suite).cells() if c.method.name == "dfi+opt")


def changed_stages(a, b):
    return [f.name for f in dataclasses.fields(a) if getattr(a, f.name) != getattr(b, f.name)]


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"seed": 1}, ["train", "fit", "invert", "cell"]),
        ({"gan": Choice("dcgan", {"width": 16, "code_dim": 16})}, ["train", "fit", "invert", "cell"]),
        ({"dataset": Choice("digits", {}, "a label")}, []),
        ({"method": Choice("dfi+opt", {"depth": 3})}, ["fit", "invert", "cell"]),
        ({"method": Choice("dfi+opt", {"opt": {"learning_rate": 0.1}})}, ["invert", "cell"]),
        ({"method": Choice("dfi")}, ["invert", "cell"]),
        ({"method": Choice("dfi+opt", {}, "another label")}, []),
        ({"metrics": ("psnr",)}, ["cell"]),
    ],
)
def test_a_change_reaches_its_stage_and_those_below(cell, change, stages):
    assert changed_stages(keys_of(cell), keys_of(dataclasses.replace(cell, **change))) == stages


@pytest.mark.parametrize(
    ("number", "stages"),
    [
        ({"train_steps": 13}, ["train", "fit", "invert", "cell"]),
        ({"fit_steps": 7}, ["fit", "invert", "cell"]),
        ({"refine_steps": 4}, ["invert", "cell"]),
        ({"test_images": 12}, ["invert", "cell"]),
        ({"name": "cpu"}, ["cell"]),
    ],
)
def test_a_budget_number_reaches_its_stage(cell, number, stages):
    other = dataclasses.replace(cell, budget=dataclasses.replace(cell.budget, **number))
    assert changed_stages(keys_of(cell), keys_of(other)) == stages


def test_the_network_that_a_metric_looks_through_is_part_of_its_identity(monkeypatch):
    plain = keys.metric_identity("psnr")
    through = keys.metric_identity("fid@fashion-mnist-cnn")
    real = keys.fingerprint
    monkeypatch.setattr(keys, "fingerprint", lambda kind, name: "edited" if kind == "features" else real(kind, name))
    assert keys.metric_identity("psnr") == plain
    assert keys.metric_identity("fid@fashion-mnist-cnn") != through


def test_versions_are_part_of_a_measurement(cell, monkeypatch):
    before = keys_of(cell)
    monkeypatch.setattr(keys, "version", lambda name: "0.0")
    assert changed_stages(before, keys_of(cell)) == ["cell"]


def test_another_device_is_another_run(cell, monkeypatch):
    before = keys_of(cell)
    monkeypatch.setenv("GANINV_DEVICE", "cuda")
    assert changed_stages(before, keys_of(cell)) == ["train", "fit", "invert", "cell"]


def test_comments_do_not_change_a_fingerprint_and_code_does(tmp_path):
    def fingerprint(text):
        path = tmp_path / f"{abs(hash(text))}.py"
        path.write_text(text)
        return code_fingerprint(path)

    plain = fingerprint("def f(x):\n    return x + 1\n")
    assert fingerprint('"""Text."""\n\ndef f(x):  # why\n    """Doc."""\n    return (x + 1)\n') == plain
    assert fingerprint("def f(x):\n    return x + 2\n") != plain


def test_a_fingerprint_follows_imports_within_the_suite(tmp_path, monkeypatch):
    package = tmp_path / "methods_like"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("from methods_like.b import value\n")
    (package / "b.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(keys, "FOLLOWED", ("methods_like",))
    before = code_fingerprint(package / "a.py")
    (package / "b.py").write_text("value = 23\n")
    assert code_fingerprint(package / "a.py") != before
