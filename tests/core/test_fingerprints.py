"""A fingerprint changes with the code that makes a number, wherever that lies, and with nothing else."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

import bench
from bench.core import registry
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
        "bench.metrics.gan_quality": {"train"},  # picks ``@best``
        "bench.gans.training": {"train"},
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


def test_carriers_are_there_and_have_reasons():
    for name, reason in CARRIERS.items():
        assert module_file(name), name
        assert len(reason) > 10, name
        assert not re.match(r"bench\.(gans|metrics|datasets)\b|methods", name), "where numbers are made"
    assert len(CARRIERS) <= 14
