"""A dataset of drawn 28 x 28 pictures that needs no file, and records with known answers."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from bench.core import registry

PLUGIN = '''
"""Grey pictures of bars and boxes on black."""
from dataclasses import dataclass

import numpy as np

from bench.datasets.source import GuardedSource, Split, to_dataset
from bench.core.registry import dataset


@dataset("boxes")
@dataclass
class Boxes(GuardedSource):
    """Bars and boxes on black, 28 x 28."""

    test: int = 120
    level: int = 0

    def identity(self):
        return f"boxes-{self.test}-{self.level}"

    def availability(self):
        return True, "drawn"

    def get(self):
        return "drawn"

    def read(self):
        return to_dataset("boxes", ("bar", "box"), self.split(40, 1), self.split(self.test, 2))

    def split(self, count, seed):
        rng = np.random.RandomState(seed)
        images = np.full((count, 1, 28, 28), self.level, np.uint8)
        for image in images:
            top, left = rng.randint(3, 12, 2)
            height, width = rng.randint(4, 13, 2)
            image[0, top : top + height, left : left + width] = rng.randint(90, 256)
        return Split(images, rng.randint(0, 2, count))
'''


@pytest.fixture
def boxes(tmp_path):
    """The plug-in file that registers the dataset ``boxes``; known in this process."""
    path = tmp_path / "boxes.py"
    path.write_text(PLUGIN)
    registry.add_plugin(path)
    return path


UP = {"psnr", "ssim", "label_accuracy", "fac", "rand_is"}


def family(metric):
    return metric.split("@", maxsplit=1)[0].split(":", maxsplit=1)[0]


@pytest.fixture
def store_record(tmp_path):
    """Write one record as the store would: ``store_record("dcgan", "dfi", 0, test={"psnr": 20.0})``."""
    folder = tmp_path / "records"
    folder.mkdir()
    made = []

    def store(gan, method, seed, test, own=None, **changes):
        key = f"{len(made):024x}"
        made.append(key)
        metrics = {
            track: {m: {"value": v, "n": 50} for m, v in found.items()}
            for track, found in (("test", test), ("own", own or {}))
            if found
        }
        names = [m for found in metrics.values() for m in found]
        budget = {"name": "cpu", "train_images": 0, "test_images": 50, "own_images": 8, "train_steps": 1}
        budget |= {"fit_steps": 1, "search_steps": 1, "refine_steps": 1, "timeout": 9.0, "looks": 0}
        content = {
            "key": key,
            "cell": {
                "dataset": {"name": changes.get("dataset", "digits"), "options": {}, "label": ""},
                "gan": {"name": gan, "options": {}, "label": ""},
                "method": {"name": method, "options": {}, "label": ""},
                "seed": seed,
                "budget": budget | {"name": changes.get("budget", "cpu")},
                "metrics": names,
            },
            "status": changes.get("status", "done"),
            "reason": changes.get("reason", ""),
            "metrics": metrics,
            "protocol": {m: {"version": changes.get("version", 1)} for m in names},
            "facts": {
                "control": changes.get("control", False),
                "dataset_checksum": "d",
                "gan_checksum": f"{gan}{seed}",
                "higher_is_better": {m: family(m) in UP for m in names},
            },
        }
        (folder / f"{key}.json").write_text(json.dumps(content))
        return folder

    return store


@pytest.fixture
def csv():
    """Read a table that a study wrote."""
    return lambda folder, name="table.csv": pd.read_csv(folder / name)


@pytest.fixture
def rng():
    """Seeded random numbers."""
    return np.random.RandomState(0)
