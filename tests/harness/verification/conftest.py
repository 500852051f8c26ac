"""A report of the tiny suite with its records, and ways to alter it."""

import shutil

import pytest

from bench.api import run_suite
from bench.harness.store import Store
from bench.papers.publish import publish


@pytest.fixture(scope="module")
def report_once(tmp_path_factory, tiny_text):
    """The reports of the tiny suite, and the store that they come from."""
    folder = tmp_path_factory.mktemp("verified")
    suite = folder / "tiny.toml"
    suite.write_text(tiny_text)
    store = Store(folder / "store")
    outcome = run_suite(str(suite), store=store)
    publish(outcome.suite, outcome.records, folder / "out")
    return folder


@pytest.fixture
def report(report_once, tmp_path, monkeypatch):
    """A test's own copy of the reports; the store is the user's."""
    shutil.copytree(report_once / "out", tmp_path / "out")
    monkeypatch.setenv("GANINV_HOME", str(report_once))
    return tmp_path / "out"
