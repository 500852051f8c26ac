"""A fingerprint changes with the code that makes a number, wherever that lies, and with nothing else."""

import ast
import re
import shutil
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

import bench
from bench.core import registry
from bench.core.errors import ContractError
from bench.core.files import module_file
from bench.core.fingerprints import CodeReader
from bench.core.import_graph import CARRIERS, ImportGraph, SourceTree
from bench.harness.keys import STAGES

ROOT = Path(bench.__file__).resolve().parents[1]
PACKAGES = ("bench", "methods")


def module_name(path, root=ROOT):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@cache
def modules():
    """Every module of the suite by name."""
    return {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    root = tmp_path_factory.mktemp("copy")
    for path in modules().values():
        place = root / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return root


@pytest.fixture
def copy(shared):
    """The sources of the suite in another folder; what a test does to them is undone, so that files are read once."""
    yield shared
    wanted = {shared / path.relative_to(ROOT): path for path in modules().values()}
    for path in set(shared.rglob("*.py")) - wanted.keys():
        path.unlink()
    for place, path in wanted.items():
        if not place.is_file() or place.read_bytes() != path.read_bytes():
            shutil.copyfile(path, place)


def fingerprints(root, renamed=None, graph=None):
    """Of every registered class and every stage in a copy: what a key may hold."""
    reader, renamed = CodeReader(SourceTree.at(root)), renamed or {}
    reader.graph = graph or reader.graph
    found = {}
    for kind in registry.ROOMS:
        for name, entry in registry.entries(kind).items():
            module = renamed.get(entry.module, entry.module)
            found[kind, name] = reader.module(module).fingerprint
    return found | {("stage", stage): reader.module(renamed.get(m, m)).fingerprint for stage, m in STAGES.items()}


# ------------------------------------------------------------------------- an import walk that shares no code with it


class Imports(ast.NodeVisitor):
    """Names that a module imports while it runs, as written."""

    def __init__(self):
        self.found = set()

    def visit_If(self, node):
        if "TYPE_CHECKING" in ast.unparse(node.test):
            for each in node.orelse:
                self.visit(each)
        else:
            self.generic_visit(node)

    def visit_Import(self, node):
        self.found |= {(alias.name, None) for alias in node.names}

    def visit_ImportFrom(self, node):
        assert node.level == 0, "the suite has no relative imports"
        self.found |= {(node.module, alias.name) for alias in node.names}


@cache
def imported(module):
    """Modules of the suite that one imports directly; a package's names are those of the modules that define them."""
    visitor = Imports()
    visitor.visit(ast.parse(modules()[module].read_text()))
    found = set()
    for source, name in visitor.found:
        if source.split(".")[0] not in PACKAGES:
            continue
        if name and f"{source}.{name}" in modules():
            found.add(f"{source}.{name}")
        elif source == "bench.core.types":  # the one package that only passes names on
            lines = modules()[source].read_text()
            found.add(re.search(rf"from (\S+) import [^\n]*\b{name}\b", lines)[1])
        else:
            found.add(source)
    return found - CARRIERS.keys()


@cache
def closure(module):
    seen, waiting = set(), [module]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        waiting += imported(current)
        parts = current.split(".")
        parents = {".".join(parts[:n]) for n in range(1, len(parts))} - CARRIERS.keys()
        waiting += [p for p in parents if _does_something(p)]
    return frozenset(seen)


@cache
def _does_something(package):
    body = ast.parse(modules()[package].read_text()).body
    return any(
        not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr) for node in body
    ) and "__all__" not in ast.unparse(body[-1])


def users():
    """What holds a module's code -> the names that should change with it."""
    roots = {(kind, n): e.module for kind in registry.ROOMS for n, e in registry.entries(kind).items()}
    roots |= {("stage", stage): module for stage, module in STAGES.items()}
    found = defaultdict(set)
    for what, module in roots.items():
        for each in closure(module):
            found[each].add(what)
    return found


# ----------------------------------------------------------------------------------------------------- one edit each


