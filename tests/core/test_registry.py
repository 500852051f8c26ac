"""Names are found without importing torch; collisions and broken plug-ins are told."""

import importlib.util
import subprocess
import sys
import types

import pytest

import bench
from bench.core import moved, registry
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
FACE = "plug-ins import what they need from bench"


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


def test_a_plugin_is_found_and_loaded(tmp_path):
    registry.add_plugin(write(tmp_path, "mine.py", PLUGIN.format(name="mine")))
    assert registry.load("method", "mine").__name__ == "Mine"
    assert registry.entries("method")["mine"].origin == "plug-in mine.py"


def test_a_name_taken_twice_raises_and_names_both_places(tmp_path):
    with pytest.raises(ContractError, match=r"'dfi' is registered twice: .*acyclic.py and .*mine.py"):
        registry.add_plugin(write(tmp_path, "mine.py", PLUGIN.format(name="dfi")))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\n\ndef :\n", r"plug-in .*broken\.py, line 3: invalid syntax"),
        ("x = '\0'\n", r"broken\.py.*null bytes"),
    ],
)
def test_a_plugin_that_does_not_parse_is_refused_with_its_line(tmp_path, text, says):
    known = {kind: set(registry.entries(kind)) for kind in registry.ROOMS}
    with pytest.raises(BenchError, match=says):
        registry.add_plugin(write(tmp_path, "broken.py", text))
    assert {kind: set(registry.entries(kind)) for kind in registry.ROOMS} == known


BROKEN = {
    "mine.py": '@dataset("mine")\n@dataclass\nclass Mine(Source):\n    def\n',
    "deeper/two.py": "@registry.gan(\n    'first'\n)\nclass A:\n    pass\n@method('second')\nclass B(:\n    pass\n",
    "shared.py": "def helper(:\n    @metric('inner')\n",
}


