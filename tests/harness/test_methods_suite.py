"""The suite of every method: none is left out, and each gives numbers on a GAN that it can serve."""

import math

import pytest

from bench.api import run_suite
from bench.core.registry import entries
from bench.harness.suite import open_suite


def test_every_method_and_refiner_is_in_the_suite():
    written = [cell.method.name.split("+") for cell in open_suite("methods").cells("smoke")]
    assert {base for base, *_ in written} == set(entries("method"))
    assert {refiner for _, *refiners in written for refiner in refiners} == set(entries("refiner"))


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    from bench.harness.store import Store

    return run_suite("methods", "smoke", store=Store(tmp_path_factory.mktemp("store"))).records


def test_every_method_is_fitted_and_scored(records):
    assert {(r.status, r.reason) for r in records} == {("done", "")}
    for record in records:
        for track in ("test", "own"):
            assert math.isfinite(record.metrics[track]["mse"]["value"]), record.cell["method"]


def test_a_method_says_how_much_it_may_change(records):
    free = {(r.cell["gan"]["name"], r.cell["method"]["name"]): r.facts for r in records}
    assert {facts["capacity"] for facts in free.values()} == {"z", "weights"}
    assert free["dcgan", "dfi"]["code_dim"] == 4
    assert free["dcgan", "dfi+pti"]["capacity"] == "weights"
    assert free["dcgan", "dfi+pti"]["code_dim"] > 100
    assert free["cgan", "icgan"]["code_dim"] == 4 + 10


def test_what_a_method_did_beyond_the_budget_is_recorded(records):
    budget = open_suite("methods").budget("smoke")
    found = {(r.cell["gan"]["name"], r.cell["method"]["name"]): r.facts for r in records}
    assert found["cgan", "icgan"]["fit_steps"] == 2 * budget.fit_steps  # E_y, then E_z
    assert found["dcgan", "dfi"]["fit_steps"] == budget.fit_steps
    assert found["dcgan", "gradient"]["fit_steps"] == 0
    assert all(facts["diverged"] == {"test": 0, "own": 0} for facts in found.values())
