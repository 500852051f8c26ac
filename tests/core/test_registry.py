"""Names are found without importing torch; collisions and broken plug-ins are told."""

import subprocess
import sys

import pytest

from bench.core import registry
from bench.core.errors import BenchError, ContractError, UnknownName

PLUGIN = '''
from dataclasses import dataclass
from bench.core.types import Inverter
from bench.core.registry import method

@method("{name}")
@dataclass
class Mine(Inverter):
    """A plug-in."""
    def invert(self, x):
        return x
'''


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_every_entry_can_be_imported_and_has_a_summary():
    for kind in registry.ROOMS:
        for name, entry in registry.entries(kind).items():
            assert entry.summary, f"{kind} {name} has no docstring"
            assert registry.load(kind, name).registered_name == name


def test_listing_every_kind_leaves_torch_alone():
    code = (
        "import sys; from bench.core import registry; [registry.entries(k) for k in registry.ROOMS];"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'enc_image'"):
        registry.find("method", "enc_imag")


def test_a_plugin_is_found_loaded_and_forgotten(tmp_path):
    registry.add_plugin(write(tmp_path, "mine.py", PLUGIN.format(name="mine")))
    assert registry.load("method", "mine").__name__ == "Mine"
    assert registry.entries("method")["mine"].origin == "plug-in mine.py"
    registry.remove_plugins()
    assert "mine" not in registry.entries("method")


def test_a_name_taken_twice_raises_and_names_both_places(tmp_path):
    with pytest.raises(ContractError, match=r"'dfi' is registered twice: .*acyclic.py and .*mine.py"):
        registry.add_plugin(write(tmp_path, "mine.py", PLUGIN.format(name="dfi")))


def test_a_plugin_that_does_not_parse_is_listed_with_its_error(tmp_path):
    registry.add_plugin(write(tmp_path, "broken.py", "def :\n"))
    assert "cannot be read" in registry.entries("method")["broken"].error
    assert "dfi" in registry.entries("method")
    with pytest.raises(ContractError, match="broken"):
        registry.load("method", "broken")


def test_a_plugin_that_raises_at_import_says_so_when_it_is_used(tmp_path):
    text = PLUGIN.format(name="mine") + "\nraise RuntimeError('no such device')\n"
    registry.add_plugin(write(tmp_path, "mine.py", text))
    with pytest.raises(ContractError, match="RuntimeError: no such device"):
        registry.load("method", "mine")


def test_a_plugin_that_registers_nothing_and_a_missing_one(tmp_path):
    with pytest.raises(BenchError, match="registers nothing"):
        registry.add_plugin(write(tmp_path, "empty.py", "x = 1\n"))
    with pytest.raises(BenchError, match="no such file"):
        registry.add_plugin(tmp_path / "absent.py")


def test_a_class_that_is_no_dataclass_is_refused(tmp_path):
    registry.add_plugin(write(tmp_path, "mine.py", PLUGIN.format(name="mine").replace("@dataclass\n", "")))
    with pytest.raises(ContractError, match="must be a dataclass"):
        registry.load("method", "mine")


def test_a_third_party_package_is_found_through_its_entry_point(tmp_path, monkeypatch):
    package = write(tmp_path, "elsewhere.py", PLUGIN.format(name="far"))
    info = tmp_path / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ganinv.methods]\nfar = elsewhere:Mine\n")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(package.parent))
        registry.remove_plugins()  # names are looked up anew
        assert registry.entries("method")["far"].origin == "package elsewhere"
        assert registry.load("method", "far").__name__ == "Mine"
    registry.remove_plugins()
    assert "far" not in registry.entries("method")
