"""Facts and costs of a record: those that a process states, checked, and those that were seen from outside."""

import pytest

from bench.core.errors import ContractError
from bench.harness.measure_stage import COST, _cost, _processes, checked_facts

META = {
    **dict.fromkeys(COST, 1.0),
    "trained_parameters": 3,
    "fit_steps": 2,
    "fit_threads": 1,
    "threads": 1,
    "capacity": "z",
    "spaces": ["z"],
    "trained_on": "train images",
    "optimises": ["mse"],
    "control": False,
    "diverged": {"test": 0, "own": 1},
    "started_processes": [],
    "written_files": [],
    "seconds of something else": 7,
}


def test_facts_come_back_with_their_types():
    facts = checked_facts(META)
    assert facts == {name: value for name, value in META.items() if name != "seconds of something else"}


@pytest.mark.parametrize(
    "change",
    [
        {"trained_on": 5},
        {"optimises": [None]},
        {"optimises": 3},
        {"fit_steps": "many"},
        {"diverged": {"test": 0}},
        {"fit_seconds": None},
    ],
)
def test_facts_of_another_type_are_refused(change):
    with pytest.raises(ContractError, match="what the method says of itself cannot be used"):
        checked_facts(META | change)


def test_texts_are_a_line_that_every_file_takes():
    facts = checked_facts(META | {"trained_on": "odd\udcff\nname " + 200 * "x"})
    assert facts["trained_on"].startswith("odd? name xxx")
    assert len(facts["trained_on"]) == 100


def test_the_larger_of_stated_and_seen_cost_is_taken():
    outside = {
        "train": {"seconds": 99.0},
        "build": {"seconds": 0.5, "processor_seconds": 0.0},
        "fit": {"seconds": 3.0, "processor_seconds": 0.2},
        "invert test images": {"seconds": 0.25, "processor_seconds": 0.5},
        "invert own images": {"seconds": 0.25, "processor_seconds": 0.0},
        "check": {"seconds": 50.0},
    }
    cost = _cost(META, outside, 100)
    assert (cost["fit_seconds"], cost["fit_processor_seconds"]) == (3.5, 1.0)
    assert (cost["invert_ms_per_image"], cost["invert_processor_ms_per_image"]) == (5.0, 5.0)
    assert _cost(META, {}, 100) == {name: META[name] for name in COST}
    restored = {name: part for name, part in outside.items() if name != "fit"}
    assert _cost(META, restored, 100)["fit_seconds"] == 1.0, "building again is no fitting"


def test_processes_are_those_of_a_stranger_at_its_own_work():
    seen = {"processes": 3.0}
    own, suite = META | {"plugin": "plug-in a.py"}, META | {"plugin": ""}
    assert _processes(own, {"fit": seen}) == ["seen from outside"]
    assert _processes(own | {"started_processes": ["os.fork"]}, {"fit": seen}) == ["os.fork"]
    assert _processes(own, {"train": seen, "check": seen}) == []
    assert _processes(suite, {"fit": seen}) == [], "the suite's own methods share a process"