class OneEdit(ast.NodeTransformer):
    """Turn one operator, comparison or number into another; an assertion of a docstring is none."""

    def __init__(self):
        self.done = False

    def visit_FormattedValue(self, node):
        return node

    def visit_JoinedStr(self, node):
        return node

    def visit_If(self, node):
        return node if "TYPE_CHECKING" in ast.unparse(node.test) else self.generic_visit(node)

    def visit_BinOp(self, node):
        if not self.done and isinstance(node.op, ast.Mult | ast.Add | ast.Sub | ast.Div):
            self.done = True
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            return node
        return self.generic_visit(node)

    def visit_Compare(self, node):
        if not self.done:
            self.done = True
            node.ops[0] = ast.NotEq() if not isinstance(node.ops[0], ast.NotEq) else ast.Eq()
        return node

    def visit_Constant(self, node):
        if not self.done and type(node.value) in {int, float, bool}:
            self.done = True
            return ast.copy_location(ast.Constant(type(node.value)(not node.value)), node)
        return node

    def visit_Return(self, node):
        node = self.generic_visit(node)
        if not self.done and node.value is not None:
            self.done = True
            node.value = ast.UnaryOp(ast.Not(), node.value)
        return node


def edited(text):
    tree, edit = ast.parse(text), OneEdit()
    tree = ast.fix_missing_locations(edit.visit(tree))
    return ast.unparse(tree) if edit.done else None


def changed(before, after):
    assert before.keys() == after.keys()
    return {what for what in before if before[what] != after[what]}


def test_an_edit_of_any_module_changes_what_imports_it_and_nothing_else(copy):
    graph, expected, tried = ImportGraph(SourceTree.at(copy)), users(), 0
    before = fingerprints(copy, graph=graph)
    for number, (module, path) in enumerate(modules().items()):
        place = copy / path.relative_to(ROOT)
        text = place.read_text()
        other = edited(text)
        if other is None:  # a module without a number, an operator or a returned value
            assert not module.startswith("bench.core.types.")
            continue
        place.write_text(other)
        graph._sources.pop(place, None)  # a new graph sees the same, but takes longer, so that one in twenty is new
        after = fingerprints(copy, graph=graph if number % 20 else None)
        assert changed(before, after) == expected[module], module
        place.write_text(text)
        graph._sources.pop(place, None)
        tried += 1
    assert tried > 0.85 * len(modules())
    assert fingerprints(copy) == before


def test_the_modules_that_make_every_number_are_followed():
    found = users()
    for module, stages in {
        "bench.core.types.images": {"train", "fit", "invert", "measure"},  # ``Images.floats`` makes every pixel
        "bench.core.types.gans": {"train", "fit", "invert", "measure"},
        "bench.core.run_context": {"train", "fit", "invert", "measure"},
        "bench.core.options": {"train", "fit", "invert", "measure"},
        "bench.harness.context": {"train", "fit", "invert", "measure"},  # ``seed_of``
        "bench.metrics.gan_quality": {"train", "measure"},  # picks ``@best``
        "bench.gans.training": {"train", "measure"},
        "bench.harness.bound_method": {"fit", "invert", "measure"},
        "bench.harness.invert_stage": {"invert", "measure"},
        "bench.harness.feature_cache": {"measure"},
        "bench.metrics.evaluation": {"measure"},
    }.items():
        assert {name for kind, name in found[module] if kind == "stage"} == stages, module


def test_comments_docstrings_and_layout_change_nothing(copy):
    before = fingerprints(copy)
    for place in [p for package in PACKAGES for p in (copy / package).rglob("*.py")]:
        if place.stat().st_size:
            place.write_text(f'"""Other words."""\n# and a comment\n{ast.unparse(ast.parse(place.read_text()))}\n')
    assert fingerprints(copy) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bench.gans.priors", "bench.gans.prior_distributions"),
        ("bench.gans.training", "bench.datasets.adversarial"),
        ("bench.core.registry", "bench.core.names"),
        ("bench.core.types.images", "bench.core.types.pictures"),
        ("bench.metrics.frechet", "bench.metrics.distances.frechet"),
        ("bench.gans.stylegan", "bench.gans.style_networks"),
        ("methods.solver", "methods.latent_solver"),
    ],
)
def test_moving_a_module_changes_nothing(copy, old, new, monkeypatch):
    before = fingerprints(copy)
    monkeypatch.setattr("bench.core.import_graph.CARRIERS", {new if name == old else name: 1 for name in CARRIERS})
    target = copy / f"{new.replace('.', '/')}.py"
    target.parent.mkdir(exist_ok=True)
    (target.parent / "__init__.py").touch()
    (copy / f"{old.replace('.', '/')}.py").rename(target)
    move_imports([p for package in PACKAGES for p in (copy / package).rglob("*.py")], old, new)
    assert fingerprints(copy, {old: new}) == before


