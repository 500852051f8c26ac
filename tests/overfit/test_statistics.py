"""Statistics of errors against scipy, scikit-learn and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from bench.core.errors import ContractError, DataError
from bench.overfit import power
from bench.overfit import statistics as s


def errors(count, seed, scale=1.0):
    return scale * np.random.default_rng(seed).lognormal(-3, 0.8, count)


def test_separation_agrees_with_scipy_and_scikit_learn():
    train, test = errors(80, 0, 0.7), errors(120, 1)
    found = s.separation(train, test)
    labels = np.repeat([1, 0], [80, 120])
    assert found.auc == pytest.approx(roc_auc_score(labels, -np.concatenate([train, test])))
    assert found.cliffs_delta == pytest.approx(np.sign(test - train[:, None]).mean())
    assert found.ks_p == pytest.approx(stats.kstest(train, test).pvalue)
    assert found.better_p == pytest.approx(stats.ranksums(train, test, "less").pvalue, rel=0.02)
    table = [[(train <= np.sort(np.r_[train, test])[9]).sum()], [0]]
    members = table[0][0]
    exact = stats.fisher_exact([[members, 80 - members], [10 - members, 110 + members]], "greater")
    assert found.tail_share == members / 10
    assert found.tail_p == pytest.approx(exact.pvalue)


def test_a_few_memorised_images_show_in_the_tail_alone():
    train, test = errors(500, 0), errors(500, 1)
    train[:20] = 1e-9
    found = s.separation(train, test)
    assert found.tail_p < 0.001
    assert found.better_p > 0.01
    assert found.p < 0.002


def test_tests_are_silent_where_membership_does_not_matter():
    p = [s.separation(errors(60, 2 * k), errors(60, 2 * k + 1)).p for k in range(150)]
    assert np.mean(np.array(p) < 0.05) < 0.1


def test_gap_is_signed_antisymmetric_and_websters_where_positive():
    low, high = errors(101, 0, 0.5), errors(101, 1)
    gap, turned = s.signed_gap(low, high), s.signed_gap(high, low)
    assert gap.value == pytest.approx((np.median(high) - np.median(low)) / np.median(high))
    assert turned.value == pytest.approx(-gap.value)
    assert turned.interval.high < 0 < gap.interval.low
    assert s.signed_gap([0.0, 0.0], [1.0, 1.0]).value == pytest.approx(1)


@pytest.mark.parametrize("count", [40, 41])
def test_interval_of_the_gap_agrees_with_scipys_bootstrap(count):
    train, test = errors(count, 3, 0.6), errors(count, 4)
    ratio = lambda a, b, axis: np.log(np.median(b, axis=axis) / np.median(a, axis=axis))  # noqa: E731
    options = {"method": "percentile", "n_resamples": 4000, "vectorized": True, "rng": np.random.default_rng(0)}
    ends = stats.bootstrap((train, test), ratio, **options).confidence_interval
    found = s.signed_gap(train, test, resamples=4000).interval
    assert -np.log1p(-found.low) == pytest.approx(ends.low, abs=0.05)
    assert -np.log1p(-found.high) == pytest.approx(ends.high, abs=0.05)


def test_gate_has_the_exact_interval():
    found = s.gate([1e-8] * 45 + [1e-3] * 5)
    assert found.rate == 0.9
    assert found.passed
    assert found.interval.low == pytest.approx(stats.beta.ppf(0.025, 45, 6))
    assert found.interval.high == pytest.approx(stats.beta.ppf(0.975, 46, 5))
    assert not s.gate([1e-8] * 44 + [1e-3] * 6).passed


def test_the_smallest_detectable_gap_is_found_as_often_as_promised():
    test = errors(200, 0)
    found = power.detectable(test, 200)
    hits = [
        s.separation(errors(200, 2 * k, 1 - found.gap), errors(200, 2 * k + 1)).better_p < found.alpha / 2
        for k in range(1, 121)
    ]
    assert np.mean(hits) == pytest.approx(found.power, abs=0.12)


@pytest.mark.parametrize("delta", [0.1, 0.3, 0.474])
def test_images_needed_inverts_what_is_detectable(delta):
    n = power.images_needed(delta)
    assert power.detectable(errors(n, 0), n).delta <= delta
    assert power.detectable(errors(n - 1, 0), n - 1).delta > delta


def test_too_few_images_are_told_how_many_it_takes():
    power.check_enough(power.images_needed(power.LARGE_EFFECT))
    with pytest.raises(DataError, match=rf"12 images .* needs {power.images_needed(power.LARGE_EFFECT)} of each"):
        power.check_enough(12)


@pytest.mark.parametrize("bad", [[1.0, np.nan], [[1.0, 2.0]], [-1.0, 1.0]])
def test_errors_that_are_none_are_refused(bad):
    with pytest.raises(ContractError, match="train errors must be"):
        s.error_statistics(bad, [1.0, 2.0], [1.0, 2.0])
