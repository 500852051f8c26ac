"""The examples in the docstrings of what is registered: each has one, and it shows what it says."""

import doctest
import importlib

import pytest
import torch

from bench.core.registry import entries, load

KINDS = ("dataset", "gan", "metric", "method", "refiner")


def registered():
    return [(kind, name) for kind in KINDS for name in entries(kind)]


@pytest.mark.parametrize(("kind", "name"), registered(), ids=lambda each: each)
def test_the_example_of_what_is_registered_runs(kind, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    cls = load(kind, name)
    module = importlib.import_module(cls.__module__)
    found = doctest.DocTestFinder(recurse=False).find(cls, cls.__name__, module=module, globs={})
    examples = [each for each in found if each.examples]
    assert examples, f"{kind} {name} has no example"
    said = []
    for each in examples:
        failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(each, out=said.append)
        assert not failed, "".join(said)
