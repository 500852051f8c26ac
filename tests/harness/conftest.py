"""Cells and their keys; methods of strangers: plug-in files with a trick each, all of one run."""

import dataclasses
import json
import shutil
import sys

import pytest

from bench.api import run_suite
from bench.core import registry
from bench.core.record_schema import CHECKSUM, fields_checksum
from bench.harness.record_files import GENERATORS
from bench.harness.store import Store, copy_records
from bench.harness.suite import read_suite

STRANGER = '''
import atexit, copy, gc, os, subprocess, sys, threading, time
from dataclasses import dataclass
import torch
from torch import nn
from bench import Inverter, method

@method("NAME")
@dataclass
class Cheat(Inverter):
    """The control random_code, and a trick."""

    def codes(self, x):
        return self.gan.prior.sample(len(x), torch.Generator().manual_seed(3))

    def invert(self, x):
        return self.codes(x)
'''


@pytest.fixture
def cell(tiny_suite):
    """A cell of the tiny suite."""
    return next(c for c in read_suite(tiny_suite).cells() if c.method.name == "dfi+opt")


@pytest.fixture(scope="session")
def changed_stages():
    """``changed_stages(a, b)``: stages whose keys differ; the generated images (``own``) have a test of their own."""

    def changed(a, b):
        names = [f.name for f in dataclasses.fields(a) if f.name != "own"]
        return [name for name in names if getattr(a, name) != getattr(b, name)]

    return changed


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_text):
    """A suite, and the folder of a store that the tests of a file share."""
    folder = tmp_path_factory.mktemp("strangers")
    suite = folder / "tiny.toml"
    suite.write_text(tiny_text)
    return suite, folder / "store"


@pytest.fixture(scope="session")
def stranger():
    """The text of a plug-in file with a method: ``stranger(name, body)``; the body may override its methods."""
    return lambda name, body="": STRANGER.replace("NAME", name) + body


@pytest.fixture(scope="session")
def run_strangers(stranger):
    """``run_strangers(place, folder, {name: body})``: the records of the methods and of a control, by name."""

    def run(place, folder, bodies):
        for known in registry.plugin_files():
            sys.modules.pop(registry._plugin_module(known), None)
        registry._plugins.clear()
        registry._table.cache_clear()
        paths = {name: folder / f"{name}.py" for name in bodies}
        for name, path in paths.items():
            path.write_text(stranger(name, bodies[name]))
        names = ["random_code", *bodies]
        found = run_suite(place[0], methods=names, plugins=list(paths.values()), store=Store(place[1]), jobs=1)
        return dict(zip(names, found.records, strict=True))

    return run


@pytest.fixture(scope="session")
def committed_once(tmp_path_factory, tiny_text):
    """A suite file, and the folder of its reports, records and generators, as a run leaves them."""
    folder = tmp_path_factory.mktemp("committed")
    suite = folder / "tiny.toml"
    suite.write_text(tiny_text.replace('"dfi", "dfi+opt"', '"dfi"'))
    store = Store(folder / "store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANINV_HOME", str(folder))
        patch.setenv("GANINV_DEVICE", "cpu")
        done = run_suite(suite, store=store, jobs=0)
    copy_records(done.records, folder / "tiny" / "records")
    shutil.copytree(store.root / "train", folder / "tiny" / GENERATORS)
    return suite, folder / "tiny"


@pytest.fixture
def committed(committed_once, tmp_path):
    """A test's own copy of the suite file and of its committed folder."""
    suite, folder = committed_once
    return shutil.copy(suite, tmp_path / suite.name), shutil.copytree(folder, tmp_path / "committed")


@pytest.fixture
def edit_records():
    """``edit_records(folder, change)``: apply a change to the JSON of every committed record."""

    def edit(folder, change):
        for path in (folder / "records").glob("*.json"):
            content = json.loads(path.read_text())
            change(content)
            content[CHECKSUM] = fields_checksum(content)
            path.write_text(json.dumps(content))

    return edit
