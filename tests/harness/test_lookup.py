"""Records read from a folder stand in the order of their suite."""

import random

from bench.core.types import Record
from bench.harness.keys import cell_facts
from bench.harness.lookup import stored
from bench.harness.suite import open_suite


def test_records_of_a_folder_stand_in_the_order_of_the_suite(monkeypatch, tmp_path):
    cells = open_suite("backbones").cells("cpu", seeds=[0, 1])
    facts = [cell_facts(cell) for cell in cells]
    records = [Record(str(place), cell, "done") for place, cell in enumerate(facts)]
    stranger = Record("stranger", facts[0] | {"method": {"name": "mine", "options": {}, "label": ""}}, "done")
    shuffled = [*records, stranger]
    random.Random(0).shuffle(shuffled)
    monkeypatch.setattr("bench.harness.lookup.read_records", lambda folder: shuffled)
    _, found, missing = stored("backbones", "cpu", tmp_path)
    assert [r.key for r in found if r is not stranger] == [r.key for r in records]
    place = found.index(stranger)
    assert found[place - 1].cell["method"]["name"] == cells[-1].method.name  # after the suite's methods of its seed
    assert missing == []
