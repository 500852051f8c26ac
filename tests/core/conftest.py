"""The sources of the suite in another folder, for tests that edit them."""

import shutil
from functools import cache
from pathlib import Path

import pytest

import bench

ROOT = Path(bench.__file__).resolve().parents[1]


@cache
def sources():
    return [path for package in ("bench", "methods") for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    root = tmp_path_factory.mktemp("copy")
    for path in sources():
        place = root / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return root


@pytest.fixture
def copy(shared):
    """The sources of the suite in another folder; what a test does to them is undone, so that files are read once."""
    yield shared
    wanted = {shared / path.relative_to(ROOT): path for path in sources()}
    for path in set(shared.rglob("*.py")) - wanted.keys():
        path.unlink()
    for place, path in wanted.items():
        if not place.is_file() or place.read_bytes() != path.read_bytes():
            shutil.copyfile(path, place)
