"""Imports in small packages: what is followed, in circles too, and what raises."""

import pytest

from bench.core.errors import ContractError
from bench.core.fingerprints import CodeReader
from bench.core.import_graph import SourceTree

PACKAGES = ("bench", "methods")


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
