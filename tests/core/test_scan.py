"""Plug-in files: the decorators that are understood, names that can be written, and modules beside a file."""

import sys

import pytest

from bench.core import registry
from bench.core.errors import BenchError, ContractError

BODY = """
@dataclass
class Mine(Inverter):
    def invert(self, x):
        return x
"""
HEAD = "from dataclasses import dataclass\nfrom bench import Inverter\n"


def write(tmp_path, text, name="mine.py"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("line", "decorator"),
    [
        ("from bench import method as m", "m('mine')"),
        ("from bench.core.registry import method as m", "m('mine')"),
        ("from bench.core import registry as r", "r.method('mine')"),
        ("import bench as b", "b.method('mine')"),
        ("from bench import method\nm = method", "m('mine')"),
        ("import bench\nm = bench.method", "m('mine')"),
        ("from bench import method", "method(name='mine')"),
    ],
)
def test_a_decorator_under_another_name_registers_its_class(tmp_path, line, decorator):
    registry.add_plugin(write(tmp_path, f"{HEAD}{line}\n\n@{decorator}{BODY}"))
    assert registry.load("method", "mine").registered_name == "mine"


@pytest.mark.parametrize(
    ("line", "decorator", "says"),
    [
        (
            "from elsewhere import m",
            "m('mine')",
            "registers nothing.*; @m\\('mine'\\) in line 5 is no decorator from bench",
        ),
        (
            "from bench import method\nNAME = 'mine'",
            "method(NAME)",
            r"line 6: @method\(NAME\): the name must be a literal",
        ),
        (
            "from bench import method",
            "method(f'mi{1}')",
            r"line 5: @method\(.*\): the name must be a literal string$",
        ),
        ("", "dataclass", r"registers nothing; decorate a class with @method\(\"name\"\) from bench$"),
    ],
)
def test_a_decorator_that_is_not_understood_is_named(tmp_path, line, decorator, says):
    with pytest.raises(BenchError, match=f"plug-in .*mine.py.*{says}") as caught:
        registry.add_plugin(write(tmp_path, f"{HEAD}{line}\n\n@{decorator}{BODY}"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", registry.ROOMS)
@pytest.mark.parametrize("name", ["", "a+b", "a:b", "a@b", "a/b", "a b", "a\tb", "a?b", "a,b"])
def test_a_name_that_cannot_be_written_is_refused(tmp_path, kind, name):
    rule = "a name is not empty, and contains no space and none of + : @ / ? ,"
    with pytest.raises(ContractError) as marked:
        getattr(registry, kind)(name)
    assert str(marked.value) == f"{kind} '{name}': {rule}"
    known = set(registry.entries(kind))
    path = write(tmp_path, f"from bench import {kind}\n\n@{kind}({name!r})\nclass Mine:\n    pass\n")
    with pytest.raises(BenchError) as scanned:
        registry.add_plugin(path)
    assert str(scanned.value) == f"plug-in {path}, line 3: {kind} '{name}': {rule}"
    assert set(registry.entries(kind)) == known


@pytest.mark.parametrize("name", ["dfi_2", "dcgan-0gp", "invgan.v2", "Méthode"])
def test_other_names_can_be_written(tmp_path, name):
    registry.add_plugin(write(tmp_path, f"from bench import method\n{HEAD}\n@method({name!r}){BODY}"))
    assert registry.find("method", f"{name}:3").name == name


def test_a_package_whose_name_cannot_be_written_is_listed_and_nothing_else_breaks(
    tmp_path, monkeypatch, forget_plugins
):
    info = tmp_path / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ganinv.methods]\nfar+off = elsewhere:Mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    forget_plugins()
    registry._packaged.cache_clear()
    assert "none of + : @" in registry.entries("method")["far+off"].error
    assert registry.load("method", "dfi")
    monkeypatch.undo()
    registry._packaged.cache_clear()


USING = f"from bench import method\n{HEAD}from {{module}} import STEP\n\n@method('mine'){BODY}    step = STEP\n"


@pytest.fixture
def beside(tmp_path):
    """A function that writes a plug-in and a module beside it."""
    made = []

    def make(module, text="STEP = 7\n"):
        made.append(module)
        write(tmp_path, text, f"{module.replace('.', '/')}.py")
        return write(tmp_path, USING.format(module=module))

    yield make
    for module in made:
        if module.startswith("scan_"):
            sys.modules.pop(module, None)


def test_a_module_beside_a_plugin_is_imported(tmp_path, beside):
    registry.add_plugin(beside("scan_beside"))
    assert registry.load("method", "mine").step == 7
    assert sys.path[-1] == str(tmp_path)  # after all that is installed


def test_a_module_of_a_folder_beside_a_plugin_is_imported(tmp_path, beside):
    (tmp_path / "scan_folder").mkdir()
    registry.add_plugin(beside("scan_folder.inner"))
    assert registry.load("method", "mine").step == 7
    sys.modules.pop("scan_folder")


def test_no_module_beside_a_plugin_replaces_an_installed_package(tmp_path, beside):
    registry.add_plugin(beside("filelock"))
    with pytest.raises(ContractError) as caught:
        registry.load("method", "mine")
    import filelock

    other = f"but another module is already called filelock ({filelock.__file__}); rename filelock.py"
    imports = f"imports filelock from {tmp_path / 'filelock.py'}"
    assert str(caught.value) == f"method 'mine' (plug-in mine.py): {imports}, {other}"


def test_no_module_beside_a_plugin_replaces_one_of_the_standard_library(beside):
    """Python's own is imported, as the key says: it does not follow names of the standard library."""
    registry.add_plugin(beside("fractions"))
    with pytest.raises(ContractError, match="cannot import name 'STEP' from 'fractions'"):
        registry.load("method", "mine")


def test_two_plugins_do_not_share_a_module_of_one_name(tmp_path, beside, forget_plugins):
    registry.add_plugin(beside("scan_shared"))
    assert registry.load("method", "mine").step == 7
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "scan_shared.py").write_text("STEP = 8\n")
    text = USING.format(module="scan_shared").replace("'mine'", "'second'")
    registry.add_plugin(write(tmp_path / "other", text, "second.py"))
    with pytest.raises(ContractError, match=r"already called scan_shared .*; rename scan_shared\.py"):
        registry.load("method", "second")


def test_a_missing_module_beside_a_plugin_is_one_line(tmp_path):
    registry.add_plugin(write(tmp_path, USING.format(module="scan_absent")))
    with pytest.raises(
        ContractError, match=r"cannot be imported: ModuleNotFoundError: No module named 'scan_absent'$"
    ):
        registry.load("method", "mine")
