"""Overlap and width of clouds with known answers, and the plane against numpy's own decomposition."""

import json
from statistics import NormalDist

import numpy as np
import pytest
import torch

from bench.studies.base import StudyRequest
from bench.studies.overlap_plane import Grid, Plane, overlap, project, statistics_of


def clouds(shift=0.0, scale=1.0, count=8000):
    rng = np.random.RandomState(0)
    return rng.normal(size=(count, 2)), scale * rng.normal(size=(count, 2)) + [shift, 0.0]


@pytest.mark.parametrize(("shift", "tolerance"), [(0.0, 0.09), (1.0, 0.03), (2.0, 0.03), (4.0, 0.03)])
def test_overlap_of_two_gaussians_has_a_closed_form(shift, tolerance):
    # Where two densities are equal, noise can only lower the smaller of both.
    real, fake = clouds(shift)
    grid = Grid.around(np.concatenate([real, fake]), 96)
    expected = 2 * NormalDist().cdf(-shift / 2)
    assert overlap(grid.density(real), grid.density(fake)) == pytest.approx(expected, abs=tolerance)


def test_a_density_sums_to_one_and_peaks_where_the_points_are():
    real, _ = clouds()
    grid = Grid.around(real, 64)
    density = grid.density(real)
    i, j = np.unravel_index(density.argmax(), density.shape)
    assert density.sum() == pytest.approx(1.0)
    assert np.hypot(grid.x[i], grid.y[j]) < 0.6


def test_widths_are_ratios_of_variance_and_area():
    real, fake = clouds(scale=0.5)
    found = statistics_of(real, fake, Grid.around(np.concatenate([real, fake]), 64))
    assert found["variance ratio"] == pytest.approx(4.0, rel=0.05)
    assert found["area ratio"] == pytest.approx(4.0, rel=0.05)


def plane(real, fake):
    flat = np.random.RandomState(1).normal(size=(len(real), 2)) * 1e-3
    sides = (torch.from_numpy(np.hstack([side, flat])) for side in (real, fake))
    return Plane.of(*sides, 64, 100, StudyRequest())


@pytest.mark.parametrize(
    ("shift", "scale", "expected"),
    [
        (0.5, 0.8, ["holds", "holds", "holds"]),
        (6.0, 1.25, ["fails", "fails", "fails"]),
        (0.5, 1.0, ["holds", "cannot tell", "cannot tell"]),
    ],
)
def test_verdicts_follow_the_clouds(shift, scale, expected):
    verdict = plane(*clouds(shift, scale, 3000)).verdict("fashion-mnist/lsgan")
    assert [e.outcome for e in verdict.evidence] == expected
    assert "stands in" in plane(*clouds(count=300)).verdict("dcgan").reason


def test_the_interval_lies_around_the_estimate():
    found = plane(*clouds(1.0, count=2000))
    for name, value in found.values.items():
        interval = found.interval(name)
        assert interval.low < value < interval.high


def test_the_plane_is_that_of_numpys_decomposition_up_to_sign():
    rng = torch.Generator().manual_seed(0)
    mixing = torch.diag(torch.tensor([5.0, 3.0] + [0.5] * 8))
    real, fake = (torch.randn(200, 10, generator=rng) @ mixing for _ in range(2))
    left, right, shares = project(real, fake, 0)
    union = torch.cat([real, fake]).double().numpy()
    centred = union - union.mean(0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    expected = np.abs(centred @ axes[:2].T)
    assert np.abs(np.concatenate([left, right])) == pytest.approx(expected, abs=1e-3)
    assert shares == pytest.approx(sizes[:2] ** 2 / (sizes**2).sum(), rel=1e-4)
    again = project(real, fake, 0)
    assert np.array_equal(again[0], left)


def test_a_shipped_gan_is_looked_through_its_own_discriminator(call, boxes, tmp_path):
    words = ("study", "feature-overlap", "--dataset", "boxes?test=200", "--plugin", boxes)
    words += ("--option", "gan=fashion-mnist/lsgan", "--option", "resamples=100")
    code, _, errors = call(*words, "--out", tmp_path / "one")
    assert code == 0, errors
    content = json.loads((tmp_path / "one" / "study.json").read_text())
    assert content["verdicts"][0]["claim"] == "C29"
    assert content["protocol"]["images"] == 200
    assert len(content["protocol"]["gan_checksum"]) == 64
    assert call(*words, "--out", tmp_path / "two")[0] == 0
    assert (tmp_path / "two" / "table.csv").read_bytes() == (tmp_path / "one" / "table.csv").read_bytes()