@pytest.fixture
def datasets_room(tmp_path, monkeypatch):
    """The folder of a room that stands for the datasets' own; all other rooms are empty."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "empty").mkdir()
    rooms = {"bench.datasets": tmp_path / "ours"}
    monkeypatch.setattr(registry, "_room_folder", lambda room: rooms.get(room, tmp_path / "empty"))
    registry._built_in.cache_clear()
    registry._table.cache_clear()
    yield tmp_path / "ours"
    registry._built_in.cache_clear()
    registry._table.cache_clear()


def test_a_broken_file_of_a_room_is_listed_as_what_it_would_register(datasets_room):
    (datasets_room / "deeper").mkdir()
    for name, text in BROKEN.items():
        write(datasets_room, name, text)
    write(datasets_room, "whole.py", '@dataset("whole")\nclass Whole:\n    """Fine."""\n')
    found = {(e.kind, e.name): e.error for kind in registry.ROOMS for e in registry.entries(kind).values()}
    assert found.pop(("dataset", "whole")) == ""
    assert set(found) == {
        ("dataset", "mine"),
        ("gan", "first"),
        ("method", "second"),
        ("dataset", "bench.datasets.shared"),
    }
    assert "two.py, line 7" in found["gan", "first"]
    assert found["gan", "first"] == found["method", "second"]
    with pytest.raises(ContractError, match=r"dataset 'mine' \(built in\): cannot be read: .*mine\.py, line 4"):
        registry.load("dataset", "mine")


def test_a_plugin_that_raises_at_import_says_so_when_it_is_used(tmp_path):
    text = PLUGIN.format(name="mine") + "\nraise RuntimeError('no such device')\n"
    registry.add_plugin(write(tmp_path, "mine.py", text))
    with pytest.raises(ContractError, match="RuntimeError: no such device"):
        registry.load("method", "mine")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("from bench.contracts import Inverter", f"bench.contracts is bench.core.types now; {FACE}"),
        ("from bench.contracts.methods import Inverter", f"bench.contracts is bench.core.types now; {FACE}"),
        ("from bench.registry import method", f"bench.registry is bench.core.registry now; {FACE}"),
        ("from bench import registry", f"bench.registry is bench.core.registry now; {FACE}"),
        ("from bench import Pairs", "bench.Pairs is bench.EvalBatch now"),
        ("from bench.core.types import Pairs", "bench.core.types.Pairs is bench.core.types.EvalBatch now"),
        ("from bench.gans.recipe import Recipe", "bench.gans.recipe.Recipe is bench.gans.recipe.GanConfig now"),
        ("import bench.gans.regularisers.base", "bench.gans.regularisers is bench.gans.regularizers now"),
    ],
)
def test_a_plugin_that_imports_from_an_old_place_is_told_the_new_one(tmp_path, line, says):
    registry.add_plugin(write(tmp_path, "mine.py", f"{line}\n{PLUGIN.format(name='mine')}"))
    with pytest.raises(ContractError) as caught:
        registry.load("method", "mine")
    assert str(caught.value).endswith(f"; {says}")
    assert "\n" not in str(caught.value)


def test_an_old_package_of_which_only_its_caches_are_left_is_told_too(tmp_path, monkeypatch):
    """Python takes any folder for a package, and then misses the name in it instead of the package."""
    (tmp_path / "contracts").mkdir()
    monkeypatch.setattr("bench.__path__", [*bench.__path__, str(tmp_path)])
    text = f"from bench.contracts import Inverter\n{PLUGIN.format(name='mine')}"
    registry.add_plugin(write(tmp_path, "mine.py", text))
    with pytest.raises(ContractError) as caught:
        registry.load("method", "mine")
    del sys.modules["bench.contracts"]
    assert str(caught.value).endswith(f"; bench.contracts is bench.core.types now; {FACE}")


def test_other_missing_modules_have_no_new_place(tmp_path):
    registry.add_plugin(write(tmp_path, "mine.py", f"import bench.nowhere\n{PLUGIN.format(name='mine')}"))
    with pytest.raises(ContractError, match=r"No module named 'bench\.nowhere'$"):
        registry.load("method", "mine")


def there(name):
    """Whether ``name`` can be imported: a module, or what a module holds."""
    module, _, attribute = name.rpartition(".")
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # its parent is a module or is gone
        found = None
    if found is not None:
        return found.origin is not None  # a folder without sources may be left behind
    value = getattr(importlib.import_module(module), attribute, None) if module and there(module) else None
    return value is not None and not isinstance(value, types.ModuleType)


def test_what_moved_is_gone_from_its_old_place_and_found_in_the_new_one():
    for old, new in moved.MOVED.items():
        assert not there(old), old
        assert there(new), new
    for home, name in zip(moved.FACED, ("BenchError", "method", "Inverter"), strict=True):
        assert getattr(bench, name) is getattr(importlib.import_module(home), name)


def test_a_plugin_that_registers_nothing_and_a_missing_one(tmp_path):
    with pytest.raises(BenchError, match="registers nothing"):
        registry.add_plugin(write(tmp_path, "empty.py", "x = 1\n"))
    with pytest.raises(BenchError, match="no such file"):
        registry.add_plugin(tmp_path / "absent.py")


def test_a_class_that_is_no_dataclass_is_refused(tmp_path):
    registry.add_plugin(write(tmp_path, "mine.py", PLUGIN.format(name="mine").replace("@dataclass\n", "")))
    with pytest.raises(ContractError, match="must be a dataclass"):
        registry.load("method", "mine")


def test_a_third_party_package_is_found_through_its_entry_point(tmp_path, monkeypatch, forget_plugins):
    package = write(tmp_path, "elsewhere.py", PLUGIN.format(name="far"))
    info = tmp_path / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ganinv.methods]\nfar = elsewhere:Mine\n")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(package.parent))
        forget_plugins()  # names are looked up anew
        registry._packaged.cache_clear()
        assert registry.entries("method")["far"].origin == "package elsewhere"
        assert registry.load("method", "far").__name__ == "Mine"
    forget_plugins()
    registry._packaged.cache_clear()
    assert "far" not in registry.entries("method")


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        ("dataset", "bench.datasets.source.GuardedSource"),
        ("gan", "bench.gans.recipe.GanConfig"),
        ("metric", "bench.Metric"),
        ("features", "bench.core.types.FeatureExtractor"),
        ("method", "bench.Inverter"),
        ("refiner", "bench.Refiner"),
        ("study", "bench.studies.base.Study"),
        ("application", "bench.applications.base.Application"),
    ],
)
def test_a_class_without_the_base_of_its_kind_is_refused(tmp_path, kind, base):
    head = f"from dataclasses import dataclass\nfrom bench import {kind}\n\n"
    text = f'{head}@{kind}("mine")\n@dataclass\nclass Mine:\n    x: int = 0\n'
    registry.add_plugin(write(tmp_path, "mine.py", text))
    with pytest.raises(ContractError) as caught:
        registry.load(kind, "mine")
    assert str(caught.value) == f"{kind} 'mine' (plug-in mine.py): Mine must subclass {base}"
    module, _, name = base.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), name), type)


def test_every_kind_has_a_base():
    assert registry.BASES.keys() == registry.ROOMS.keys()
