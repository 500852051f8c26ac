"""GANs that a suite trained, found in the store by recipe and dataset."""

from __future__ import annotations

import pytest

from bench.core.errors import BenchError
from bench.core.types import ComponentSpec
from bench.harness.store import Store
from bench.overfit.trained import find_trained

DIGITS = ComponentSpec("digits")


@pytest.fixture
def store(tmp_path):
    """Three trainings without weights: two of one recipe, with two seeds."""
    store = Store(tmp_path)
    for key, name, seed in (("a", "dcgan@best", 0), ("b", "dcgan", 1), ("c", "lsgan", 0)):
        cell = {
            "gan": {"name": name, "options": {"width": 8}, "label": ""},
            "dataset": {"name": "digits", "options": {}, "label": ""},
            "seed": seed,
            "budget": {"train_steps": 30, "train_images": 256},
        }
        history = [{"step": 10, "quality": 5.0}, {"step": 20, "quality": 3.0}, {"step": 30, "quality": 4.0}]
        meta = {"cell": cell, "history": history if seed == 0 else []}
        store.put("train", key, {"gan.safetensors": lambda path: path.write_bytes(b"")}, meta)
    return store


def test_the_only_training_is_found_with_its_step_and_images(store):
    found = find_trained(ComponentSpec("lsgan"), DIGITS, store)
    assert (found.path.parent.name, found.path.name, found.step, found.trained_on) == (
        "c",
        "gan.safetensors",
        30,
        256,
    )
    best = find_trained(ComponentSpec("lsgan@best", {"width": 8}), DIGITS, store)
    assert (best.path.name, best.step) == ("best.safetensors", 20)


def test_several_are_told_apart_by_seed(store):
    with pytest.raises(BenchError, match=r"2 trainings of dcgan on digits .*seed 0, 30 steps, width = 8; seed 1"):
        find_trained(ComponentSpec("dcgan"), DIGITS, store)
    assert find_trained(ComponentSpec("dcgan", {"seed": 1}), DIGITS, store).path.parent.name == "b"


@pytest.mark.parametrize(
    ("choice", "dataset", "text"),
    [
        (ComponentSpec("lsgan"), None, "with --dataset"),
        (ComponentSpec("lsgan"), ComponentSpec("mnist"), "no training of lsgan on mnist is stored"),
        (ComponentSpec("lsgan", {"width": 9}), DIGITS, "no training of lsgan"),
        (ComponentSpec("dcgan@best", {"seed": 1}), DIGITS, "never measured"),
    ],
)
def test_what_is_not_there_is_said(store, choice, dataset, text):
    with pytest.raises(BenchError, match=text):
        find_trained(choice, dataset, store)
