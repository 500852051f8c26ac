"""Verdicts on made-up curves whose answers are known, and the printed curve of figure 5."""

import numpy as np
import pytest

from bench.studies.fish_eye import LensCurves as FishEyeCurves
from bench.studies.translation_curves import TranslationCurves, printed

C = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
ALEX = {"lpips": "alex", "fid": "inception"}
DOMAIN = {"lpips": "fashion-mnist-cnn", "fid": "fashion-mnist-cnn"}


def scattered(values, sd, count=200, seed=0):
    values = np.asarray(values, float)
    return values + sd * np.random.RandomState(seed).normal(size=(count, len(values)))


def fish_eye(lpips, fid, coefficients=C):
    lpips, fid = np.asarray(lpips, float), np.asarray(fid, float)
    return FishEyeCurves(coefficients, lpips, scattered(lpips, 1e-4), fid, scattered(fid, 1e-4, 20))


def outcomes(verdict):
    return [e.outcome for e in verdict.evidence]


def test_the_papers_curves_hold():
    verdict = fish_eye(0.3 * np.array(C), 60 * np.array(C) ** 3 * 8).verdict()
    assert outcomes(verdict) == ["holds", "holds", "holds"]
    assert verdict.outcome == "holds"


def test_concave_curves_fail_every_test():
    verdict = fish_eye(np.sqrt(np.array(C)) ** 0.5, np.sqrt(np.array(C))).verdict()
    assert outcomes(verdict) == ["fails", "fails", "fails"]


def test_wide_intervals_tell_nothing():
    fid = np.array(C) ** 2
    wide = FishEyeCurves(C, np.array(C), scattered(C, 1e-4), fid, scattered(fid, 1.0, 20))
    assert outcomes(wide.verdict()) == ["holds", "cannot tell", "cannot tell"]
    other = fish_eye(np.array([0.0, 0.1, 0.2]), np.array([0, 1, 4.0]), (0.0, 0.25, 0.5))
    assert outcomes(other.verdict())[2] == "not measured"


def translation(raw, reflect, fid_raw, fid_reflect, networks=ALEX, side=128, floor=1.0, sd=1e-5):
    def pair(a, b, spread, count):
        sides = {"raw": np.asarray(a, float), "reflect": np.asarray(b, float)}
        return sides, {k: scattered(v, spread, count, seed) for seed, (k, v) in enumerate(sides.items())}

    lpips, fid = pair(raw, reflect, sd, 200), pair(fid_raw, fid_reflect, sd, 20)
    return TranslationCurves(*lpips, *fid, floor, side, networks, True, printed())


T = np.arange(13)
NAMES = ("C24", "C25", "C26")


def told(curves):
    return {v.claim.id: v.outcome for v in curves.verdicts()}


def test_figure_5_is_what_the_paper_prints():
    curves = printed()
    assert curves["raw"][[0, 1, 12]].tolist() == [0.0, 0.0214, 0.1472]
    assert curves["reflect"][[0, 1, 12]].tolist() == [0.0, 0.0215, 0.1470]
    assert len(curves["raw"]) == len(curves["reflect"]) == 13
    published = {v.claim.id: v.published for v in translation(0 * T, T, T, T).verdicts()}
    assert published == {"C24": True, "C25": None, "C26": True}


def test_the_papers_translation_holds():
    curves = translation(0.012 * T, 0.012 * T + 0.0005 * (T > 0), 0.1 * T, T)
    assert told(curves) == dict.fromkeys(NAMES, "holds")


def test_each_claim_of_translation_can_fail():
    curves = translation(-0.012 * T, 0.012 * T, T, 0.1 * T)
    assert told(curves) == dict.fromkeys(NAMES, "fails")
    again = translation(0.012 * T, 0.012 * T, 0.15 * T, 0.14 * T)
    assert [e.outcome for e in again.verdicts()[1].evidence] == ["holds", "fails"]


def test_translation_that_cannot_be_told():
    curves = translation(0.012 * T, 0.012 * T + 0.002, 0.1 * T, 0.1 * T, sd=0.02)
    assert told(curves) == dict.fromkeys(NAMES, "cannot tell")


def test_a_small_window_is_judged_on_the_papers_share_of_its_side():
    lpips, fid = np.minimum(T, 2) * 0.1, np.where(T <= 2, 0.1 * T, 9.0)
    curves = translation(lpips, lpips, fid, np.where(T <= 2, T, 0), DOMAIN, side=28)
    assert curves.decisive_shift == 2
    assert told(curves) == dict.fromkeys(NAMES, "holds")
    (_, beyond), (rising, _) = curves.verdicts()[1].evidence, curves.verdicts()[2].evidence
    assert "of 10 larger t: 10 fails" in beyond.detail
    assert "at each t up to 2" in rising.question


@pytest.mark.parametrize(("networks", "bound", "stand_in"), [(ALEX, "2", ""), (DOMAIN, "0.7", "sampling floor")])
def test_bounds_of_one_network_are_not_those_of_another(networks, bound, stand_in):
    curves = translation(0.024 * T, 0.024 * T, 0 * T, T, networks, floor=0.7)
    gap, fid = curves.verdicts()[0].evidence[0], curves.verdicts()[1].evidence[0]
    assert f"at most {bound} " in fid.question
    assert stand_in in fid.stand_in
    expected = 0.002 if networks is ALEX else 0.002 * 0.288 / 0.1472
    assert f"{expected:.4g}" in gap.question


def test_the_table_holds_the_printed_values_and_the_intervals():
    rows = translation(0.012 * T, 0.012 * T, 0 * T, T).frame()
    assert rows["published_raw"].tolist() == printed()["raw"].tolist()
    assert (rows["lpips_raw_low"] <= rows["lpips_raw"]).all()
    assert (rows["fid_reflect_high"] >= rows["fid_reflect"]).all()
    assert (rows["fid_raw_low"] >= 0).all()
