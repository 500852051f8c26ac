import pytest
import torch
from torch import nn

from bench.gans.regularizers.base import Regularizer, input_gradient
from bench.gans.regularizers.gradients import UnitNorm, ZeroCentred

SHAPE = (2, 3, 4)


def linear(weight):
    return lambda x: x.flatten(1) @ weight


def test_a_linear_critic_has_its_weights_as_gradient():
    weight = torch.randn(24)
    x = torch.randn(5, *SHAPE)
    torch.testing.assert_close(input_gradient(linear(weight), x), weight.expand(5, -1))
    real = ZeroCentred(10.0).penalty(linear(weight), x, x)
    torch.testing.assert_close(real, 5.0 * weight.square().sum())


def test_the_penalties_agree_with_finite_differences():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(24, 8), nn.Softplus(), nn.Linear(8, 1)).double()
    critic = lambda x: network(x).squeeze(1)  # noqa: E731
    x = torch.randn(3, *SHAPE, dtype=torch.float64)
    gradient = torch.zeros(3, 24, dtype=torch.float64)
    for place in range(24):
        shift = torch.zeros(24, dtype=torch.float64)
        shift[place] = 1e-6
        moved = shift.view(SHAPE)
        gradient[:, place] = (critic(x + moved) - critic(x - moved)).detach() / 2e-6
    expected = 5.0 * gradient.square().sum(1).mean()
    torch.testing.assert_close(
        ZeroCentred(10.0).penalty(critic, x, x), expected, rtol=1e-4, atol=0, check_dtype=False
    )
    unit = UnitNorm(10.0)
    unit.begin(0.0, torch.Generator().manual_seed(0))
    expected = 10 * (gradient.norm(dim=1) - 1).square().mean()
    found = unit.penalty(critic, x.float().double(), x.float().double())  # between x and itself lies x
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=0, check_dtype=False)


@pytest.mark.parametrize("penalty", [ZeroCentred(10.0), UnitNorm(10.0)])
def test_the_penalty_can_be_learned_from(penalty):
    """Its own gradient with respect to the critic's weights is that of the closed form for a linear critic."""
    weight = torch.randn(24, requires_grad=True)
    x = torch.randn(5, *SHAPE)
    penalty.begin(0.0, torch.Generator().manual_seed(0))
    (found,) = torch.autograd.grad(penalty.penalty(linear(weight), x, x + 1), weight)
    norm = weight.norm()
    closed = 5.0 * norm.square() if isinstance(penalty, ZeroCentred) else 10 * (norm - 1).square()
    (expected,) = torch.autograd.grad(closed, weight)
    torch.testing.assert_close(found, expected)


def test_unit_norm_looks_at_points_between_pairs():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    unit = UnitNorm(1.0)
    unit.begin(0.0, torch.Generator().manual_seed(0))
    real, fake = torch.zeros(200, *SHAPE), torch.ones(200, *SHAPE)
    unit.penalty(critic, real, fake)
    share = seen[0].flatten(1)
    assert torch.equal(share, share[:, :1].expand(-1, 24))  # one share an image
    assert 0.0 <= float(share.min()) < 0.05
    assert 0.95 < float(share.max()) <= 1.0
    assert abs(float(share.mean()) - 0.5) < 0.1


def test_the_zero_centred_penalty_looks_at_real_images_alone():
    x = torch.randn(4, *SHAPE)
    square = lambda images: images.flatten(1).square().sum(1)  # noqa: E731
    with_nan = torch.full_like(x, float("nan"))
    expected = 5.0 * (2 * x).flatten(1).square().sum(1).mean()
    torch.testing.assert_close(ZeroCentred(10.0).penalty(square, x, with_nan), expected)


def test_a_plain_regularizer_does_nothing():
    plain = Regularizer()
    x = torch.randn(2, *SHAPE)
    assert plain.view(x) is x
    assert plain.penalty(lambda images: images, x, x) is None
