import math
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.gans.objectives.discrepancy import discrepancy


def slow(a, b) -> float:
    """The definition, pair by pair."""
    both = a + b

    def square(x, y):
        return sum((i - j) ** 2 for i, j in zip(x, y, strict=True))

    pairs = [square(both[i], both[j]) for i in range(len(both)) for j in range(i)]
    median = sorted(pairs)[(len(pairs) - 1) // 2]  # of an even number, torch takes the lower of the middle two

    def mean_kernel(xs, ys):
        scales = (0.25, 0.5, 1.0, 2.0, 4.0)
        return statistics.fmean(sum(math.exp(-square(x, y) / (s * median)) for s in scales) for x in xs for y in ys)

    return mean_kernel(a, a) + mean_kernel(b, b) - 2 * mean_kernel(a, b)


@given(st.integers(2, 6), st.integers(2, 6), st.integers(1, 4), st.integers(0, 2**31))
@settings(max_examples=40)
def test_it_is_the_definition_pair_by_pair(count, other, dim, seed):
    rng = torch.Generator().manual_seed(seed)
    a, b = torch.randn(count, dim, generator=rng), 2 * torch.randn(other, dim, generator=rng) + 1
    assert float(discrepancy(a, b)) == pytest.approx(slow(a.tolist(), b.tolist()), abs=2e-5)


def test_equal_samples_have_none_and_distant_ones_much():
    rng = torch.Generator().manual_seed(0)
    a, same, far = (torch.randn(100, 4, generator=rng) + shift for shift in (0, 0, 3))
    assert float(discrepancy(a, a)) == pytest.approx(0.0, abs=1e-6)
    assert 0 < 20 * float(discrepancy(a, same)) < float(discrepancy(a, far))


def test_it_pulls_samples_together():
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(50, 3, generator=rng), (torch.randn(50, 3, generator=rng) + 2).requires_grad_(True)
    (gradient,) = torch.autograd.grad(discrepancy(a, b), b)
    assert (gradient.mean(0) > 0).all()


def test_identical_points_are_no_division_by_zero():
    a = torch.ones(4, 2, requires_grad=True)
    value = discrepancy(a, torch.ones(3, 2))
    value.backward()
    assert float(value) == 0.0
    assert a.grad.isfinite().all()
