"""Equal methods share rank 1, and better ones are told, by simulation with fixed random numbers."""

import numpy as np
import pytest

from bench.statistics import better_pairs, rank_sets
from bench.studies.base import StudyRequest
from bench.studies.calibration import GAPS, Calibration, CalibrationCounts, TableSize, compared


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_eight_equal_methods_share_rank_1(seeds):
    """In at least 95 % of tables; of 1,000 with 1,000 images .983, .982, .985 and .982."""
    study, rng = Calibration(), np.random.default_rng(seeds)
    setting = TableSize(8, seeds, 60, unlike=False)
    shared = [
        all(ranks.low == 1 for ranks in rank_sets(better_pairs(8, compared(study.scores(setting, rng)))))
        for _ in range(150)
    ]
    assert np.mean(shared) >= 0.95


def test_copies_of_one_method_are_rarely_told_apart_and_a_better_one_is():
    found = Calibration(draws=40, images=100).count(TableSize(4, 3, 100, unlike=False), np.random.default_rng(0))
    assert found.pairs <= 0.05
    assert found.power[-1] == 1.0  # 2.5 dB
    assert (np.diff(found.power) >= 0).all()


def test_the_difference_that_is_seen_is_read_off_the_power():
    power = np.clip(np.array(GAPS), 0, 1)  # all of 1 dB
    assert CalibrationCounts(TableSize(2, 2, 2, False), 1.0, 0.0, power).seen == pytest.approx(0.8)
    assert np.isnan(CalibrationCounts(TableSize(2, 2, 2, False), 1.0, 0.0, 0.5 * power).seen)


def test_the_study_gives_a_row_for_each_setting_and_a_figure():
    study = Calibration(draws=2, methods=3, seeds=(2, 3), images=20)
    result = study.run(StudyRequest())
    (rows,) = result.tables.values()
    assert len(rows) == len(study.settings)
    assert set(rows["spreads"]) == {"equal", "unlike"}
    assert len(result.draw().axes) == 2


@pytest.mark.parametrize("options", [{"draws": 0}, {"seeds": (1,)}, {"methods": 1}, {"seed_sd": 0.0}])
def test_sizes_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Calibration(**options)
