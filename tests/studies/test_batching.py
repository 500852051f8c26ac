"""Whether a batch couples its images: planted codes, real searches, and a method that does couple them."""

import numpy as np
import pytest

from bench.core import registry
from bench.core.types import ComponentSpec
from bench.studies.base import StudyRequest
from bench.studies.batching import ALONE, PAIRS, WHOLE, Batching, BatchingResult, apart

COUPLING = '''
"""A method whose codes depend on the batch."""
from dataclasses import dataclass

from bench.core.types import Inverter
from bench.core.registry import method


@method("coupling")
@dataclass
class Coupling(Inverter):
    """The mean pixel of the batch, in each coordinate."""

    def invert(self, x):
        return x.mean().expand(len(x), self.gan.prior.dim).clone()
'''


def found(method):
    study = Batching(method, "dcgan?width=4&code_dim=8&batch=8", search_steps=12, train_steps=2)
    return study.run(StudyRequest(dataset=ComponentSpec("digits"), images=6))


def test_codes_that_move_with_their_batch_fail():
    alone = np.random.default_rng(0).normal(size=(6, 4))
    coupled = {WHOLE: alone, PAIRS: alone + 0.5, ALONE: alone}
    planted = BatchingResult(coupled, {WHOLE: alone + 2.0, PAIRS: alone, ALONE: alone}, tolerance=0.01)
    assert [e.outcome for e in planted.evidence()] == ["holds", "fails"]  # double precision decides
    assert apart(coupled)[PAIRS] == pytest.approx(0.5 / alone.std())


@pytest.mark.parametrize("method", ["gradient?rec=mse", "adam", "lm"])
def test_rounding_parts_codes_in_single_precision_alone(method):
    result = found(method)
    table = result.tables["Difference of codes from those found one by one"].set_index("precision")
    double, single = (table.loc[precision, "largest"].max() for precision in ("double", "single"))
    assert double < 1e-6  # a bit of a float32 code, at most: sums in another order may round it the other way
    assert single > double
    assert result.verdicts[0].outcome == "holds"


def test_a_method_that_couples_its_batch_is_found_out(tmp_path):
    plugin = tmp_path / "coupling.py"
    plugin.write_text(COUPLING)
    registry.add_plugin(plugin)
    assert found("coupling").verdicts[0].outcome == "fails"
