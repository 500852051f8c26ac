"""The code of a user's file: its neighbours, its package, and what it imports of the suite."""

import pytest

from bench.core.errors import ContractError
from bench.core.fingerprints import CodeReader
from bench.core.import_graph import SourceTree


def code(path):
    return CodeReader().file(path.resolve())


def test_modules_beside_a_plugin_count(tmp_path):
    plugin, neighbour = tmp_path / "mine.py", tmp_path / "helper.py"
    plugin.write_text("import torch\nfrom helper import scale\nimport mylib\nX = scale\n")
    neighbour.write_text("from deeper.inner import scale\n")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "inner.py").write_text("scale = 2\n")
    before = code(plugin)
    assert before.packages == ("mylib", "torch")
    (tmp_path / "deeper" / "inner.py").write_text("scale = 3.5\n")
    after = code(plugin)
    assert after != before
    (tmp_path / "unused.py").write_text("X = 1\n")
    neighbour.write_text("# why\nfrom deeper.inner import scale\n")
    assert code(plugin) == after


def test_a_package_of_the_users_is_followed_and_installed_ones_beside_it_are_not(tmp_path):
    site = tmp_path / "site-packages"
    for package in ("theirs", "numpy"):
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").write_text("VERSION = 1\n")
    (site / "theirs" / "gan.py").write_text(
        "import numpy\nfrom . import parts\nfrom .parts import f\nfrom theirs.more import g\n"
    )
    (site / "theirs" / "parts.py").write_text("def f(): return 1\n")
    (site / "theirs" / "more.py").write_text("def g(): return 1\n")
    found = [code(site / "theirs" / "gan.py")]
    for name, text in (
        ("parts", "def f(): return 22\n"),
        ("more", "def g(): return 22\n"),
        ("__init__", "VERSION = 22\n"),
    ):
        (site / "theirs" / f"{name}.py").write_text(text)
        found.append(code(site / "theirs" / "gan.py"))
    assert len(set(found)) == 4
    (site / "numpy" / "__init__.py").write_text("VERSION = 'another'\n")
    assert code(site / "theirs" / "gan.py") == found[-1]
    assert found[-1].packages == ("numpy",)


def test_a_plugin_counts_with_what_it_imports_of_the_suite(tmp_path, copy):
    plugin = tmp_path / "mine.py"
    plugin.write_text("from bench.core.types import Images\nX = Images\n")
    before = CodeReader(SourceTree.at(copy)).file(plugin)
    images = copy / "bench" / "core" / "types" / "images.py"
    images.write_text(images.read_text().replace("127.5", "128.0"))
    assert CodeReader(SourceTree.at(copy)).file(plugin) != before


@pytest.mark.parametrize("line", ["from bench import FitData", "from bench import method", "from bench import run"])
def test_what_a_plugin_imports_from_bench_counts_as_that_of_its_home(tmp_path, copy, line):
    plugin = tmp_path / "mine.py"
    plugin.write_text(f"{line}\n")
    before = CodeReader(SourceTree.at(copy)).file(plugin).fingerprint
    images = copy / "bench" / "core" / "types" / "images.py"
    images.write_text(images.read_text().replace("127.5", "127.25"))
    after = CodeReader(SourceTree.at(copy)).file(plugin).fingerprint
    assert (after != before) == ("FitData" in line)  # a decorator and the Python API make no number
    plugin.write_text("from bench import FitDate\n")
    with pytest.raises(ContractError, match="imports FitDate from bench, which has no such name"):
        CodeReader(SourceTree.at(copy)).file(plugin)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("from bench.contracts import Inverter", "bench.contracts is bench.core.types now; plug-ins import"),
        ("from bench import registry", "bench.registry is bench.core.registry now; plug-ins import"),
        ("import methods.support", "methods.support is methods.latent_bounds now"),
    ],
)
def test_a_plugin_that_imports_a_moved_module_is_told_its_new_place(tmp_path, line, place):
    (tmp_path / "old.py").write_text(f"{line}\n")
    with pytest.raises(ContractError, match=place):
        code(tmp_path / "old.py")


def test_a_file_that_is_no_python_counts_with_its_bytes(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text("def broken(:\n")
    before = code(plugin)
    plugin.write_text("def broken((:\n")
    assert code(plugin) != before
