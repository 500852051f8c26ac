"""Precision, recall, density and coverage against the prdc package, torch-fidelity, and small sets by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from torch_fidelity.metric_prc import calculate_precision_recall_full

from bench.core.errors import BenchError, ContractError
from bench.metrics import manifold
from bench.metrics.evaluation import evaluate, open_metrics
from bench.metrics.manifold import prdc


def two_sets(real, fake, dim, scale=0.9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(real, dim, generator=generator, dtype=torch.float64)
    return first, torch.randn(fake, dim, generator=generator, dtype=torch.float64) * scale + 0.2


def as_dict(found):
    return {name: getattr(found, name) for name in ("precision", "recall", "density", "coverage")}


@settings(max_examples=25)
@given(
    st.integers(8, 60),
    st.integers(8, 60),
    st.integers(1, 40),
    st.integers(1, 6),
    st.floats(0.2, 3),
    st.integers(0, 99),
)
def test_equals_the_prdc_package(real, fake, dim, neighbours, scale, seed):
    first, second = two_sets(real, fake, dim, scale, seed)
    expected = compute_prdc(first.numpy(), second.numpy(), neighbours)
    assert as_dict(prdc(first, second, neighbours)) == pytest.approx(expected)


def test_blocks_give_what_one_block_gives(monkeypatch):
    first, second = two_sets(70, 90, 5)
    whole = prdc(first, second)
    monkeypatch.setattr(manifold, "BLOCK_VALUES", 700)
    assert prdc(first, second) == whole


def test_precision_and_recall_equal_torch_fidelity():
    first, second = two_sets(200, 150, 12)
    precision, recall = calculate_precision_recall_full(second, first, neighborhood=3)
    found = prdc(first, second, 3)
    assert (found.precision, found.recall) == pytest.approx((precision, recall), abs=1e-6)


def test_the_readme_of_prdc():
    # Two gaussian samples of d = 1000, N = 10,000 and k = 5 give .4772, .4705, 1.0555 and .9735; a fifth of them.
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 2000, 1000, generator=generator)
    expected = compute_prdc(first.double().numpy(), second.double().numpy(), 5)
    assert as_dict(prdc(first, second, 5)) == pytest.approx(expected, abs=1e-3)


def test_four_points_by_hand():
    real, fake = torch.tensor([[0.0], [1.0], [10.0]]), torch.tensor([[0.5], [100.0]])
    # k = 1: balls of reals reach 1, 1 and 9; of fakes 99.5.
    found = prdc(real, fake, 1)
    assert as_dict(found) == pytest.approx({"precision": 0.5, "recall": 1.0, "density": 1.0, "coverage": 2 / 3})
    assert found.density == pytest.approx((2 + 0) / 2)  # 0.5 lies in two balls, exactly 9.5 from the third centre


def test_equal_sets_are_perfect_and_far_ones_hopeless():
    first, _ = two_sets(50, 50, 3)
    assert as_dict(prdc(first, first.clone())) == pytest.approx(
        {"precision": 1.0, "recall": 1.0, "density": 1.0, "coverage": 1.0}, abs=0.2
    )
    assert as_dict(prdc(first, first + 100)) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_a_permutation_changes_nothing():
    first, second = two_sets(40, 60, 4)
    shuffled = prdc(first[torch.randperm(40)], second[torch.randperm(60)])
    assert as_dict(shuffled) == pytest.approx(as_dict(prdc(first, second)))


@pytest.mark.parametrize(
    ("first", "second", "neighbours", "message"),
    [
        (torch.zeros(5, 2), torch.zeros(9, 2), 5, "needs at least 6 samples a side, got 5"),
        (torch.zeros(9, 2), torch.zeros(9, 3), 5, "expected features"),
        (torch.zeros(9, 2), torch.zeros(9, 2), 0, "neighbours = 0: expected 1 or more"),
        (torch.full((9, 2), torch.inf), torch.zeros(9, 2), 5, "not finite"),
    ],
)
def test_mistakes_are_named(first, second, neighbours, message):
    with pytest.raises(ContractError, match=message):
        prdc(first, second, neighbours)


def test_four_metrics_share_the_distances(pixel_gan, make_images, readers, monkeypatch):
    calls = []
    compute = manifold.prdc
    monkeypatch.setattr(manifold, "prdc", lambda *given: calls.append(given[2]) or compute(*given))
    images = make_images(40, (1, 4, 4))
    codes = images.floats(slice(None)).flatten(1).roll(1, 1)
    names = ["precision@plain", "recall@plain", "density@plain", "coverage@plain", "precision:3@plain"]
    result = evaluate(pixel_gan((1, 4, 4)), images, codes, open_metrics(names), track="test", device="cpu")
    assert sorted(calls) == [3, 5]
    flat = images.data.flatten(1).double()
    expected = compute(flat, flat.roll(1, 1), 5)
    for name in names[:4]:
        assert result.summaries[name] == {"value": getattr(expected, name.split("@")[0]), "n": 40}


def test_too_few_images_say_how_many_it_takes(pixel_gan, make_images, readers):
    images = make_images(4, (1, 4, 4))
    codes = images.floats(slice(None)).flatten(1)
    result = evaluate(pixel_gan((1, 4, 4)), images, codes, open_metrics(["recall@plain"]), track="test", device="cpu")
    assert result.skipped == {"recall@plain": "needs at least 6 images, got 4"}
    with pytest.raises(BenchError, match="neighbours = 0: expected 1 or more"):
        open_metrics(["recall:0@plain"])
