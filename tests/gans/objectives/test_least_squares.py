import torch
from torch import nn
from torch.nn.functional import mse_loss

from bench.gans.objectives.least_squares import LeastSquares


def test_losses_are_half_the_squared_distance_to_the_targets():
    real, fake = torch.randn(32), torch.randn(32)
    objective, identity = LeastSquares(), nn.Identity()
    ones, zeros = torch.ones(32), torch.zeros(32)
    expected = (mse_loss(real, ones) + mse_loss(fake, zeros)) / 2
    torch.testing.assert_close(objective.discriminator_loss(identity, real, fake), expected)
    torch.testing.assert_close(objective.generator_loss(identity, fake), mse_loss(fake, ones) / 2)


def test_the_discriminator_rests_at_zero_and_one():
    """Targets a = 0, b = 1: the loss of a perfect discriminator is 0, and there the gradient vanishes."""
    real, fake = torch.ones(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    loss = LeastSquares().discriminator_loss(nn.Identity(), real, fake)
    assert float(loss) == 0.0
    for gradient in torch.autograd.grad(loss, [real, fake]):
        assert not gradient.any()
