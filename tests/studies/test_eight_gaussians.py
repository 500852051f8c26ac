"""Modes that come back and points between them, counted by hand; the study runs and draws its figure."""

from __future__ import annotations

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.core.types import ComponentSpec
from bench.datasets.gaussians import SIGMA, centres
from bench.studies.base import StudyRequest
from bench.studies.eight_gaussians import EightGaussians, GaussiansResult, Repetition, count_points

MODES = np.repeat(np.arange(8), 10)
POINTS = centres()[MODES]


def shifted(*modes: int) -> np.ndarray:
    """The points, those of some modes moved to the middle."""
    made = POINTS.copy()
    made[np.isin(MODES, modes)] = 0.0
    return made


def repetition(seed: int, **made: np.ndarray) -> Repetition:
    return Repetition(seed, POINTS, MODES, made, POINTS, POINTS, {})


def test_points_are_counted_by_their_own_mode():
    count = count_points(shifted(2, 3), MODES, centres(), 3 * SIGMA, POINTS)
    assert count.back.tolist() == [1, 1, 0, 0, 1, 1, 1, 1]
    assert (count.recovered(0.5), count.off) == (6, 0.25)
    assert count.error == pytest.approx(0.25 * 4 / 2)  # radius 2, mean over two coordinates
    swapped = np.roll(POINTS, 10, axis=0)
    assert count_points(swapped, MODES, centres(), 3 * SIGMA, POINTS).recovered(0.5) == 0
    assert count_points(swapped, MODES, centres(), 3 * SIGMA, POINTS).off == 0


def test_a_mode_needs_half_of_its_points():
    made = POINTS.copy()
    made[:6] = 0.0
    assert count_points(made, MODES, centres(), 3 * SIGMA, POINTS).recovered(0.5) == 7
    made[5] = POINTS[5]
    assert count_points(made, MODES, centres(), 3 * SIGMA, POINTS).recovered(0.5) == 8


def test_the_claim_is_decided_over_seeds():
    runs = [
        repetition(s, enc_image=shifted(1, 2, 3), enc_latent=shifted(*([2] if s else [2, 3])), dfi=POINTS)
        for s in range(5)
    ]
    found = {e.question: e.outcome for e in GaussiansResult(runs, 3.0, 0.5).evidence()}
    assert found == {
        "enc_latent recovers more modes than enc_image": "holds",
        "dfi recovers more modes than enc_image": "holds",
        "dfi puts fewer points off the modes than enc_latent": "holds",
    }
    (one, *_) = GaussiansResult(runs[:1], 3.0, 0.5).evidence()
    assert one.outcome == "cannot tell"
    tied = [repetition(s, enc_image=POINTS, enc_latent=POINTS, dfi=shifted(0)) for s in range(3)]
    assert [e.outcome for e in GaussiansResult(tied, 3.0, 0.5).evidence()] == ["fails", "fails", "fails"]
    assert GaussiansResult(tied, 3.0, 0.5).covered(tied[0]) == 8


def test_it_runs_on_a_few_points(own_home):
    study = EightGaussians(seeds=(0,), train_steps=3, fit_steps=2, batch=8)
    result = study.run(StudyRequest(ComponentSpec("gaussians8", {"train": 100}), images=80))
    (rows,) = result.tables.values()
    assert list(rows["method"]) == ["enc_image", "enc_latent", "dfi"]
    assert np.isfinite(rows["mse"]).all()
    assert result.verdicts[0].outcome == "cannot tell"
    assert len(result.draw().axes) == 4


def test_other_data_and_options_out_of_range_are_refused(own_home):
    with pytest.raises(BenchError, match="about the dataset gaussians8, not digits"):
        EightGaussians().run(StudyRequest(ComponentSpec("digits")))
    with pytest.raises(ValueError, match="seeds = "):
        EightGaussians(seeds=())
    with pytest.raises(ValueError, match="radius"):
        EightGaussians(radius=0)
