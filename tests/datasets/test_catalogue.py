"""What the command line sees of datasets, and that seeing it loads no torch."""

import pkgutil
import subprocess
import sys

import pytest

import bench.datasets
from bench.core.errors import ContractError, UnknownName
from bench.core.registry import add_plugin
from bench.datasets.catalogue import catalogue, get, open_dataset


@pytest.fixture
def plugin(tmp_path):
    def write(source):
        path = tmp_path / "mine.py"
        path.write_text(source)
        add_plugin(path)

    return write


def test_every_dataset_is_listed_with_place_or_reason(data):
    found = {status.name: status for status in catalogue()}
    assert set(found) >= {"cifar10", "digits", "fashion-mnist", "folder:PATH", "gaussians8", "mnist", "svhn"}
    assert found["digits"].available
    assert not found["mnist"].available
    assert str(data / "mnist") in found["mnist"].place
    assert all(status.summary.endswith(".") for status in found.values())


def test_a_broken_plugin_is_listed_with_its_error(plugin):
    plugin('import nowhere\n\n@dataset("mine")\nclass Mine:\n    """Mine."""\n')
    mine = next(status for status in catalogue() if status.name == "mine")
    assert not mine.available
    assert "No module named 'nowhere'" in mine.place


def test_a_plugin_that_is_no_source_is_refused(plugin):
    plugin(
        "from dataclasses import dataclass\nfrom bench.core.registry import dataset\n\n"
        '@dataset("mine")\n@dataclass\nclass Mine:\n    """Mine."""\n'
    )
    with pytest.raises(ContractError, match=r"Mine must subclass bench\.datasets\.source\.GuardedSource"):
        open_dataset("mine")


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'cifar10'"):
        get("cifar")
    with pytest.raises(UnknownName, match=r"suite\.toml.*unknown option 'root'"):
        open_dataset("mnist", {"root": "/"}, "suite.toml")


def test_get_of_what_needs_no_fetching():
    assert get("gaussians8") == "drawn when needed"
    assert get("digits").endswith("digits.csv.gz")


def test_nothing_in_this_room_imports_torch():
    modules = [f"bench.datasets.{module.name}" for module in pkgutil.iter_modules(bench.datasets.__path__)]
    assert len(modules) > 8
    code = (
        f"import sys, {', '.join(modules)}\n"
        "from bench.datasets.catalogue import catalogue, open_dataset\n"
        "catalogue(); open_dataset('digits').identity(); open_dataset('gaussians8').identity()\n"
        "print([name for name in ('torch', 'torchvision', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
