"""Operators are found by looking through their folder: a further one is a further file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import BenchError, ContractError
from bench.papers.claims import operators
from bench.papers.claims.evaluate import evaluate_claims
from bench.papers.claims.spec import read_claims
from bench.reports.groups import only_group

WORST = '''
from dataclasses import dataclass
from bench.papers.claims.operators.base import ClaimTest
from bench.papers.claims.subjects import read_subjects
from bench.reports.strict_toml import check_keys
from bench.reports.verdicts import Evidence


@dataclass(frozen=True)
class FloorTest(ClaimTest):
    """Every subject reaches a value."""

    operators = ("floor",)
    metrics: tuple
    who: tuple
    value: float

    @classmethod
    def read(cls, atom, place):
        check_keys(atom, place, {"op": str, "metric": str, "who": list, "value": float})
        return cls((atom["metric"],), read_subjects(atom, "who", place), atom["value"])

    @property
    def subjects(self):
        return self.who

    def evaluate(self, scope):
        (quantity,), _ = scope.quantities(self.metrics[0])
        for who in self.who:
            mean = scope.reading(who, quantity).mean
            yield Evidence(f"{who} reaches {self.value}", "holds" if mean >= self.value else "fails", f"{mean:.1f}")

    def agrees(self, printed):
        for who in self.who:
            yield printed.value(self.metrics[0], who) >= self.value
'''
FLOOR = '{op = "floor", metric = "psnr", who = ["a", "b"], value = 15.0}'


@pytest.fixture
def further(tmp_path, monkeypatch):
    """Put a file beside the operators."""

    def put(name, text):
        folder = tmp_path / "further"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(operators, "__path__", [*operators.__path__, str(folder)])

    return put


def test_a_file_is_an_operator_and_a_class_is_a_file():
    known = operators.operators()
    here = {path.stem for path in Path(operators.__file__).parent.glob("*.py")} - {"__init__", "base", "answers"}
    assert {test.__module__.rpartition(".")[2] for test in known.values()} == here
    assert len(set(known.values())) == len(here)
    names = "order, group, difference, ratio, top, correlation, same_order, study, unmeasured"
    assert list(known) == names.split(", ")
    with pytest.raises(BenchError, match=f"^here: unknown operator 'ordre'; known: {names}$"):
        operators.read_test({"op": "ordre"}, "here")


def test_a_further_file_is_read_judged_and_asked_of_the_paper(further, make, write_claims):
    path = write_claims(FLOOR, "T,d,g,a,psnr,20,,\nT,d,g,b,psnr,16,,\n")
    with pytest.raises(BenchError, match="claim X1, test 1: unknown operator 'floor'"):
        read_claims(path)
    further("floor", WORST)
    group = only_group([make(method, images={"psnr": np.full(9, value)}) for method, value in (("a", 20), ("b", 10))])
    (found,) = evaluate_claims(read_claims(path), group)
    assert (found.outcome, found.published) == ("fails", True)
    assert found.reason == "b reaches 15.0: 10.0"
    assert list(operators.operators())[-1] == "floor"


def test_an_operator_that_is_there_twice_is_refused(further):
    further("again", WORST.replace('("floor",)', '("order",)'))
    with pytest.raises(ContractError, match=r"operator 'order' is there twice: .*order, .*again"):
        operators.operators()