def move_imports(paths, old, new):
    """Rewrite imports, and the uses of a module that is imported whole."""
    package, _, name = old.rpartition(".")
    new_package, _, new_name = new.rpartition(".")
    for path in paths:
        text = path.read_text()
        moved = re.sub(rf"\b{re.escape(old)}\b(?= import)", new, text)
        whole = re.search(rf"from {re.escape(package)} import (?:(\w+(?:, \w+)*), )?{name}\n", moved)
        if whole:
            others = f"from {package} import {whole[1]}\n" if whole[1] else ""
            moved = moved.replace(whole[0], f"{others}from {new_package} import {new_name}\n")
            moved = re.sub(rf"(?<![\w.\"']){name}\.(?=\w)", f"{new_name}.", moved)
        if moved != text:
            path.write_text(moved)


# ----------------------------------------------------------------------------------------------------- small packages


@pytest.fixture
def tree(tmp_path):
    """A function that writes files below ``bench`` and ``methods`` and gives the fingerprint of one of them."""

    def write(files, of="bench.a", root="tree"):
        for package in PACKAGES:
            (tmp_path / root / package).mkdir(parents=True, exist_ok=True)
            (tmp_path / root / package / "__init__.py").touch()
        for name, text in files.items():
            path = tmp_path / root / f"{name.replace('.', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return CodeReader(SourceTree.at(tmp_path / root)).module(of)

    return write


TWO = {"bench.f": "def f(x): return x + 1\n", "bench.g": "def g(x): return x * 2\n"}


def test_imports_that_are_swapped_change_it(tree):
    first = tree({**TWO, "bench.a": "from bench.f import f\nfrom bench.g import g\n"})
    swapped = {"bench.f": TWO["bench.g"].replace("g(", "f("), "bench.g": TWO["bench.f"].replace("f(", "g(")}
    assert tree({**swapped, "bench.a": "from bench.f import f\nfrom bench.g import g\n"}, root="b") != first
    assert tree({**TWO, "bench.a": "from bench.g import g as f\nfrom bench.f import f as g\n"}, root="c") != first
    assert tree({**TWO, "bench.a": "from bench.g import g\nfrom bench.f import f\n"}, root="d") == first


def test_modules_of_equal_text_are_told_apart_by_what_they_import(tree):
    twins = {
        name: f"from bench.{of} import h\ndef use(x): return h(x)\n"
        for name, of in (("bench.p", "x"), ("bench.q", "y"))
    }
    base = {**twins, "bench.x": "def h(x): return x\n", "bench.y": "def h(x): return -x\n"}
    first = tree({**base, "bench.a": "from bench.p import use as p\nfrom bench.q import use as q\n"})
    assert (
        tree({**base, "bench.a": "from bench.q import use as p\nfrom bench.p import use as q\n"}, root="b") != first
    )


def test_rings_of_imports_are_followed_to_their_ends(tree):
    ring = {
        "bench.a": "from bench.b import b\nA = 1\n",
        "bench.b": "def b():\n    from bench.c import C\n    return C\n",
        "bench.c": "from bench import a\nfrom bench.d import D\nC = a.A\n",
        "bench.d": "D = 1\n",
        "bench.outside": "from bench.a import A\n",
    }
    first = {of: tree(ring, of).fingerprint for of in ring}
    assert len(set(first.values())) == len(ring)
    for edited_module in ("bench.a", "bench.b", "bench.c", "bench.d"):
        other = ring | {edited_module: ring[edited_module] + "X = 2\n"}
        found = {of: tree(other, of, root=edited_module).fingerprint for of in ring}
        same = {of for of in ring if found[of] == first[of]}
        assert same == (set() if edited_module == "bench.d" else {"bench.d"})


def test_a_ring_is_the_same_from_wherever_it_is_entered(tree, tmp_path):
    ring = {"bench.a": "from bench.b import b\na = 1\n", "bench.b": "from bench.a import a\nb = 1\n"}
    tree(ring)
    forward, backward = CodeReader(SourceTree.at(tmp_path / "tree")), CodeReader(SourceTree.at(tmp_path / "tree"))
    first = [forward.module(name) for name in ("bench.a", "bench.b")]
    second = [backward.module(name) for name in ("bench.b", "bench.a")]
    assert first == second[::-1]


def test_a_missing_module_of_ours_raises_each_time_it_is_asked_for(tree, tmp_path):
    tree(TWO | {"bench.a": ""})
    (tmp_path / "tree" / "bench" / "a.py").write_text("from bench.f import f\nfrom bench.gone import g\nA = 1\n")
    (tmp_path / "tree" / "bench" / "top.py").write_text("from bench.a import A\n")
    reader = CodeReader(SourceTree.at(tmp_path / "tree"))
    for module in ("bench.a", "bench.top", "bench.a"):
        with pytest.raises(ContractError, match=r"a\.py: imports bench\.gone, and there is no such module"):
            reader.module(module)
    with pytest.raises(ContractError, match=r"there is no module bench\.nowhere"):
        reader.module("bench.nowhere")


def test_a_name_that_a_package_does_not_pass_on_raises(tree):
    files = {**TWO, "bench.p.__init__": "from bench.f import f\n", "bench.a": "from bench.p import h\n"}
    with pytest.raises(ContractError, match=r"imports h from bench\.p, which has no such name"):
        tree(files)


def test_a_name_counts_as_that_of_the_module_that_defines_it(tree):
    package = {**TWO, "bench.p.__init__": "from bench.f import f\nfrom bench.g import g\n"}
    direct = tree({**package, "bench.a": "from bench.f import f\n"})
    assert tree({**package, "bench.a": "from bench.p import f\n"}, root="b") == direct
    other = {**package, "bench.g": "def g(x): return x\n"}
    assert tree({**other, "bench.a": "from bench.p import f\n"}, root="c") == direct


def test_what_a_package_runs_counts_for_its_modules(tree):
    files = {"bench.p.__init__": "import torch\ntorch.set_default_dtype(torch.float64)\n", "bench.p.m": "M = 1\n"}
    first = tree({**files, "bench.a": "from bench.p.m import M\n"})
    other = {**files, "bench.p.__init__": "import torch\ntorch.set_default_dtype(torch.float32)\n"}
    assert tree({**other, "bench.a": "from bench.p.m import M\n"}, root="b") != first


def test_imports_for_type_checkers_are_not_followed_and_those_in_functions_are(tree):
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bench.f import f\n"
    assert tree({**TWO, "bench.a": typed + "X = 1\n"}) == tree({"bench.a": "X = 1\n"}, root="b")
    lazy = {"bench.a": "def a():\n    from bench.f import f\n    return f\n"}
    first = tree({**TWO, **lazy}, root="c")
    assert tree({**TWO, **lazy, "bench.f": "def f(x): return x + 2\n"}, root="d") != first


def test_packages_from_elsewhere_are_named_and_optional_ones_may_be_absent(tree):
    text = "import os\nimport numpy as np\nimport pandas\n"
    text += "try:\n    import nowhere_at_all\nexcept ImportError:\n    pass\n"
    found = tree({"bench.a": "from bench.b import x\n", "bench.b": text + "from scipy.linalg import inv\nx = inv\n"})
    assert found.packages == ("nowhere_at_all", "numpy", "scipy")


def test_carriers_are_there_and_have_reasons():
    for name, reason in CARRIERS.items():
        assert module_file(name), name
        assert len(reason) > 10, name
        assert not re.match(r"bench\.(gans|metrics|datasets)\b|methods", name), "where numbers are made"
    assert len(CARRIERS) <= 14


# -------------------------------------------------------------------------------------------- files of the user's


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
